// ReLU, GELU, gain and optimiser updates: one thread per element.

#define ELEMENT(length)                                   \
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;   \
    if (i >= (length)) return;

// x ← max(x, 0). Adding zero turns −0 into +0. A comparison with NaN is false, so NaN stays.
extern "C" __global__ void relu(unsigned length, float *x) {
    ELEMENT(length)
    x[i] = if_less(x[i], 0.0f, 0.0f, x[i] + 0.0f);
}
ENTRY(relu)

// dy ← dy where y > 0, else +0.
extern "C" __global__ void relu_backward(unsigned length, const float *y, float *dy) {
    ELEMENT(length)
    dy[i] = if_less(0.0f, y[i], dy[i], 0.0f);
}
ENTRY(relu_backward)

// x ← gelu(x).
extern "C" __global__ void gelu(unsigned length, float *x) {
    ELEMENT(length)
    x[i] = gelu_of(x[i]);
}
ENTRY(gelu)

// dy ← dy·gelu'(x).
extern "C" __global__ void gelu_backward(unsigned length, const float *x, float *dy) {
    ELEMENT(length)
    dy[i] = dy[i] * gelu_slope(x[i]);
}
ENTRY(gelu_backward)

// x ← 2·tanh(x/2).
extern "C" __global__ void bounded_tanh(unsigned length, float *x) {
    ELEMENT(length)
    x[i] = 2.0f * hyperbolic_tangent(x[i] * 0.5f);
}
ENTRY(bounded_tanh)

// dy ← dy·(1 − (x/2)²), where x is the output of bounded_tanh.
extern "C" __global__ void bounded_tanh_backward(unsigned length, const float *x, float *dy) {
    ELEMENT(length)
    float h = x[i] * 0.5f;
    dy[i] = dy[i] * fmaf(0.0f - h, h, 1.0f);
}
ENTRY(bounded_tanh_backward)

// x ← a·x.
extern "C" __global__ void scale(unsigned length, float a, float *x) {
    ELEMENT(length)
    x[i] = a * x[i];
}
ENTRY(scale)

// y ← fma(a, x, b·y).
extern "C" __global__ void axpby(unsigned length, float a, float b, const float *x, float *y) {
    ELEMENT(length)
    y[i] = fmaf(a, x[i], b * y[i]);
}
ENTRY(axpby)

// y ← x.
extern "C" __global__ void copy_floats(unsigned length, const float *x, float *y) {
    ELEMENT(length)
    y[i] = x[i];
}
ENTRY(copy_floats)

// y[at + i] ← x[first + i].
extern "C" __global__ void copy_blocks(unsigned length, unsigned first, unsigned at, const float *x,
                                       float *y) {
    ELEMENT(length)
    y[at + i] = x[first + i];
}
ENTRY(copy_blocks)

// y ← x·y.
extern "C" __global__ void multiply(unsigned length, const float *x, float *y) {
    ELEMENT(length)
    y[i] = x[i] * y[i];
}
ENTRY(multiply)

// drive ← totals[quantity]/samples: one thread.
extern "C" __global__ void mean_of_total(unsigned quantity, float samples, const float *totals,
                                         float *drive) {
    drive[0] = totals[quantity] / samples;
}
ENTRY(mean_of_total)

// g ← fma(γ, g, fma(η, H, baseline)); H holds one value per gain, or a single value for all.
extern "C" __global__ void gain_update(unsigned length, float gamma, float baseline, float eta,
                                       unsigned drives, const float *drive, float *g) {
    ELEMENT(length)
    float target = fmaf(eta, drive[drives == 1 ? 0 : i], baseline);
    g[i] = fmaf(gamma, g[i], target);
}
ENTRY(gain_update)

// w ← fma(−α, dw, w).
extern "C" __global__ void sgd(unsigned length, float rate, const float *dw, float *w) {
    ELEMENT(length)
    w[i] = fmaf(-rate, dw[i], w[i]);
}
ENTRY(sgd)

// v ← fma(μ, v, dw), w ← fma(−α, v, w).
extern "C" __global__ void momentum(unsigned length, float rate, float keep, const float *dw,
                                    float *v, float *w) {
    ELEMENT(length)
    float velocity = fmaf(keep, v[i], dw[i]);
    v[i] = velocity;
    w[i] = fmaf(-rate, velocity, w[i]);
}
ENTRY(momentum)

// Adam's recurrence with the corrections folded in: AdamStep in src/backend/optimizers.rs.
extern "C" __global__ void adam(unsigned length, float beta1, float beta2, float epsilon, float rate,
                                float correction, const float *dw, float *m, float *v, float *w) {
    ELEMENT(length)
    float gradient = dw[i];
    float mean = fmaf(beta1, m[i], (1.0f - beta1) * gradient);
    float square = fmaf(beta2, v[i], ((1.0f - beta2) * gradient) * gradient);
    m[i] = mean;
    v[i] = square;
    float scale = fmaf(sqrtf(square), correction, epsilon);
    w[i] = w[i] - (rate * mean) / scale;
}
ENTRY(adam)
