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
