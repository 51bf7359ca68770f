// Scale and shift of each channel, and their gradients.

// y = fma(scale, x, shift), then the residual added and ReLU applied if requested; +0 in the padding lanes. scale,
// shift and residual may be null. One thread per element.
extern "C" __global__ void scale_shift(Normalisation d, unsigned length, unsigned relu,
                                       const float *scale, const float *shift, const float *x,
                                       const float *residual, float *y) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned channel = channel_of(d, i);
    float value = fmaf(scale ? scale[channel] : 1.0f, x[i], shift ? shift[channel] : 0.0f);
    y[i] = epilogue(d, i, value, residual, relu);
}
ENTRY(scale_shift)

// The lanes of Σ dy and Σ dy·x of each chunk: partials [chunks][2][channels][16]. x may be null.
extern "C" __global__ void scale_shift_sums(Normalisation d, const float *x, const float *dy,
                                            float *partials) {
    ChunkLane of = chunk_lane(d);
    if (of.channel >= d.channels) return;
    float sum = 0.0f, product = 0.0f;
    for (unsigned pixel = of.first; pixel < of.last; pixel++) {
        size_t i = place(d, of, pixel);
        sum = sum + dy[i];
        if (x) product = fmaf(dy[i], x[i], product);
    }
    store_sums(d, of, sum, product, partials);
}
ENTRY(scale_shift_sums)

// dscale = Σ dy·x and dshift = Σ dy; either may be null.
extern "C" __global__ void scale_shift_gradients(Normalisation d, unsigned chunks,
                                                 const float *partials, float *dscale,
                                                 float *dshift) {
    ChannelSums sums = add_sums(d, chunks, partials);
    if (!sums.mine) return;
    if (dshift) dshift[sums.channel] = sums.first;
    if (dscale) dscale[sums.channel] = sums.second;
}
ENTRY(scale_shift_gradients)
