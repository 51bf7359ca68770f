// Σ|x| and Σ x² in the order of src/backend/summation.rs: 16 consecutive elements are a block.

// The lanes of a chunk: partials [chunks][16]. Half a warp takes one chunk. A square is rounded before it is added.
__device__ inline void chunk_lanes(bool squared, unsigned length, const float *x, float *partials) {
    unsigned number = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned chunk = number / LANES, lane = number % LANES;
    unsigned first = chunk * CHUNK * LANES;
    if (first >= length) return;
    unsigned last = smaller(length, first + CHUNK * LANES);
    float sum = 0.0f;
    for (unsigned i = first + lane; i < last; i += LANES)
        sum = sum + (squared ? x[i] * x[i] : fabsf(x[i]));
    partials[number] = sum;
}

extern "C" __global__ void absolute_sum_chunks(unsigned length, const float *x, float *partials) {
    chunk_lanes(false, length, x, partials);
}
ENTRY(absolute_sum_chunks)

extern "C" __global__ void squared_sum_chunks(unsigned length, const float *x, float *partials) {
    chunk_lanes(true, length, x, partials);
}
ENTRY(squared_sum_chunks)

// Adds partials [chunks][quantities][16] to sums [quantities]. A thread block of 256 takes 16
// quantities.
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

// The lanes of each chunk's Σ x and Σ|x| or, if `spread` is 1, of Σ (x − mean)² without the padding lanes and the
// count of x > 0: partials [chunks][2][channels][16]. The mean is the first row of statistics [4][channels].
extern "C" __global__ void neuron_sums(Normalisation d, unsigned spread, const float *x,
                                       const float *statistics, float *partials) {
    ChunkLane of = chunk_lane(d);
    if (of.channel >= d.channels) return;
    float mean = spread ? statistics[of.channel] : 0.0f, first = 0.0f, second = 0.0f;
    for (unsigned pixel = of.first; pixel < of.last; pixel++) {
        float value = x[place(d, of, pixel)];
        if (spread) {
            float difference = value - mean;
            if (of.lane >= present(d, pixel)) difference = 0.0f;
            first = fmaf(difference, difference, first);
            second = second + if_less(0.0f, value, 1.0f, 0.0f);
        } else {
            first = first + value;
            second = second + fabsf(value);
        }
    }
    store_sums(d, of, first, second, partials);
}
ENTRY(neuron_sums)

// Mean and mean magnitude or, if `spread` is 1, standard deviation and fraction of x > 0, of statistics
// [4][channels].
extern "C" __global__ void neuron_statistics(Normalisation d, unsigned spread, unsigned chunks,
                                             const float *partials, float *statistics) {
    ChannelSums sums = add_sums(d, chunks, partials);
    if (!sums.mine) return;
    float n = (float)(d.samples * d.pixels);
    float first = sums.first / n;
    float *to = statistics + (spread ? 2 * d.channels : 0) + sums.channel;
    to[0] = spread ? sqrtf(first) : first;
    to[d.channels] = sums.second / n;
}
ENTRY(neuron_statistics)
