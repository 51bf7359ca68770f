// Winograd's algorithm for 3×3 windows, in the operations of src/backend/winograd.rs: F(2×2, 3×3) forward and to the input,
// F(3×3, 2×2) to the weights. An image is cut into tiles of 2×2 results, which read 4×4 sources; a column is one lane of one
// tile in one block of samples.

// Elements of a tile, and of its products.
#define TILE_SIDE 4
#define TILE_PRODUCTS 16
// Columns of a thread block: two tiles; result channels; source channels at a time; threads.
#define TILE_COLUMNS 32
#define TILE_RESULTS 20
#define TILE_DEPTH 8
#define TILE_THREADS 256
// Result channels, and columns, of a thread.
#define TILE_RESULTS_EACH 5
#define TILE_COLUMNS_EACH 8
// Tiles in a chunk of the gradient to the weights; channels of a thread block, of a thread.
#define TILE_CHUNK 16
#define TILE_PART 20
#define TILE_EDGE 5

// Tiles along the axes of an image.
__device__ inline unsigned tile_rows(Convolution d) { return (d.height + 1) / 2; }
__device__ inline unsigned tile_columns(Convolution d) { return (d.width + 1) / 2; }

// The first result pixel of tile `number`, numbered through [blocks][tile rows][tile columns].
struct TileAt {
    unsigned block;
    int row, column;
};

__device__ inline TileAt tile_at(Convolution d, unsigned number) {
    unsigned rows = tile_rows(d), columns = tile_columns(d);
    return {number / columns / rows, (int)(number / columns % rows * 2), (int)(number % columns * 2)};
}

// One lane of a channel of the pixel `down` below and `right` of a tile's first; 0 outside of the image.
__device__ inline float tile_pixel(Convolution d, const float *x, unsigned channels, TileAt tile, int down, int right,
                                   unsigned channel, unsigned lane) {
    int row = tile.row + down, column = tile.column + right;
    if (row < 0 || row >= (int)d.height || column < 0 || column >= (int)d.width) return 0.0f;
    size_t pixel = ((size_t)tile.block * d.height + row) * d.width + column;
    return x[(pixel * channels + channel) * LANES + lane];
}

// The transforms along one axis.
enum Along { SOURCE, KERNEL, RESULT, KERNEL_GRADIENT };

template <Along ALONG>
__device__ inline void along(const float *from, float *to) {
    if (ALONG == SOURCE) {  // Bᵀ·d
        to[0] = from[0] - from[2];
        to[1] = from[1] + from[2];
        to[2] = from[2] - from[1];
        to[3] = from[3] - from[1];
    } else if (ALONG == KERNEL) {  // G·w
        float outer = from[0] + from[2];
        to[0] = from[0];
        to[1] = (outer + from[1]) * 0.5f;
        to[2] = (outer - from[1]) * 0.5f;
        to[3] = from[2];
    } else if (ALONG == RESULT) {  // Aᵀ·m
        to[0] = (from[0] + from[1]) + from[2];
        to[1] = (from[1] - from[2]) + from[3];
    } else {  // Gᵀ·m
        float sum = (from[1] + from[2]) * 0.5f;
        to[0] = from[0] + sum;
        to[1] = (from[1] - from[2]) * 0.5f;
        to[2] = sum + from[3];
    }
}

// A transform along both axes: down the columns, then along the rows.
template <Along ALONG, unsigned FROM, unsigned TO>
__device__ inline void both_axes(const float (&tile)[FROM][FROM], float (&all)[TO][TO]) {
    float down[FROM][TO];
#pragma unroll
    for (unsigned column = 0; column < FROM; column++) {
        float line[FROM];
#pragma unroll
        for (unsigned row = 0; row < FROM; row++) line[row] = tile[row][column];
        along<ALONG>(line, down[column]);
    }
#pragma unroll
    for (unsigned row = 0; row < TO; row++) {
        float line[FROM];
#pragma unroll
        for (unsigned column = 0; column < FROM; column++) line[column] = down[column][row];
        along<ALONG>(line, all[row]);
    }
}

