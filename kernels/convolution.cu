// Convolution: the forward pass and the gradient to the input. A product of weights and activations is a
// convolution of images of one pixel. Every result is one chain of fused multiply-adds over the source pixels,
// row-major, and their channels, ascending.
//
// A result is one lane of one channel of one pixel. Four lanes are a thread's unit; a group is the 16 lanes of one
// pixel in one block of samples. A thread block takes 4·HALVES groups × RESULTS·ROWS channels: thread x of 16
// takes four lanes of one group in each half, thread y of ROWS takes RESULTS channels, so that a thread keeps
// RESULTS·4·HALVES chains in registers. The sources of the groups and the effective weights g·w are staged in shared
// memory for one tap and DEPTH source channels at a time, and fetched into registers one stage ahead.

// Threads along the lanes of a thread block.
#define ACROSS 16

// The result pixel of a group, and the index of the first pixel of its source image.
struct Group {
    int row, column;
    unsigned source;
};

// What is staged in shared memory. Rows are longer than what they hold, so that those that adjacent threads write start in
// different banks; a thread's weights start at a multiple of 16 bytes.
template <unsigned RESULTS, unsigned ROWS, unsigned HALVES, unsigned DEPTH>
struct Staged {
    static constexpr unsigned PADDED = RESULTS == 1 ? 1 : (RESULTS + 3) / 4 * 4;
    static constexpr unsigned APART = RESULTS == 1 ? 1 : 4;
    float samples[DEPTH][HALVES * 64 + 16];
    float weights[DEPTH][ROWS * PADDED + APART];
    Group groups[HALVES * 4];
    // The taps with which each group reaches a source pixel, as bits.
    unsigned long long taps[HALVES * 4];
};

// Group `number`: consecutive groups are up to four blocks of samples at the same pixel, then the next pixel.
__device__ inline unsigned block_of_group(unsigned number, unsigned blocks, unsigned pixels) {
    unsigned span = smaller(4, blocks);
    return number / span / pixels * span + number % span;
}

__device__ inline unsigned pixel_of_group(unsigned number, unsigned blocks, unsigned pixels) {
    return number / smaller(4, blocks) % pixels;
}

// The source pixel, within its image, that a result pixel reaches at position (down, right) of the window, in the order
// of the source pixels; NOWHERE if it is outside.
template <bool FORWARD>
__device__ inline unsigned source_pixel(Convolution d, int row, int column, int down, int right) {
    int size = d.size, stride = d.stride, padding = d.padding;
    if (FORWARD) {
        int y = row * stride - padding + down, x = column * stride - padding + right;
        bool inside = y >= 0 && y < (int)d.height && x >= 0 && x < (int)d.width;
        return inside ? y * d.width + x : NOWHERE;
    }
    int y = row + padding - (size - 1 - down), x = column + padding - (size - 1 - right);
    bool inside = y >= 0 && x >= 0;
    if (stride > 1) {
        inside = inside && y % stride == 0 && x % stride == 0;
        y /= stride;
        x /= stride;
    }
    inside = inside && y < (int)d.rows && x < (int)d.columns;
    return inside ? y * d.columns + x : NOWHERE;
}

// A stage: position in the window, first source channel, and the tap's number.
struct Stage {
    int down, right;
    unsigned begin, tap;
};

