// Layer normalisation over the channels of each pixel of a sample. statistics [pixels][2][16] are mean and
// 1/√(variance + ε).

// One thread per pixel of a sample.
extern "C" __global__ void layer_statistics(Normalisation d, float epsilon, const float *x,
                                            float *statistics) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned pixel = i / LANES, lane = i % LANES;
    if (pixel >= all_pixels(d)) return;
    const float *row = x + (size_t)pixel * d.channels * LANES + lane;
    float n = (float)d.channels, sum = 0.0f, squares = 0.0f;
    for (unsigned c = 0; c < d.channels; c++) sum = sum + row[c * LANES];
    float mean = sum / n;
    for (unsigned c = 0; c < d.channels; c++) {
        float difference = row[c * LANES] - mean;
        squares = fmaf(difference, difference, squares);
    }
    float *to = statistics + (size_t)pixel * 2 * LANES + lane;
    to[0] = mean;
    to[LANES] = 1.0f / sqrtf(squares / n + epsilon);
}
ENTRY(layer_statistics)

// y = fma((x − mean)·r, γ, β); +0 in the padding lanes. One thread per element.
extern "C" __global__ void layer_normalise(Normalisation d, unsigned length, const float *statistics,
                                           const float *gamma, const float *beta, const float *x,
                                           float *y) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned channel = channel_of(d, i);
    const float *of = statistics + (size_t)(i / LANES / d.channels) * 2 * LANES + i % LANES;
    float value = fmaf((x[i] - of[0]) * of[LANES], gamma[channel], beta[channel]);
    y[i] = epilogue(d, i, value, nullptr, 0);
}
ENTRY(layer_normalise)

// The lanes of Σ dy and Σ dy·x̂ of each chunk: partials [chunks][2][channels][16].
extern "C" __global__ void layer_backward_sums(Normalisation d, const float *statistics,
                                               const float *x, const float *dy, float *partials) {
    ChunkLane of = chunk_lane(d);
    if (of.channel >= d.channels) return;
    float sum = 0.0f, product = 0.0f;
    for (unsigned pixel = of.first; pixel < of.last; pixel++) {
        size_t i = place(d, of, pixel);
        const float *kept = statistics + (size_t)pixel * 2 * LANES + of.lane;
        sum = sum + dy[i];
        product = fmaf(dy[i], (x[i] - kept[0]) * kept[LANES], product);
    }
    store_sums(d, of, sum, product, partials);
}
ENTRY(layer_backward_sums)

// Overwrites dy with dx; +0 in the padding lanes. One thread per pixel of a sample.
extern "C" __global__ void layer_backward(Normalisation d, const float *statistics,
                                          const float *gamma, const float *x, float *dy) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned pixel = i / LANES, lane = i % LANES;
    if (pixel >= all_pixels(d)) return;
    size_t start = (size_t)pixel * d.channels * LANES + lane;
    const float *of = statistics + (size_t)pixel * 2 * LANES + lane;
    float mean = of[0], inverse = of[LANES], n = (float)d.channels;
    float sum = 0.0f, product = 0.0f;
    for (unsigned c = 0; c < d.channels; c++) {
        float g = dy[start + c * LANES] * gamma[c];
        float unit = (x[start + c * LANES] - mean) * inverse;
        sum = sum + g;
        product = fmaf(g, unit, product);
    }
    float average = sum / n, slope = 0.0f - product / n;
    bool counts = lane < present(d, pixel);
    for (unsigned c = 0; c < d.channels; c++) {
        size_t at = start + c * LANES;
        float g = dy[at] * gamma[c];
        float unit = (x[at] - mean) * inverse;
        float dx = inverse * fmaf(unit, slope, g - average);
        dy[at] = counts ? dx : 0.0f;
    }
}
ENTRY(layer_backward)
