// The gradient of convolutions and products to the weights: dw[o][tap][c] = g[o]·Σ dy[o]·x[c] over samples and
// output pixels, in 16 lanes and chunks of 32 pixels.
//
// A tile is TAPS adjacent taps of one row of the window, 5 outputs and 5 inputs. Half a warp takes one chunk of a tile at
// a time, one lane per thread, with the tile's 25·TAPS chains in registers and the operands of the next PIXELS
// pixels on the way. Up to 16 chunks run in parallel, and their sums are then added in ascending order through shared
// memory, one tap after another. If there are few chunks, a thread block takes blockDim.y tiles, one per row of
// threads, with all chunks of each tile at once.

// Outputs, and inputs, in a tile.
#define SIDE 5
#define PAIRS (SIDE * SIDE)
// Maximum number of parallel chunks, of all tiles of a thread block.
#define SLOTS 16

// The operands of PIXELS pixels for one lane, and whether each tap is inside of the image.
template <unsigned TAPS, unsigned PIXELS>
struct Operands {
    float left[PIXELS][SIDE], top[PIXELS][TAPS][SIDE];
    bool inside[PIXELS][TAPS];
};

template <unsigned TAPS>
struct Sums {
    float partials[SLOTS][PAIRS][LANES];
    float totals[TAPS][PAIRS][LANES];
};

