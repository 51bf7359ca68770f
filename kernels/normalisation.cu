// Batch normalisation: statistics, normalisation fused with the residual addition and ReLU, gradient.
//
// Sums run over the pixels of every block of samples, in chunks of 32. A thread block of 256 takes 16
// channels × 16 lanes; a separate kernel adds the chunks in ascending order.

// K of each channel: the mean over the first chunk, which has `counted` elements.
extern "C" __global__ void batch_shift(Normalisation d, float counted, const float *x, float *shift) {
    __shared__ float lanes[CHANNELS][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned channel = blockIdx.x * CHANNELS + place;
    if (channel < d.channels) {
        unsigned last = smaller(CHUNK, all_pixels(d));
        float sum = 0.0f;
        for (unsigned pixel = 0; pixel < last; pixel++)
            sum = sum + x[((size_t)pixel * d.channels + channel) * LANES + lane];
        lanes[place][lane] = sum;
    }
    __syncthreads();
    if (channel < d.channels && lane == 0) shift[channel] = add_lanes(lanes[place]) / counted;
}
ENTRY(batch_shift)

// The lanes of Σ (x − K) and Σ (x − K)² of each chunk: partials [chunks][2][channels][16].
extern "C" __global__ void batch_moments(Normalisation d, const float *x, const float *shift,
                                         float *partials) {
    ChunkLane of = chunk_lane(d);
    if (of.channel >= d.channels) return;
    float k = shift[of.channel], sum = 0.0f, square = 0.0f;
    for (unsigned pixel = of.first; pixel < of.last; pixel++) {
        float difference = x[place(d, of, pixel)] - k;
        if (of.lane >= present(d, pixel)) difference = 0.0f;
        sum = sum + difference;
        square = fmaf(difference, difference, square);
    }
    store_sums(d, of, sum, square, partials);
}
ENTRY(batch_moments)

// The statistics from the chunks' moments, and their running averages: [2][channels] each.
extern "C" __global__ void batch_statistics(Normalisation d, unsigned chunks, float epsilon,
                                            float momentum, const float *shift, const float *partials,
                                            float *running, float *statistics) {
    ChannelSums sums = add_sums(d, chunks, partials);
    if (!sums.mine) return;
    float n = (float)(d.samples * d.pixels), others = (float)(d.samples * d.pixels - 1);
    unsigned channel = sums.channel;
    float sum = sums.first, square = sums.second;
    float offset = sum / n;
    float mean = shift[channel] + offset;
    float squares = square - sum * offset;
    squares = if_less(squares, 0.0f, 0.0f, squares);
    statistics[channel] = mean;
    statistics[d.channels + channel] = 1.0f / sqrtf(squares / n + epsilon);
    float keep = 1.0f - momentum;
    running[channel] = fmaf(momentum, mean, keep * running[channel]);
    float *variance = running + d.channels + channel;
    *variance = fmaf(momentum, squares / others, keep * *variance);
}
ENTRY(batch_statistics)

// The running mean, then 1/√(running variance + ε).
extern "C" __global__ void running_statistics(unsigned length, float epsilon, const float *running,
                                              float *statistics) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    statistics[i] = i < length / 2 ? running[i] : 1.0f / sqrtf(running[i] + epsilon);
}
ENTRY(running_statistics)

// y = fma(x − mean, γ·r, β), then the residual added and ReLU applied if requested; +0 in the padding lanes. One
// thread per element.
extern "C" __global__ void normalise(Normalisation d, unsigned length, unsigned relu,
                                     const float *statistics, const float *gamma, const float *beta,
                                     const float *x, const float *residual, float *y) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned channel = channel_of(d, i);
    float scale = gamma[channel] * statistics[d.channels + channel];
    float value = fmaf(x[i] - statistics[channel], scale, beta[channel]);
    y[i] = epilogue(d, i, value, residual, relu);
}
ENTRY(normalise)

// Element i of dŷ: dy where the ReLU's output is positive, else +0. The output is y, or with β computed again; with neither,
// there was no ReLU.
__device__ inline float masked(float dy, float centred, float scale, const float *beta,
                               unsigned channel, const float *y, size_t i) {
    if (beta) return if_less(0.0f, fmaf(centred, scale, beta[channel]), dy, 0.0f);
    return y ? if_less(0.0f, y[i], dy, 0.0f) : dy;
}

// The lanes of Σ dŷ and Σ dŷ·(x − mean) of each chunk: partials [chunks][2][channels][16].
extern "C" __global__ void normalise_backward_sums(Normalisation d, const float *statistics,
                                                   const float *gamma, const float *beta,
                                                   const float *x, const float *y, const float *dy,
                                                   float *partials) {
    ChunkLane of = chunk_lane(d);
    if (of.channel >= d.channels) return;
    float mean = statistics[of.channel], sum = 0.0f, product = 0.0f;
    float scale = gamma[of.channel] * statistics[d.channels + of.channel];
    for (unsigned pixel = of.first; pixel < of.last; pixel++) {
        size_t i = place(d, of, pixel);
        float centred = x[i] - mean;
        float gradient = masked(dy[i], centred, scale, beta, of.channel, y, i);
        sum = sum + gradient;
        product = fmaf(gradient, centred, product);
    }
    store_sums(d, of, sum, product, partials);
}
ENTRY(normalise_backward_sums)

// dβ = Σ dŷ, dγ = r·Σ dŷ·(x − mean).
extern "C" __global__ void normalise_backward_parameters(Normalisation d, unsigned chunks,
                                                         const float *statistics,
                                                         const float *partials, float *dgamma,
                                                         float *dbeta) {
    ChannelSums sums = add_sums(d, chunks, partials);
    if (!sums.mine) return;
    dbeta[sums.channel] = sums.first;
    dgamma[sums.channel] = sums.second * statistics[d.channels + sums.channel];
}
ENTRY(normalise_backward_parameters)

// Overwrites dy with dx, and writes dŷ to the residual's gradient unless that is null. One thread per element.
extern "C" __global__ void normalise_backward(Normalisation d, unsigned length,
                                              const float *statistics, const float *gamma,
                                              const float *beta, const float *dgamma,
                                              const float *dbeta, const float *x, const float *y,
                                              float *dy, float *residual) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned channel = channel_of(d, i);
    float n = (float)(d.samples * d.pixels);
    float inverse = statistics[d.channels + channel];
    float scale = gamma[channel] * inverse, mean = statistics[channel];
    float gradient = masked(dy[i], x[i] - mean, scale, beta, channel, y, i);
    if (residual) residual[i] = gradient;
    float against = mean - x[i];
    float slope = (inverse * dgamma[channel]) / n;
    float dx = scale * fmaf(against, slope, gradient - dbeta[channel] / n);
    dy[i] = epilogue(d, i, dx, nullptr, 0);
}
ENTRY(normalise_backward)
