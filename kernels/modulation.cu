// The modulated activity of a layer, and its gradient: src/backend/modulations.rs.

// The struct Modulation of src/backend/modulations.rs. Activities: 0 none, 1 linearity, 2 offset, 3 both.
struct Modulated {
    unsigned samples, pixels, channels;
    unsigned first, neurons, per_sample, activity;
};

__device__ inline Normalisation layer_of(Modulated d) {
    Normalisation layer = {d.samples, d.pixels, d.channels};
    return layer;
}

// The index of the first signal of a channel, for a lane of a block of samples; the others are 16 further each.
__device__ inline size_t signals_at(Modulated d, unsigned block, unsigned channel, unsigned lane) {
    unsigned neuron = d.first + channel;
    if (d.per_sample) return ((size_t)block * d.neurons + neuron) * 4 * LANES + lane;
    return (size_t)(neuron / LANES) * 4 * LANES + neuron % LANES;
}

// z = fma(α_WC, v, fma(α_SM, u, u)), and h unless there is no activity; +0 in the padding lanes. One thread per
// element.
extern "C" __global__ void modulation(Modulated d, unsigned length, const float *signals,
                                      const float *u, const float *v, float *z, float *h) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    Normalisation layer = layer_of(d);
    unsigned block = i / LANES / d.channels / d.pixels;
    const float *signal = signals + signals_at(d, block, channel_of(layer, i), i % LANES);
    float value = fmaf(signal[LANES], v[i], fmaf(signal[0], u[i], u[i]));
    z[i] = epilogue(layer, i, value, nullptr, 0);
    if (d.activity == 0) return;
    float a = signal[2 * LANES], b = signal[3 * LANES];
    float r = if_less(value, 0.0f, 0.0f, value + 0.0f), result;
    if (d.activity == 1) result = fmaf(b, value, fmaf(a, r, r));
    else if (d.activity == 2) result = fmaf(a, r, r) + b;
    else result = fmaf(a, value, r) + b;
    h[i] = epilogue(layer, i, result, nullptr, 0);
}
ENTRY(modulation)

// The gradient with respect to z.
__device__ inline float gradient_of_z(Modulated d, float a, float b, float z, float dh) {
    float above = if_less(0.0f, z, dh, 0.0f);
    if (d.activity == 0) return dh;
    if (d.activity == 1) return fmaf(b, dh, fmaf(a, above, above));
    if (d.activity == 2) return fmaf(a, above, above);
    return fmaf(a, dh, above);
}

// du = fma(α_SM, dz, dz) and dv = α_WC·dz; +0 in the padding lanes. One thread per element.
extern "C" __global__ void modulation_backward(Modulated d, unsigned length, const float *signals,
                                               const float *z, const float *dh, float *du, float *dv) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    Normalisation layer = layer_of(d);
    unsigned block = i / LANES / d.channels / d.pixels;
    const float *signal = signals + signals_at(d, block, channel_of(layer, i), i % LANES);
    float dz = gradient_of_z(d, signal[2 * LANES], signal[3 * LANES], z[i], dh[i]);
    du[i] = epilogue(layer, i, fmaf(signal[0], dz, dz), nullptr, 0);
    dv[i] = epilogue(layer, i, signal[LANES] * dz, nullptr, 0);
}
ENTRY(modulation_backward)

// The gradients of α_SM and α_WC or, if `second` is 1, of α_3 and α_4, with the terms of element i added.
__device__ inline void add_signals(Modulated d, unsigned second, float a, float b, float u, float v,
                                   float z, float dh, float *sums) {
    if (second == 0) {
        float dz = gradient_of_z(d, a, b, z, dh);
        sums[0] = fmaf(dz, u, sums[0]);
        sums[1] = fmaf(dz, v, sums[1]);
    } else if (d.activity != 0) {
        float r = if_less(z, 0.0f, 0.0f, z + 0.0f);
        sums[0] = fmaf(dh, d.activity == 3 ? z : r, sums[0]);
        sums[1] = d.activity == 1 ? fmaf(dh, z, sums[1]) : sums[1] + dh;
    }
}

// The lanes of each chunk's two sums: partials [chunks][2][channels][16].
extern "C" __global__ void signal_sums(Modulated d, unsigned second, const float *signals,
                                       const float *u, const float *v, const float *z,
                                       const float *dh, float *partials) {
    Normalisation layer = layer_of(d);
    ChunkLane of = chunk_lane(layer);
    if (of.channel >= d.channels) return;
    const float *signal = signals + signals_at(d, 0, of.channel, of.lane);
    float a = signal[2 * LANES], b = signal[3 * LANES], sums[2] = {0.0f, 0.0f};
    for (unsigned pixel = of.first; pixel < of.last; pixel++) {
        size_t i = place(layer, of, pixel);
        add_signals(d, second, a, b, u[i], v[i], z[i], dh[i], sums);
    }
    store_sums(layer, of, sums[0], sums[1], partials);
}
ENTRY(signal_sums)

// Adds the chunks of signal_sums: dsignals of this layer's neurons.
extern "C" __global__ void signal_gradients(Modulated d, unsigned second, unsigned chunks,
                                            const float *partials, float *dsignals) {
    ChannelSums sums = add_sums(layer_of(d), chunks, partials);
    if (!sums.mine) return;
    float *to = dsignals + signals_at(d, 0, sums.channel, 0) + 2 * second * LANES;
    to[0] = sums.first;
    to[LANES] = sums.second;
}
ENTRY(signal_gradients)

// dsignals of each sample: sums over the pixels, ascending; +0 in the padding lanes. One thread per channel of a
// sample.
extern "C" __global__ void sample_signals(Modulated d, const float *signals, const float *u,
                                          const float *v, const float *z, const float *dh,
                                          float *dsignals) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned lane = i % LANES, channel = i / LANES % d.channels, block = i / LANES / d.channels;
    if (block >= (d.samples + LANES - 1) / LANES) return;
    size_t at = signals_at(d, block, channel, lane);
    float a = signals[at + 2 * LANES], b = signals[at + 3 * LANES];
    float first[2] = {0.0f, 0.0f}, second[2] = {0.0f, 0.0f};
    for (unsigned pixel = block * d.pixels; pixel < (block + 1) * d.pixels; pixel++) {
        size_t e = ((size_t)pixel * d.channels + channel) * LANES + lane;
        add_signals(d, 0, a, b, u[e], v[e], z[e], dh[e], first);
        add_signals(d, 1, a, b, u[e], v[e], z[e], dh[e], second);
    }
    bool counts = lane < d.samples - block * LANES;
    dsignals[at] = counts ? first[0] : 0.0f;
    dsignals[at + LANES] = counts ? first[1] : 0.0f;
    dsignals[at + 2 * LANES] = counts ? second[0] : 0.0f;
    dsignals[at + 3 * LANES] = counts ? second[1] : 0.0f;
}
ENTRY(sample_signals)
