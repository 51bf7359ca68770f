// The gradient of convolutions and products to the weights: dw[o][tap][c] = g[o]·Σ dy[o]·x[c] over samples and
// output pixels, in 16 lanes and chunks of 32 pixels.
//
// A tile is one tap, 5 outputs and 5 inputs. Half a warp takes one chunk of a tile at a time, one lane per thread, with
// the tile's 25 chains in registers and the operands of the next two pixels on the way. Up to 16 chunks run in
// parallel, and their sums are then added in ascending order through shared memory. If there are few chunks, a thread
// block takes blockDim.y tiles, one per row of threads, with all chunks of each tile at once. Windows of 3×3, with
// more to share, have weight_partials.cu.

// Outputs, and inputs, in a tile.
#define SIDE 5
#define PAIRS (SIDE * SIDE)
// Maximum number of parallel chunks, of all tiles of a thread block.
#define SLOTS 16

// Pixels whose operands are loaded together.
#define PIXELS 2

// The operands of some pixels for one lane; `inside` tells of which the tap is inside of the image.
struct Operands {
    float left[PIXELS][SIDE], top[PIXELS][SIDE];
    bool inside[PIXELS];
};

extern "C" __global__ void __launch_bounds__(SLOTS *LANES, 2)
conv2d_backward_weights(Convolution d, const float *gain, const float *dy, const float *x, float *dw) {
    __shared__ float partials[SLOTS][PAIRS][LANES];
    __shared__ float totals[PAIRS][LANES];
    unsigned slots = blockDim.x / LANES;
    unsigned slot = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned taps = d.size * d.size;
    unsigned input_tiles = (d.inputs + SIDE - 1) / SIDE;
    unsigned tiles = (d.outputs + SIDE - 1) / SIDE * taps * input_tiles;
    // Rows past the last tile compute the last one again, and do not write it.
    unsigned number = blockIdx.x * blockDim.y + threadIdx.y, tile = smaller(number, tiles - 1);
    unsigned input = tile % input_tiles * SIDE;
    unsigned tap = tile / input_tiles % taps;
    unsigned output = tile / input_tiles / taps * SIDE;
    float(*parts)[PAIRS][LANES] = partials + threadIdx.y * slots;
    // Several tiles take a single round, so its first partials may be overwritten.
    float(*sums_of)[LANES] = blockDim.y > 1 ? parts[0] : totals;
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
        if (chunk < chunks) {
            float sums[SIDE][SIDE];
#pragma unroll
            for (unsigned o = 0; o < SIDE; o++)
#pragma unroll
                for (unsigned i = 0; i < SIDE; i++) sums[o][i] = 0.0f;
            unsigned last = smaller(pixels, (chunk + 1) * CHUNK), pixel = chunk * CHUNK;
            unsigned block = pixel / image, row = pixel % image / d.columns, column = pixel % d.columns;
            // Loads the operands of the next pixels.
            auto load = [&](Operands &operands) {
#pragma unroll
                for (unsigned p = 0; p < PIXELS; p++) {
                    int sy = (int)(row * d.stride) + down, sx = (int)(column * d.stride) + right;
                    bool crossed = sy >= 0 && sy < (int)d.height && sx >= 0 && sx < (int)d.width;
                    operands.inside[p] = crossed && pixel < last;
                    if (operands.inside[p]) {
                        const float *from = dy + (size_t)pixel * d.outputs * LANES;
                        size_t source = ((size_t)block * d.height + sy) * d.width + sx;
                        const float *with = x + source * d.inputs * LANES;
#pragma unroll
                        for (unsigned i = 0; i < SIDE; i++) {
                            operands.left[p][i] = from[at_output[i]];
                            operands.top[p][i] = with[at_input[i]];
                        }
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
            Operands next;
            load(next);
#pragma unroll 2
            for (unsigned done = chunk * CHUNK; done < last; done += PIXELS) {
                Operands now = next;
                load(next);
#pragma unroll
                for (unsigned p = 0; p < PIXELS; p++) {
                    if (!now.inside[p]) continue;
#pragma unroll
                    for (unsigned o = 0; o < SIDE; o++)
#pragma unroll
                        for (unsigned i = 0; i < SIDE; i++)
                            sums[o][i] = fmaf(now.left[p][o], now.top[p][i], sums[o][i]);
                }
            }
#pragma unroll
            for (unsigned o = 0; o < SIDE; o++)
#pragma unroll
                for (unsigned i = 0; i < SIDE; i++) parts[slot][o * SIDE + i][lane] = sums[o][i];
        }
        __syncthreads();
        unsigned filled = smaller(slots, chunks - begin);
        for (unsigned i = threadIdx.x; i < PAIRS * LANES; i += blockDim.x) {
            unsigned pair = i / LANES, of = i % LANES;
            float total = parts[0][pair][of];
            if (begin > 0) total = sums_of[pair][of] + total;
            for (unsigned s = 1; s < filled; s++) total = total + parts[s][pair][of];
            sums_of[pair][of] = total;
        }
        __syncthreads();
    }
    for (unsigned pair = threadIdx.x; pair < PAIRS; pair += blockDim.x) {
        unsigned o = output + pair / SIDE, i = input + pair % SIDE;
        if (number < tiles && o < d.outputs && i < d.inputs) {
            float sum = add_lanes(sums_of[pair]);
            dw[((size_t)o * taps + tap) * d.inputs + i] = gain ? gain[o] * sum : sum;
        }
    }
}
ENTRY(conv2d_backward_weights)
