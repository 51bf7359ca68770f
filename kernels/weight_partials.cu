// The gradient of convolutions to the weights of windows of 3×3, in the order of to_weights.cu: first every chunk's sums,
// which go to memory, then their sum in ascending order.
//
// A thread block takes one chunk of 32 output pixels, one row of the window, 20 outputs, 20 inputs, and 8 of the 16 lanes. A
// thread takes one lane of 5 outputs × 5 inputs × 3 taps, 75 chains in registers. The operands of 4 pixels are staged in
// shared memory, and fetched into registers one stage ahead.

// Outputs, and inputs, of a thread block; per thread; taps; lanes; pixels of a stage.
#define PART 20
#define EDGE 5
#define ROW_TAPS 3
#define HALF 8
#define STEP 4
// Threads: 4 × 4 parts of 5 × 5, times the lanes.
#define PART_THREADS 128
// Rows of a stage: for each pixel one of dy and three of x; each has PART channels of two quarters of lanes.
#define STAGE_ROWS (STEP * (1 + ROW_TAPS))
#define PART_QUARTERS (STAGE_ROWS * PART * 2 / PART_THREADS)

// partials [chunks of this launch][outputs·9·inputs][16]: the sums of chunks `begin`, ...
extern "C" __global__ void __launch_bounds__(PART_THREADS, 3)
conv2d_weight_partials(Convolution d, unsigned begin, const float *dy, const float *x, float *partials) {
    __shared__ __align__(16) float staged[STAGE_ROWS][PART][HALF];
    // The first row of 16 lanes of each pixel of dy, and of each tap's pixel of x: [CHUNK][1 + ROW_TAPS].
    __shared__ __align__(16) unsigned rows[CHUNK * (1 + ROW_TAPS)];
    unsigned thread = threadIdx.x, lane = thread % HALF;
    unsigned output_parts = (d.outputs + PART - 1) / PART, input_parts = (d.inputs + PART - 1) / PART;
    unsigned number = blockIdx.x;
    unsigned half = number % 2;
    number /= 2;
    unsigned down = number % ROW_TAPS;
    number /= ROW_TAPS;
    unsigned input = number % input_parts * PART;
    number /= input_parts;
    unsigned output = number % output_parts * PART, chunk = number / output_parts;

    unsigned image = d.rows * d.columns;
    {
        unsigned pixel = (begin + chunk) * CHUNK + thread / 4, kind = thread % 4;
        unsigned block = pixel / image, row = pixel % image / d.columns, column = pixel % d.columns;
        int y = (int)(row * d.stride + down) - (int)d.padding;
        int at = (int)(column * d.stride + kind) - (int)d.padding - 1;
        unsigned found = NOWHERE;
        if (block < d.blocks && y >= 0 && y < (int)d.height) {
            if (kind == 0)
                found = pixel * d.outputs + output;
            else if (at >= 0 && at < (int)d.width)
                found = ((block * d.height + y) * d.width + at) * d.inputs + input;
        }
        rows[thread] = found;
    }
    __syncthreads();

    float sums[ROW_TAPS][EDGE][EDGE];
#pragma unroll
    for (unsigned t = 0; t < ROW_TAPS; t++)
#pragma unroll
        for (unsigned o = 0; o < EDGE; o++)
#pragma unroll
            for (unsigned i = 0; i < EDGE; i++) sums[t][o][i] = 0.0f;
    unsigned outputs = smaller(PART, d.outputs - output), inputs = smaller(PART, d.inputs - input);
    float4 quarters[PART_QUARTERS];
    auto fetch = [&](unsigned pixel) {
#pragma unroll
        for (unsigned n = 0; n < PART_QUARTERS; n++) {
            unsigned i = n * PART_THREADS + thread;
            unsigned row = i / (PART * 2), channel = i / 2 % PART, first = rows[pixel * (1 + ROW_TAPS) + row];
            bool is_dy = row % (1 + ROW_TAPS) == 0;
            const float *from = is_dy ? dy : x;
            if (first != NOWHERE && channel < (is_dy ? outputs : inputs))
                quarters[n] = *(const float4 *)(from + (size_t)(first + channel) * LANES + half * HALF + i % 2 * 4);
        }
    };
    unsigned o_part = thread / HALF / 4 * EDGE, i_part = thread / HALF % 4 * EDGE;
    fetch(0);
    for (unsigned pixel = 0; pixel < CHUNK; pixel += STEP) {
        __syncthreads();
#pragma unroll
        for (unsigned n = 0; n < PART_QUARTERS; n++) {
            unsigned i = n * PART_THREADS + thread;
            *(float4 *)&staged[i / (PART * 2)][i / 2 % PART][i % 2 * 4] = quarters[n];
        }
        __syncthreads();
        if (pixel + STEP < CHUNK) fetch(pixel + STEP);
#pragma unroll
        for (unsigned p = 0; p < STEP; p++) {
            float left[EDGE], top[ROW_TAPS][EDGE];
            const unsigned *found = rows + (pixel + p) * (1 + ROW_TAPS);
            bool inside[ROW_TAPS];
#pragma unroll
            for (unsigned t = 0; t < ROW_TAPS; t++) inside[t] = found[1 + t] != NOWHERE;
#pragma unroll
            for (unsigned o = 0; o < EDGE; o++) left[o] = staged[p * (1 + ROW_TAPS)][o_part + o][lane];
#pragma unroll
            for (unsigned t = 0; t < ROW_TAPS; t++)
#pragma unroll
                for (unsigned i = 0; i < EDGE; i++)
                    top[t][i] = staged[p * (1 + ROW_TAPS) + 1 + t][i_part + i][lane];
            auto multiply = [&](unsigned t) {
#pragma unroll
                for (unsigned o = 0; o < EDGE; o++)
#pragma unroll
                    for (unsigned i = 0; i < EDGE; i++)
                        sums[t][o][i] = fmaf(left[o], top[t][i], sums[t][o][i]);
            };
            if (inside[0] && inside[1] && inside[2]) {
                multiply(0);
                multiply(1);
                multiply(2);
            } else {
                if (inside[0]) multiply(0);
                if (inside[1]) multiply(1);
                if (inside[2]) multiply(2);
            }
        }
    }
    float *to = partials + (size_t)chunk * d.outputs * 9 * d.inputs * LANES + half * HALF + lane;
#pragma unroll
    for (unsigned t = 0; t < ROW_TAPS; t++)
#pragma unroll
        for (unsigned o = 0; o < EDGE; o++)
#pragma unroll
            for (unsigned i = 0; i < EDGE; i++)
                if (o_part + o < outputs && i_part + i < inputs) {
                    size_t weight = (size_t)(output + o_part + o) * 9 + down * ROW_TAPS + t;
                    to[(weight * d.inputs + input + i_part + i) * LANES] = sums[t][o][i];
                }
}
ENTRY(conv2d_weight_partials)

// Adds the chunks of a launch of conv2d_weight_partials to totals [outputs·9·inputs][16]; in the first launch they start
// from its first chunk. After the last launch, dw is the sum of the lanes, times g[o]; `per_output` is 9·inputs. A thread
// block of 256 takes 16 weights.
extern "C" __global__ void conv2d_add_weight_partials(unsigned chunks, unsigned weights, unsigned per_output,
                                                      unsigned is_first, unsigned is_last,
                                                      const float *partials, const float *gain,
                                                      float *totals, float *dw) {
    __shared__ float lanes[16][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned weight = blockIdx.x * 16 + place;
    if (weight < weights) {
        size_t at = (size_t)weight * LANES + lane, step = (size_t)weights * LANES;
        float total = is_first ? partials[at] : totals[at] + partials[at];
        total = add_further(partials + at, step, chunks, total);
        if (!is_last) totals[at] = total;
        lanes[place][lane] = total;
    }
    __syncthreads();
    if (is_last && weight < weights && lane == 0) {
        float sum = add_lanes(lanes[place]);
        dw[weight] = gain ? gain[weight / per_output] * sum : sum;
    }
}
ENTRY(conv2d_add_weight_partials)