// Both directions.
template <bool FORWARD, unsigned RESULTS, unsigned ROWS, unsigned HALVES, unsigned DEPTH>
__device__ inline void convolve(Staged<RESULTS, ROWS, HALVES, DEPTH> &staged, Convolution d,
                                const float *gain, const float *w, const float *x, bool add,
                                float *y) {
    const unsigned GROUPS = 4 * HALVES, THREADS = ACROSS * ROWS, TILE = RESULTS * ROWS;
    // Quarters of a source's 16 lanes, and weights, that a thread fetches for a stage.
    const unsigned QUARTERS = GROUPS * DEPTH * 4 / THREADS, WEIGHTS = TILE * DEPTH / THREADS;
    const unsigned PADDED = Staged<RESULTS, ROWS, HALVES, DEPTH>::PADDED;
    unsigned results = FORWARD ? d.outputs : d.inputs, sources = FORWARD ? d.inputs : d.outputs;
    unsigned width = FORWARD ? d.columns : d.width;
    unsigned pixels = width * (FORWARD ? d.rows : d.height);
    unsigned source_pixels = FORWARD ? d.height * d.width : d.rows * d.columns;
    int size = d.size;
    unsigned taps = d.size * d.size;

    unsigned tiles = (results + TILE - 1) / TILE;
    unsigned first = blockIdx.x % tiles * TILE, first_group = blockIdx.x / tiles * GROUPS;
    unsigned thread = threadIdx.y * ACROSS + threadIdx.x;
    if (thread < GROUPS) {
        unsigned block = block_of_group(first_group + thread, d.blocks, pixels);
        unsigned pixel = pixel_of_group(first_group + thread, d.blocks, pixels);
        Group group = {(int)(pixel / width), (int)(pixel % width), block * source_pixels};
        unsigned long long reached = 0;
        if (block >= d.blocks) group.source = NOWHERE;
        int bits = block < d.blocks ? (int)smaller(taps, 64) : 0;
        for (int tap = 0; tap < bits; tap++) {
            unsigned long long inside =
                source_pixel<FORWARD>(d, group.row, group.column, tap / size, tap % size) != NOWHERE;
            reached |= inside << tap;
        }
        staged.groups[thread] = group;
        staged.taps[thread] = reached;
    }
    __syncthreads();
    // The taps that some group needs, of those that have a bit.
    unsigned long long needed = 0;
#pragma unroll
    for (unsigned i = 0; i < GROUPS; i++) needed |= staged.taps[i];

    // This thread's results: RESULTS channels of four lanes, in each half.
    unsigned row = threadIdx.y * RESULTS;
    unsigned mine = results - first < row ? 0 : smaller(RESULTS, results - first - row);
    auto result = [&](unsigned half) {
        unsigned number = first_group + half * 4 + threadIdx.x / 4;
        unsigned block = block_of_group(number, d.blocks, pixels);
        unsigned pixel = pixel_of_group(number, d.blocks, pixels);
        size_t before = ((size_t)block * pixels + pixel) * results + first + row;
        return block < d.blocks ? y + before * LANES + threadIdx.x % 4 * 4 : nullptr;
    };
    float sums[HALVES][RESULTS][4];
#pragma unroll
    for (unsigned h = 0; h < HALVES; h++) {
        const float *from = add ? result(h) : nullptr;
#pragma unroll
        for (unsigned r = 0; r < RESULTS; r++)
#pragma unroll
            for (unsigned i = 0; i < 4; i++) sums[h][r][i] = from && r < mine ? from[r * LANES + i] : 0.0f;
    }

    // The first stage of the next tap; and of the first tap that some group needs, from this one on.
    auto after = [&](Stage stage) {
        bool end = stage.right + 1 == size;
        return Stage{end ? stage.down + 1 : stage.down, end ? 0 : stage.right + 1, 0, stage.tap + 1};
    };
    auto needed_from = [&](Stage stage) {
        while (stage.tap < smaller(taps, 64) && !(needed >> stage.tap & 1)) stage = after(stage);
        return stage;
    };
    // The rows of 16 lanes from which this thread fetches, and the first weights that it fetches.
    unsigned at[QUARTERS], weight_at[WEIGHTS];
#pragma unroll
    for (unsigned n = 0; n < WEIGHTS; n++) {
        // Adjacent threads read adjacent weights: along the inputs.
        unsigned i = n * THREADS + thread;
        unsigned k = FORWARD ? i % DEPTH : i / TILE, r = FORWARD ? i / DEPTH : i % TILE;
        unsigned output = FORWARD ? first + r : k, input = FORWARD ? k : first + r;
        weight_at[n] = first + r < results ? output * taps * d.inputs + input : NOWHERE;
    }
    float4 quarters[QUARTERS];
    float weights[WEIGHTS];
    // Whether this thread's groups reach a source pixel with the fetched tap.
    bool reaches[HALVES];
    auto fetch = [&](Stage stage) {
        if (stage.begin == 0) {
            auto source = [&](unsigned number) {
                Group group = staged.groups[number];
                unsigned pixel = source_pixel<FORWARD>(d, group.row, group.column, stage.down, stage.right);
                bool there = group.source != NOWHERE && pixel != NOWHERE;
                return there ? (group.source + pixel) * sources : NOWHERE;
            };
#pragma unroll
            for (unsigned n = 0; n < QUARTERS; n++) {
                unsigned i = n * THREADS + thread, row = source(i / (4 * DEPTH));
                at[n] = row == NOWHERE ? NOWHERE : row + i / 4 % DEPTH;
            }
#pragma unroll
            for (unsigned h = 0; h < HALVES; h++) reaches[h] = source(h * 4 + threadIdx.x / 4) != NOWHERE;
        }
#pragma unroll
        for (unsigned n = 0; n < QUARTERS; n++) {
            unsigned k = (n * THREADS + thread) / 4 % DEPTH;
            if (at[n] != NOWHERE && stage.begin + k < sources)
                quarters[n] = *(const float4 *)(x + (size_t)(at[n] + stage.begin) * LANES + thread % 4 * 4);
        }
        unsigned tap = FORWARD ? stage.tap : taps - 1 - stage.tap;
        const float *from = w + (FORWARD ? tap * d.inputs + stage.begin : (stage.begin * taps + tap) * d.inputs);
#pragma unroll
        for (unsigned n = 0; n < WEIGHTS; n++) {
            unsigned i = n * THREADS + thread, k = FORWARD ? i % DEPTH : i / TILE;
            weights[n] = 0.0f;
            if (weight_at[n] != NOWHERE && stage.begin + k < sources) {
                weights[n] = from[weight_at[n]];
                unsigned output = FORWARD ? first + i / DEPTH : stage.begin + k;
                if (gain) weights[n] = gain[output] * weights[n];
            }
        }
    };
    // With few chains per thread, more source channels at a time.
    auto accumulate = [&](unsigned half, unsigned end, unsigned depth) {
#pragma unroll(RESULTS == 1 ? 16 : 4)
        for (unsigned k = 0; k < depth; k++) {
            float weight[PADDED];
#pragma unroll
            for (unsigned r = 0; r < PADDED; r++) weight[r] = staged.weights[k][threadIdx.y * PADDED + r];
#pragma unroll
            for (unsigned h = half; h < end; h++) {
                float4 sample = *(const float4 *)&staged.samples[k][h * 64 + threadIdx.x * 4];
#pragma unroll
                for (unsigned r = 0; r < RESULTS; r++) {
                    sums[h][r][0] = fmaf(weight[r], sample.x, sums[h][r][0]);
                    sums[h][r][1] = fmaf(weight[r], sample.y, sums[h][r][1]);
                    sums[h][r][2] = fmaf(weight[r], sample.z, sums[h][r][2]);
                    sums[h][r][3] = fmaf(weight[r], sample.w, sums[h][r][3]);
                }
            }
        }
    };
    Stage next = needed_from({0, 0, 0, 0});
    if (next.tap < taps) fetch(next);
    while (next.tap < taps) {
        Stage now = next;
        bool active[HALVES];
#pragma unroll
        for (unsigned h = 0; h < HALVES; h++) active[h] = reaches[h];
        unsigned depth = smaller(DEPTH, sources - now.begin);
        __syncthreads();
#pragma unroll
        for (unsigned n = 0; n < QUARTERS; n++) {
            unsigned i = n * THREADS + thread;
            *(float4 *)&staged.samples[i / 4 % DEPTH][i / (4 * DEPTH) * LANES + i % 4 * 4] = quarters[n];
        }
#pragma unroll
        for (unsigned n = 0; n < WEIGHTS; n++) {
            unsigned i = n * THREADS + thread;
            unsigned k = FORWARD ? i % DEPTH : i / TILE, r = FORWARD ? i / DEPTH : i % TILE;
            staged.weights[k][r / RESULTS * PADDED + r % RESULTS] = weights[n];
        }
        __syncthreads();
        next.begin += DEPTH;
        if (next.begin >= sources) next = needed_from(after(now));
        if (next.tap < taps) fetch(next);
        if (active[0] && active[HALVES - 1]) {
            accumulate(0, HALVES, depth);
        } else if (active[0]) {
            accumulate(0, 1, depth);
        } else if (active[HALVES - 1]) {
            accumulate(HALVES - 1, HALVES, depth);
        }
    }
#pragma unroll
    for (unsigned h = 0; h < HALVES; h++) {
        float *to = result(h);
#pragma unroll
        for (unsigned r = 0; r < RESULTS; r++) {
            if (to && r < mine)
                *(float4 *)(to + r * LANES) =
                    make_float4(sums[h][r][0], sums[h][r][1], sums[h][r][2], sums[h][r][3]);
        }
    }
}