// transformed [16][outputs][inputs] = G·fl(g·w)·Gᵀ; gain may be null. One thread takes one pair of channels.
extern "C" __global__ void winograd_kernels(unsigned outputs, unsigned inputs, const float *gain, const float *w,
                                            float *transformed) {
    unsigned pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= outputs * inputs) return;
    unsigned output = pair / inputs, input = pair % inputs;
    float taps[3][3], v[4][4];
#pragma unroll
    for (unsigned tap = 0; tap < 9; tap++) {
        float weight = w[((size_t)output * 9 + tap) * inputs + input];
        taps[tap / 3][tap % 3] = gain ? gain[output] * weight : weight;
    }
    both_axes<KERNEL>(taps, v);
#pragma unroll
    for (unsigned product = 0; product < TILE_PRODUCTS; product++)
        transformed[(size_t)product * outputs * inputs + pair] = v[product / TILE_SIDE][product % TILE_SIDE];
}
ENTRY(winograd_kernels)

// The results of two tiles × TILE_RESULTS channels. A thread takes one of the 16 products, TILE_RESULTS_EACH channels and
// TILE_COLUMNS_EACH columns; the transformed sources and weights are staged in shared memory, TILE_DEPTH source channels at a
// time, then the products, from which each thread computes the pixels of some columns.
template <bool FORWARD>
__device__ inline void winograd(float *staged, Convolution d, const float *weights, const float *x, bool add, float *y) {
    float *sources = staged;
    float *kernels = staged + TILE_PRODUCTS * TILE_DEPTH * TILE_COLUMNS;
    unsigned results = FORWARD ? d.outputs : d.inputs, terms = FORWARD ? d.inputs : d.outputs;
    unsigned parts = (results + TILE_RESULTS - 1) / TILE_RESULTS;
    unsigned first = blockIdx.x % parts * TILE_RESULTS;
    unsigned first_tile = blockIdx.x / parts * (TILE_COLUMNS / LANES);
    unsigned tiles = d.blocks * tile_rows(d) * tile_columns(d);
    unsigned thread = threadIdx.x;

    // This thread's product, and its part of the channels and columns.
    unsigned product = thread / 16, row = thread / 4 % 4 * TILE_RESULTS_EACH;
    unsigned column = thread % 4 * TILE_COLUMNS_EACH;
    float sums[TILE_RESULTS_EACH][TILE_COLUMNS_EACH];
#pragma unroll
    for (unsigned r = 0; r < TILE_RESULTS_EACH; r++)
#pragma unroll
        for (unsigned i = 0; i < TILE_COLUMNS_EACH; i++) sums[r][i] = 0.0f;

    // The channel and column whose sources this thread transforms.
    unsigned k = thread / TILE_COLUMNS, at = thread % TILE_COLUMNS;
    unsigned tile = first_tile + at / LANES;
    for (unsigned begin = 0; begin < terms; begin += TILE_DEPTH) {
        unsigned depth = smaller(TILE_DEPTH, terms - begin);
        float from[4][4], u[4][4];
        if (tile < tiles && k < depth) {
            TileAt corner = tile_at(d, tile);
#pragma unroll
            for (int down = 0; down < 4; down++)
#pragma unroll
                for (int right = 0; right < 4; right++)
                    from[down][right] =
                        tile_pixel(d, x, terms, corner, down - 1, right - 1, begin + k, at % LANES);
            both_axes<SOURCE>(from, u);
        }
        __syncthreads();
        if (tile < tiles && k < depth) {
#pragma unroll
            for (unsigned p = 0; p < TILE_PRODUCTS; p++)
                sources[(p * TILE_DEPTH + k) * TILE_COLUMNS + at] = u[p / TILE_SIDE][p % TILE_SIDE];
        }
        for (unsigned i = thread; i < TILE_PRODUCTS * TILE_DEPTH * TILE_RESULTS; i += TILE_THREADS) {
            // Adjacent threads read adjacent weights: along the inputs.
            unsigned p = i / (TILE_DEPTH * TILE_RESULTS), rest = i % (TILE_DEPTH * TILE_RESULTS);
            unsigned term = FORWARD ? rest % TILE_DEPTH : rest / TILE_RESULTS;
            unsigned r = FORWARD ? rest / TILE_DEPTH : rest % TILE_RESULTS;
            float weight = 0.0f;
            if (first + r < results && term < depth) {
                // The window turned by 180°: elements 0 and 3 of G·w change places along both axes.
                unsigned down = p / TILE_SIDE, right = p % TILE_SIDE;
                if (!FORWARD) {
                    down = down % 3 == 0 ? 3 - down : down;
                    right = right % 3 == 0 ? 3 - right : right;
                }
                unsigned output = FORWARD ? first + r : begin + term;
                unsigned input = FORWARD ? begin + term : first + r;
                weight = weights[((size_t)(down * TILE_SIDE + right) * d.outputs + output) * d.inputs + input];
            }
            kernels[(p * TILE_DEPTH + term) * TILE_RESULTS + r] = weight;
        }
        __syncthreads();
        for (unsigned term = 0; term < depth; term++) {
            const float *w = kernels + (product * TILE_DEPTH + term) * TILE_RESULTS + row;
            const float *s = sources + (product * TILE_DEPTH + term) * TILE_COLUMNS + column;
            float samples[TILE_COLUMNS_EACH];
#pragma unroll
            for (unsigned i = 0; i < TILE_COLUMNS_EACH; i++) samples[i] = s[i];
#pragma unroll
            for (unsigned r = 0; r < TILE_RESULTS_EACH; r++)
#pragma unroll
                for (unsigned i = 0; i < TILE_COLUMNS_EACH; i++)
                    sums[r][i] = fmaf(w[r], samples[i], sums[r][i]);
        }
    }
    // The products, [16][TILE_RESULTS][TILE_COLUMNS], where sources and weights were.
    __syncthreads();
#pragma unroll
    for (unsigned r = 0; r < TILE_RESULTS_EACH; r++)
#pragma unroll
        for (unsigned i = 0; i < TILE_COLUMNS_EACH; i++)
            staged[(product * TILE_RESULTS + row + r) * TILE_COLUMNS + column + i] = sums[r][i];
    __syncthreads();
    for (unsigned i = thread; i < TILE_RESULTS * TILE_COLUMNS; i += TILE_THREADS) {
        unsigned result = first + i / TILE_COLUMNS, of = i % TILE_COLUMNS;
        unsigned number = first_tile + of / LANES;
        if (result >= results || number >= tiles) continue;
        float m[4][4], tile_of_y[2][2];
#pragma unroll
        for (unsigned p = 0; p < TILE_PRODUCTS; p++)
            m[p / TILE_SIDE][p % TILE_SIDE] = staged[p * TILE_RESULTS * TILE_COLUMNS + i];
        both_axes<RESULT>(m, tile_of_y);
        TileAt corner = tile_at(d, number);
#pragma unroll
        for (int down = 0; down < 2; down++)
#pragma unroll
            for (int right = 0; right < 2; right++) {
                if (corner.row + down >= (int)d.height || corner.column + right >= (int)d.width) continue;
                size_t pixel = ((size_t)corner.block * d.height + corner.row + down) * d.width + corner.column + right;
                float *to = y + (pixel * results + result) * LANES + of % LANES;
                *to = add ? *to + tile_of_y[down][right] : tile_of_y[down][right];
            }
    }
}