template <unsigned TAPS, unsigned PIXELS>
__device__ inline void weight_gradient(Sums<TAPS> &shared, Convolution d, const float *gain,
                                       const float *dy, const float *x, float *dw) {
    unsigned slots = blockDim.x / LANES;
    unsigned slot = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned taps = d.size * d.size;
    unsigned input_tiles = (d.inputs + SIDE - 1) / SIDE;
    unsigned tiles = (d.outputs + SIDE - 1) / SIDE * (taps / TAPS) * input_tiles;
    // Rows past the last tile compute the last one again, and do not write it.
    unsigned number = blockIdx.x * blockDim.y + threadIdx.y, tile = smaller(number, tiles - 1);
    unsigned input = tile % input_tiles * SIDE;
    unsigned tap = tile / input_tiles % (taps / TAPS) * TAPS;
    unsigned output = tile / input_tiles / (taps / TAPS) * SIDE;
    float(*parts)[PAIRS][LANES] = shared.partials + threadIdx.y * slots;
    int down = (int)(tap / d.size) - (int)d.padding, right = (int)(tap % d.size) - (int)d.padding;

    // Positions past the last output or input compute the last one again, and do not write it.
    unsigned at_output[SIDE], at_input[SIDE];
#pragma unroll
    for (unsigned i = 0; i < SIDE; i++) {
        at_output[i] = smaller(output + i, d.outputs - 1) * LANES + lane;
        at_input[i] = smaller(input + i, d.inputs - 1) * LANES + lane;
    }

    unsigned image = d.rows * d.columns;
    unsigned pixels = d.blocks * image;
    unsigned chunks = (pixels + CHUNK - 1) / CHUNK;
    for (unsigned begin = 0; begin < chunks; begin += slots) {
        unsigned chunk = begin + slot;
        float sums[TAPS][SIDE][SIDE];
#pragma unroll
        for (unsigned t = 0; t < TAPS; t++)
#pragma unroll
            for (unsigned o = 0; o < SIDE; o++)
#pragma unroll
                for (unsigned i = 0; i < SIDE; i++) sums[t][o][i] = 0.0f;
        if (chunk < chunks) {
            unsigned last = smaller(pixels, (chunk + 1) * CHUNK), pixel = chunk * CHUNK;
            unsigned block = pixel / image, row = pixel % image / d.columns, column = pixel % d.columns;
            // Loads the operands of the next pixels.
            auto load = [&](Operands<TAPS, PIXELS> &operands) {
#pragma unroll
                for (unsigned p = 0; p < PIXELS; p++) {
                    bool there = pixel < last;
                    const float *from = dy + (size_t)pixel * d.outputs * LANES;
                    int sy = (int)(row * d.stride) + down, sx = (int)(column * d.stride) + right;
                    bool crossed = there && sy >= 0 && sy < (int)d.height;
                    size_t start = (size_t)block * d.height * d.width;
#pragma unroll
                    for (unsigned i = 0; i < SIDE; i++)
                        if (crossed) operands.left[p][i] = from[at_output[i]];
#pragma unroll
                    for (unsigned t = 0; t < TAPS; t++) {
                        int sxt = sx + (int)t;
                        bool inside = crossed && sxt >= 0 && sxt < (int)d.width;
                        operands.inside[p][t] = inside;
                        const float *with = x + (start + sy * d.width + sxt) * d.inputs * LANES;
#pragma unroll
                        for (unsigned i = 0; i < SIDE; i++)
                            if (inside) operands.top[p][t][i] = with[at_input[i]];
                    }
                    pixel++;
                    column++;
                    if (column == d.columns) {
                        column = 0;
                        row++;
                    }
                    if (row == d.rows) {
                        row = 0;
                        block++;
                    }
                }
            };
            Operands<TAPS, PIXELS> next;
            load(next);
#pragma unroll 2
            for (unsigned done = chunk * CHUNK; done < last; done += PIXELS) {
                Operands<TAPS, PIXELS> now = next;
                load(next);
#pragma unroll
                for (unsigned p = 0; p < PIXELS; p++)
#pragma unroll
                    for (unsigned t = 0; t < TAPS; t++) {
                        if (!now.inside[p][t]) continue;
#pragma unroll
                        for (unsigned o = 0; o < SIDE; o++)
#pragma unroll
                            for (unsigned i = 0; i < SIDE; i++)
                                sums[t][o][i] = fmaf(now.left[p][o], now.top[p][t][i], sums[t][o][i]);
                    }
            }
        }
        unsigned filled = smaller(slots, chunks - begin);
#pragma unroll
        for (unsigned t = 0; t < TAPS; t++) {
            // Several tiles take a single round, so its first partials may be overwritten.
            float(*sums_of)[LANES] = blockDim.y > 1 ? parts[0] : shared.totals[t];
#pragma unroll
            for (unsigned o = 0; o < SIDE; o++)
#pragma unroll
                for (unsigned i = 0; i < SIDE; i++) parts[slot][o * SIDE + i][lane] = sums[t][o][i];
            __syncthreads();
            for (unsigned i = threadIdx.x; i < PAIRS * LANES; i += blockDim.x) {
                unsigned pair = i / LANES, of = i % LANES;
                float total = parts[0][pair][of];
                if (begin > 0) total = sums_of[pair][of] + total;
                for (unsigned s = 1; s < filled; s++) total = total + parts[s][pair][of];
                sums_of[pair][of] = total;
            }
            __syncthreads();
            if (begin + slots < chunks) continue;
            for (unsigned pair = threadIdx.x; pair < PAIRS; pair += blockDim.x) {
                unsigned o = output + pair / SIDE, i = input + pair % SIDE;
                if (number < tiles && o < d.outputs && i < d.inputs) {
                    float sum = add_lanes(sums_of[pair]);
                    dw[((size_t)o * taps + tap + t) * d.inputs + i] = gain ? gain[o] * sum : sum;
                }
            }
            // The next tap overwrites the partials.
            if (t + 1 < TAPS) __syncthreads();
        }
    }
}

extern "C" __global__ void __launch_bounds__(SLOTS *LANES, 2)
conv2d_backward_weights(Convolution d, const float *gain, const float *dy, const float *x, float *dw) {
    __shared__ Sums<1> shared;
    weight_gradient<1, 2>(shared, d, gain, dy, x, dw);
}
ENTRY(conv2d_backward_weights)

// For windows of 3×3: a row of three taps at a time.
extern "C" __global__ void __launch_bounds__(SLOTS *LANES, 1)
conv2d_backward_weights_3(Convolution d, const float *gain, const float *dy, const float *x, float *dw) {
    __shared__ Sums<3> shared;
    weight_gradient<3, 1>(shared, d, gain, dy, x, dw);
}
ENTRY(conv2d_backward_weights_3)