// The kernels of one tile. y[o] = Σ g[o]·w[o][tap][c]·x[c], and dx[c] = Σ g[o]·w[o][tap][c]·dy[o], starting from +0 or,
// with `add`, from the value in dx; gain may be null. `BLOCKS` thread blocks share a multiprocessor's registers.
#define CONVOLUTION(RESULTS, ROWS, HALVES, DEPTH, BLOCKS)                                                   \
    extern "C" __global__ void __launch_bounds__(ACROSS *ROWS, BLOCKS) conv2d_forward_##RESULTS##x##ROWS(   \
        Convolution d, const float *gain, const float *w, const float *x, float *y) {                       \
        __shared__ __align__(16) Staged<RESULTS, ROWS, HALVES, DEPTH> staged;                               \
        convolve<true>(staged, d, gain, w, x, false, y);                                                    \
    }                                                                                                       \
    extern "C" __global__ void __launch_bounds__(ACROSS *ROWS, BLOCKS) conv2d_backward_data_##RESULTS##x##ROWS( \
        Convolution d, const float *gain, const float *w, const float *dy, unsigned add, float *dx) {       \
        __shared__ __align__(16) Staged<RESULTS, ROWS, HALVES, DEPTH> staged;                               \
        convolve<false>(staged, d, gain, w, dy, add != 0, dx);                                              \
    }

CONVOLUTION(10, 2, 2, 8, 8)
ENTRY(conv2d_forward_10x2)
ENTRY(conv2d_backward_data_10x2)
CONVOLUTION(10, 4, 2, 8, 4)
ENTRY(conv2d_forward_10x4)
ENTRY(conv2d_backward_data_10x4)
CONVOLUTION(10, 8, 2, 8, 2)
ENTRY(conv2d_forward_10x8)
ENTRY(conv2d_backward_data_10x8)
CONVOLUTION(5, 4, 1, 16, 8)
ENTRY(conv2d_forward_5x4)
ENTRY(conv2d_backward_data_5x4)
CONVOLUTION(5, 8, 1, 16, 5)
ENTRY(conv2d_forward_5x8)
ENTRY(conv2d_backward_data_5x8)
CONVOLUTION(1, 8, 1, 64, 4)
ENTRY(conv2d_forward_1x8)
ENTRY(conv2d_backward_data_1x8)