// The weights are those of winograd_kernels.
extern "C" __global__ void __launch_bounds__(TILE_THREADS, 2)
winograd_forward(Convolution d, const float *weights, const float *x, float *y) {
    __shared__ __align__(16) float staged[TILE_PRODUCTS * TILE_RESULTS * TILE_COLUMNS];
    winograd<true>(staged, d, weights, x, false, y);
}
ENTRY(winograd_forward)

extern "C" __global__ void __launch_bounds__(TILE_THREADS, 2)
winograd_backward_data(Convolution d, const float *weights, const float *dy, unsigned add, float *dx) {
    __shared__ __align__(16) float staged[TILE_PRODUCTS * TILE_RESULTS * TILE_COLUMNS];
    winograd<false>(staged, d, weights, dy, add != 0, dx);
}
ENTRY(winograd_backward_data)

// One element of Bᵀ·d, of the two that it is of: those of source_pair.
__device__ inline float source_element(unsigned element, float a, float b) { return element == 1 ? a + b : a - b; }

// The elements of d in element `element` of Bᵀ·d: the first, and the second.
__device__ inline int source_pair(unsigned element, unsigned which) {
    if (which == 0) return element;
    return element == 0 ? 2 : element == 1 ? 2 : 1;
}

// One element of A·d.
__device__ inline float result_gradient_element(unsigned element, float a, float b) {
    return element == 0 ? a : element == 1 ? a + b : element == 2 ? a - b : b;
}

