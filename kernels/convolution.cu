// Convolution: the forward pass and the gradient to the input. A product of weights and activations is a
// convolution of images of one pixel. Every result is one chain of fused multiply-adds over the source pixels,
// row-major, and their channels, ascending.
//
// A thread computes 4 adjacent samples (one 16-byte load) × 8 results, 32 chains, of one result
// pixel. A thread block takes up to 4 blocks of samples × 8 rows of threads, all of the same pixel. All its
// threads then need the same taps, and share the effective weights g·w of a tap, which are staged in
// shared memory for 32 source channels at a time.

// Results per thread.
#define RESULTS 8
// Maximum results per thread block.
#define TILE 64
// Source channels whose weights are staged at a time.
#define STAGE 32
// Row length of the staged weights: 4 more than a tile, so that adjacent rows start in different banks.
#define ROW (TILE + 4)

// Both directions; they differ only where `forward` is tested.
__device__ inline void convolve(bool forward, Convolution d, const float *gain, const float *w,
                                const float *x, bool add, float *y) {
    __shared__ __align__(16) float staged[STAGE][ROW];
    unsigned results = forward ? d.outputs : d.inputs;
    unsigned sources = forward ? d.inputs : d.outputs;
    unsigned width = forward ? d.columns : d.width, height = forward ? d.rows : d.height;
    unsigned source_width = forward ? d.width : d.columns;
    unsigned source_height = forward ? d.height : d.rows;

    // The tile of results, the pixel and the group of blocks of samples of this thread block.
    unsigned rows = blockDim.y * RESULTS;
    unsigned tiles = (results + rows - 1) / rows;
    unsigned number = blockIdx.x;
    unsigned first = number % tiles * rows;
    number /= tiles;
    unsigned pixel = number % (width * height);
    unsigned block = number / (width * height) * (blockDim.x / 4) + threadIdx.x / 4;
    bool active = block < d.blocks;
    unsigned lane = threadIdx.x % 4 * 4;
    unsigned count = smaller(rows, results - first);
    unsigned thread = threadIdx.y * blockDim.x + threadIdx.x, threads = blockDim.x * blockDim.y;
    // Threads without samples read the last block's and write nothing.
    const float *source = x + (size_t)(active ? block : d.blocks - 1) * source_height * source_width *
                                  sources * LANES + lane;
    float *result = y + (((size_t)(active ? block : 0) * height * width + pixel) * results + first +
                         threadIdx.y * RESULTS) * LANES + lane;

    float sums[RESULTS][4];
#pragma unroll
    for (unsigned r = 0; r < RESULTS; r++) {
        bool from = add && active && threadIdx.y * RESULTS + r < count;
#pragma unroll
        for (unsigned i = 0; i < 4; i++) sums[r][i] = from ? result[r * LANES + i] : 0.0f;
    }

    int size = d.size, stride = d.stride, padding = d.padding;
    int row = pixel / width, column = pixel % width;
    Reach down = forward ? window_reach(row, source_height, size, stride, padding)
                         : pixel_reach(row, source_height, size, stride, padding);
    Reach right = forward ? window_reach(column, source_width, size, stride, padding)
                          : pixel_reach(column, source_width, size, stride, padding);
    for (int sy = down.first; sy < down.last; sy++) {
        for (int sx = right.first; sx < right.last; sx++) {
            unsigned tap = (down.base + down.step * sy) * d.size + (right.base + right.step * sx);
            const float *at = source + (size_t)(sy * source_width + sx) * sources * LANES;
            for (unsigned begin = 0; begin < sources; begin += STAGE) {
                unsigned depth = smaller(STAGE, sources - begin);
                __syncthreads();
                // Adjacent threads read adjacent weights: along the inputs.
                for (unsigned i = thread; i < STAGE * rows; i += threads) {
                    unsigned k = forward ? i % STAGE : i / rows;
                    unsigned r = forward ? i / STAGE : i % rows;
                    float weight = 0.0f;
                    if (k < depth && r < count) {
                        unsigned output = forward ? first + r : begin + k;
                        unsigned input = forward ? begin + k : first + r;
                        weight = w[((size_t)output * d.size * d.size + tap) * d.inputs + input];
                        if (gain) weight = gain[output] * weight;
                    }
                    staged[k][r] = weight;
                }
                __syncthreads();
                const float *from = at + (size_t)begin * LANES;
#pragma unroll 4
                for (unsigned k = 0; k < depth; k++) {
                    float4 samples = *(const float4 *)(from + k * LANES);
                    const float *weights = &staged[k][threadIdx.y * RESULTS];
#pragma unroll
                    for (unsigned r = 0; r < RESULTS; r++) {
                        sums[r][0] = fmaf(weights[r], samples.x, sums[r][0]);
                        sums[r][1] = fmaf(weights[r], samples.y, sums[r][1]);
                        sums[r][2] = fmaf(weights[r], samples.z, sums[r][2]);
                        sums[r][3] = fmaf(weights[r], samples.w, sums[r][3]);
                    }
                }
            }
        }
    }
#pragma unroll
    for (unsigned r = 0; r < RESULTS; r++) {
        if (active && threadIdx.y * RESULTS + r < count)
            *(float4 *)(result + r * LANES) =
                make_float4(sums[r][0], sums[r][1], sums[r][2], sums[r][3]);
    }
}

// y[o] = Σ g[o]·w[o][tap][c]·x[c]; gain may be null.
extern "C" __global__ void __launch_bounds__(128, 4)
conv2d_forward(Convolution d, const float *gain, const float *w, const float *x, float *y) {
    convolve(true, d, gain, w, x, false, y);
}
ENTRY(conv2d_forward)

// dx[c] = Σ g[o]·w[o][tap][c]·dy[o], starting from +0 or, with `add`, from the value in dx.
extern "C" __global__ void __launch_bounds__(128, 4)
conv2d_backward_data(Convolution d, const float *gain, const float *w, const float *dy, unsigned add,
                     float *dx) {
    convolve(false, d, gain, w, dy, add != 0, dx);
}
ENTRY(conv2d_backward_data)
