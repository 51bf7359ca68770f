// Σ|x| in the shape of src/backend/summation.rs: 16 consecutive numbers are a block.

// The lanes of a chunk: partials [chunks][16]. A half warp takes a chunk.
extern "C" __global__ void absolute_sum_chunks(unsigned length, const float *x, float *partials) {
    unsigned number = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned chunk = number / LANES, lane = number % LANES;
    unsigned first = chunk * CHUNK * LANES;
    if (first >= length) return;
    unsigned last = smaller(length, first + CHUNK * LANES);
    float sum = 0.0f;
    for (unsigned i = first + lane; i < last; i += LANES) sum = sum + fabsf(x[i]);
    partials[number] = sum;
}
ENTRY(absolute_sum_chunks)

// Quantities in partials of the shape [chunks][quantities][16], added: sums [quantities]. A thread
// block of 256 takes 16 quantities.
extern "C" __global__ void add_partials(unsigned chunks, unsigned quantities, const float *partials,
                                        float *sums) {
    __shared__ float lanes[16][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned quantity = blockIdx.x * 16 + place;
    if (quantity < quantities)
        lanes[place][lane] = add_chunks(partials, chunks, quantities, quantity, lane);
    __syncthreads();
    if (quantity < quantities && lane == 0) sums[quantity] = add_lanes(lanes[place]);
}
ENTRY(add_partials)

// The lanes of each chunk's Σ x and Σ|x| or, where `spread` is 1, of Σ (x − mean)² without the padding and the
// count of x > 0: partials [chunks][2][channels][16]. The mean is the first row of statistics [4][channels].
extern "C" __global__ void neuron_sums(Normalisation d, unsigned spread, const float *x,
                                       const float *statistics, float *partials) {
    unsigned groups = (d.channels + CHANNELS - 1) / CHANNELS;
    unsigned chunk = blockIdx.x / groups;
    unsigned channel = blockIdx.x % groups * CHANNELS + threadIdx.x / LANES;
    unsigned lane = threadIdx.x % LANES;
    if (channel >= d.channels) return;
    float mean = spread ? statistics[channel] : 0.0f, first = 0.0f, second = 0.0f;
    unsigned last = smaller(all_pixels(d), (chunk + 1) * CHUNK);
    for (unsigned pixel = chunk * CHUNK; pixel < last; pixel++) {
        float value = x[((size_t)pixel * d.channels + channel) * LANES + lane];
        if (spread) {
            float difference = value - mean;
            if (lane >= present(d, pixel)) difference = 0.0f;
            first = fmaf(difference, difference, first);
            second = second + if_less(0.0f, value, 1.0f, 0.0f);
        } else {
            first = first + value;
            second = second + fabsf(value);
        }
    }
    float *to = partials + ((size_t)chunk * 2 * d.channels + channel) * LANES + lane;
    to[0] = first;
    to[(size_t)d.channels * LANES] = second;
}
ENTRY(neuron_sums)

// Mean and mean magnitude or, where `spread` is 1, deviation and share of x > 0, of statistics [4][channels].
extern "C" __global__ void neuron_statistics(Normalisation d, unsigned spread, unsigned chunks,
                                             const float *partials, float *statistics) {
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
    float n = (float)(d.samples * d.pixels);
    float first = add_lanes(lanes[0][place]) / n;
    float *to = statistics + (spread ? 2 * d.channels : 0) + channel;
    to[0] = spread ? sqrtf(first) : first;
    to[d.channels] = add_lanes(lanes[1][place]) / n;
}
ENTRY(neuron_statistics)