// partials [chunks of this launch][16][outputs][inputs]: the sums over the tiles of chunks `begin`, ... and over the lanes. A
// thread block takes one chunk, one product, TILE_PART outputs and inputs; a thread one lane of TILE_EDGE of each.
extern "C" __global__ void __launch_bounds__(TILE_THREADS, 2)
winograd_weight_partials(Convolution d, unsigned begin, const float *dy, const float *x, float *partials) {
    // dy and x, [TILE_CHUNK][TILE_PART][LANES] each; then the lanes of the sums, [TILE_PART·TILE_PART][LANES].
    __shared__ __align__(16) float staged[2 * TILE_CHUNK * TILE_PART * LANES];
    float *of_dy = staged, *of_x = staged + TILE_CHUNK * TILE_PART * LANES;
    unsigned output_parts = (d.outputs + TILE_PART - 1) / TILE_PART;
    unsigned input_parts = (d.inputs + TILE_PART - 1) / TILE_PART;
    unsigned number = blockIdx.x;
    unsigned input = number % input_parts * TILE_PART;
    number /= input_parts;
    unsigned output = number % output_parts * TILE_PART;
    number /= output_parts;
    unsigned product = number % TILE_PRODUCTS, chunk = number / TILE_PRODUCTS;
    unsigned down = product / TILE_SIDE, right = product % TILE_SIDE;
    unsigned first_tile = (begin + chunk) * TILE_CHUNK;
    unsigned count = smaller(TILE_CHUNK, d.blocks * tile_rows(d) * tile_columns(d) - first_tile);
    unsigned outputs = smaller(TILE_PART, d.outputs - output), inputs = smaller(TILE_PART, d.inputs - input);
    for (unsigned i = threadIdx.x; i < count * TILE_PART * LANES; i += TILE_THREADS) {
        unsigned lane = i % LANES, channel = i / LANES % TILE_PART;
        TileAt tile = tile_at(d, first_tile + i / (TILE_PART * LANES));
        float v = 0.0f, u = 0.0f;
        if (channel < outputs) {
            float side[2];
            for (int column = 0; column < 2; column++) {
                float top = tile_pixel(d, dy, d.outputs, tile, 0, column, output + channel, lane);
                float bottom = tile_pixel(d, dy, d.outputs, tile, 1, column, output + channel, lane);
                side[column] = result_gradient_element(down, top, bottom);
            }
            v = result_gradient_element(right, side[0], side[1]);
        }
        if (channel < inputs) {
            float side[2];
            for (int which = 0; which < 2; which++) {
                int column = source_pair(right, which) - 1;
                float a = tile_pixel(d, x, d.inputs, tile, source_pair(down, 0) - 1, column, input + channel, lane);
                float b = tile_pixel(d, x, d.inputs, tile, source_pair(down, 1) - 1, column, input + channel, lane);
                side[which] = source_element(down, a, b);
            }
            u = source_element(right, side[0], side[1]);
        }
        of_dy[i] = v;
        of_x[i] = u;
    }
    __syncthreads();
    unsigned lane = threadIdx.x % LANES, part = threadIdx.x / LANES;
    unsigned o_part = part / 4 * TILE_EDGE, i_part = part % 4 * TILE_EDGE;
    float sums[TILE_EDGE][TILE_EDGE];
#pragma unroll
    for (unsigned o = 0; o < TILE_EDGE; o++)
#pragma unroll
        for (unsigned i = 0; i < TILE_EDGE; i++) sums[o][i] = 0.0f;
    for (unsigned tile = 0; tile < count; tile++) {
        float left[TILE_EDGE], top[TILE_EDGE];
#pragma unroll
        for (unsigned e = 0; e < TILE_EDGE; e++) {
            left[e] = of_dy[(tile * TILE_PART + o_part + e) * LANES + lane];
            top[e] = of_x[(tile * TILE_PART + i_part + e) * LANES + lane];
        }
#pragma unroll
        for (unsigned o = 0; o < TILE_EDGE; o++)
#pragma unroll
            for (unsigned i = 0; i < TILE_EDGE; i++) sums[o][i] = fmaf(left[o], top[i], sums[o][i]);
    }
    __syncthreads();
#pragma unroll
    for (unsigned o = 0; o < TILE_EDGE; o++)
#pragma unroll
        for (unsigned i = 0; i < TILE_EDGE; i++)
            staged[((o_part + o) * TILE_PART + i_part + i) * LANES + lane] = sums[o][i];
    __syncthreads();
    float *to = partials + ((size_t)chunk * TILE_PRODUCTS + product) * d.outputs * d.inputs;
    for (unsigned pair = threadIdx.x; pair < TILE_PART * TILE_PART; pair += TILE_THREADS) {
        unsigned o = pair / TILE_PART, i = pair % TILE_PART;
        if (o < outputs && i < inputs)
            to[(size_t)(output + o) * d.inputs + input + i] = add_lanes(staged + pair * LANES);
    }
}
ENTRY(winograd_weight_partials)

