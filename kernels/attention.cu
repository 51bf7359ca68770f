// Softmax over rows, and products of two activations.

// x ← softmax(x) over the channels of a pixel: one thread per pixel of a sample; +0 in the padding lanes.
extern "C" __global__ void softmax(Normalisation d, float *x) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned pixel = i / LANES, lane = i % LANES;
    if (pixel >= all_pixels(d)) return;
    float *row = x + (size_t)pixel * d.channels * LANES + lane;
    float largest = d.channels > 0 ? row[0] : 0.0f, total = 0.0f;
    for (unsigned c = 0; c < d.channels; c++)
        largest = if_less(largest, row[c * LANES], row[c * LANES], largest);
    for (unsigned c = 0; c < d.channels; c++) {
        float e = exponential(row[c * LANES] - largest);
        total = total + e;
        row[c * LANES] = e;
    }
    bool counts = lane < present(d, pixel);
    for (unsigned c = 0; c < d.channels; c++) {
        float share = row[c * LANES] / total;
        row[c * LANES] = counts ? share : 0.0f;
    }
}
ENTRY(softmax)

// dy ← y·(dy − Σ dy·y): one thread per pixel of a sample; +0 in the padding lanes.
extern "C" __global__ void softmax_backward(Normalisation d, const float *y, float *dy) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned pixel = i / LANES, lane = i % LANES;
    if (pixel >= all_pixels(d)) return;
    size_t start = (size_t)pixel * d.channels * LANES + lane;
    float total = 0.0f;
    for (unsigned c = 0; c < d.channels; c++)
        total = fmaf(dy[start + c * LANES], y[start + c * LANES], total);
    bool counts = lane < present(d, pixel);
    for (unsigned c = 0; c < d.channels; c++) {
        size_t at = start + c * LANES;
        float dx = y[at] * (dy[at] - total);
        dy[at] = counts ? dx : 0.0f;
    }
}
ENTRY(softmax_backward)

// c[i][j] = Σ a[i][t]·b[t][j] of each sample, t ascending: one thread per element of c. The steps are the distances,
// in blocks of 16, between rows of a, terms of a, terms of b and columns of b.
extern "C" __global__ void sample_product(unsigned length, unsigned rows, unsigned columns,
                                          unsigned terms, unsigned row_step, unsigned a_step,
                                          unsigned b_step, unsigned column_step, const float *a,
                                          const float *b, float *c) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned lane = i % LANES, column = i / LANES % columns;
    unsigned row = i / LANES / columns % rows;
    size_t block = i / LANES / columns / rows;
    const float *from_a = a + (block * rows * terms + (size_t)row * row_step) * LANES + lane;
    const float *from_b = b + (block * terms * columns + (size_t)column * column_step) * LANES + lane;
    float sum = 0.0f;
    for (unsigned t = 0; t < terms; t++)
        sum = fmaf(from_a[(size_t)t * a_step * LANES], from_b[(size_t)t * b_step * LANES], sum);
    c[i] = sum;
}
ENTRY(sample_product)

// rows[s][f] = x[s][f].
extern "C" __global__ void to_rows(unsigned length, unsigned features, const float *x, float *rows) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned sample = i / features, feature = i % features;
    rows[i] = x[((size_t)(sample / LANES) * features + feature) * LANES + sample % LANES];
}
ENTRY(to_rows)

// x[s][f] = rows[s][f]; +0 in the padding lanes.
extern "C" __global__ void to_blocked(unsigned length, unsigned samples, unsigned features,
                                     const float *rows, float *x) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned feature = i / LANES % features;
    unsigned sample = i / LANES / features * LANES + i % LANES;
    x[i] = sample < samples ? rows[(size_t)sample * features + feature] : 0.0f;
}
ENTRY(to_blocked)
