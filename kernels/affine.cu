// Scale and shift of each channel, and their gradients.

// y = fma(scale, x, shift), the residual added and ReLU taken if given, +0 in the padding. scale, shift and
// residual may be null. One thread a number.
extern "C" __global__ void scale_shift(Normalisation d, unsigned length, unsigned relu,
                                       const float *scale, const float *shift, const float *x,
                                       const float *residual, float *y) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned channel = i / LANES % d.channels, pixel = i / LANES / d.channels;
    float value = fmaf(scale ? scale[channel] : 1.0f, x[i], shift ? shift[channel] : 0.0f);
    if (residual) value = value + residual[i];
    if (relu) value = if_less(value, 0.0f, 0.0f, value + 0.0f);
    y[i] = i % LANES < present(d, pixel) ? value : 0.0f;
}
ENTRY(scale_shift)

// The lanes of Σ dy and Σ dy·x of each chunk: partials [chunks][2][channels][16]. x may be null.
extern "C" __global__ void scale_shift_sums(Normalisation d, const float *x, const float *dy,
                                            float *partials) {
    unsigned groups = (d.channels + CHANNELS - 1) / CHANNELS;
    unsigned chunk = blockIdx.x / groups;
    unsigned channel = blockIdx.x % groups * CHANNELS + threadIdx.x / LANES;
    unsigned lane = threadIdx.x % LANES;
    if (channel >= d.channels) return;
    float sum = 0.0f, product = 0.0f;
    unsigned last = smaller(all_pixels(d), (chunk + 1) * CHUNK);
    for (unsigned pixel = chunk * CHUNK; pixel < last; pixel++) {
        size_t i = ((size_t)pixel * d.channels + channel) * LANES + lane;
        sum = sum + dy[i];
        if (x) product = fmaf(dy[i], x[i], product);
    }
    float *to = partials + ((size_t)chunk * 2 * d.channels + channel) * LANES + lane;
    to[0] = sum;
    to[(size_t)d.channels * LANES] = product;
}
ENTRY(scale_shift_sums)

// dscale = Σ dy·x and dshift = Σ dy; either may be null.
extern "C" __global__ void scale_shift_gradients(Normalisation d, unsigned chunks,
                                                 const float *partials, float *dscale,
                                                 float *dshift) {
    __shared__ float lanes[2][CHANNELS][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned channel = blockIdx.x * CHANNELS + place;
    if (channel < d.channels) {
        unsigned all = 2 * d.channels;
        lanes[0][place][lane] = add_chunks(partials, chunks, all, channel, lane);
        lanes[1][place][lane] = add_chunks(partials, chunks, all, d.channels + channel, lane);
    }
    __syncthreads();
    if (channel >= d.channels || lane != 0) return;
    if (dshift) dshift[channel] = add_lanes(lanes[0][place]);
    if (dscale) dscale[channel] = add_lanes(lanes[1][place]);
}
ENTRY(scale_shift_gradients)