// Adds the chunks of a launch of winograd_weight_partials to totals [sums], ascending; in the first launch they start from
// its first chunk. One thread takes one sum.
extern "C" __global__ void winograd_add_weight_partials(unsigned chunks, unsigned sums, unsigned is_first,
                                                        const float *partials, float *totals) {
    unsigned sum = blockIdx.x * blockDim.x + threadIdx.x;
    if (sum >= sums) return;
    float total = is_first ? partials[sum] : totals[sum] + partials[sum];
    totals[sum] = add_further(partials + sum, sums, chunks, total);
}
ENTRY(winograd_add_weight_partials)

// dw = g·Gᵀ·m·G of totals m [16][outputs][inputs]; gain may be null. One thread takes one pair of channels.
extern "C" __global__ void winograd_kernel_gradients(unsigned outputs, unsigned inputs, const float *gain,
                                                     const float *totals, float *dw) {
    unsigned pair = blockIdx.x * blockDim.x + threadIdx.x;
    if (pair >= outputs * inputs) return;
    unsigned output = pair / inputs, input = pair % inputs;
    float m[4][4], taps[3][3];
#pragma unroll
    for (unsigned product = 0; product < TILE_PRODUCTS; product++)
        m[product / TILE_SIDE][product % TILE_SIDE] = totals[(size_t)product * outputs * inputs + pair];
    both_axes<KERNEL_GRADIENT>(m, taps);
#pragma unroll
    for (unsigned tap = 0; tap < 9; tap++) {
        float sum = taps[tap / 3][tap % 3];
        dw[((size_t)output * 9 + tap) * inputs + input] = gain ? gain[output] * sum : sum;
    }
}
ENTRY(winograd_kernel_gradients)
