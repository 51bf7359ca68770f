// Shared by all kernels: the layout, the order of long sums, exp and ln.
//
// The results have the same bits as src/backend/cpu: every operation below rounds as IEEE 754 specifies, fmaf is
// used where the contract (src/backend/mod.rs) specifies a fused operation, and nothing else is contracted (the
// compiler's option --fmad=false).

// Samples per block, the innermost dimension of every activation: adjacent threads hold
// adjacent samples.
#define LANES 16
// Blocks of 16 elements in a chunk of a long sum.
#define CHUNK 32
// Chunks whose sums are loaded together: the adds wait for each other, the loads need not.
#define AHEAD 32
// A group outside of the images, or a source pixel outside of its image.
#define NOWHERE 0xffffffffu

typedef unsigned char byte;

// The dimensions of a convolution; for a product, images have one pixel and the window has one tap.
struct Convolution {
    unsigned blocks, height, width, inputs, outputs;
    unsigned rows, columns;  // of the output image
    unsigned size, stride, padding;
};

// Samples without the padding lanes, pixels per image, channels per pixel.
struct Normalisation {
    unsigned samples, pixels, channels;
};

__device__ inline float if_less(float a, float b, float yes, float no) { return a < b ? yes : no; }

__device__ inline unsigned smaller(unsigned a, unsigned b) { return a < b ? a : b; }

// The pixels along one axis that contribute to a result pixel: first..last, with tap base + step·pixel.
struct Reach {
    int first, last, base, step;
};

// The source pixels of window `number`, of `pixels` along the axis. Positions outside the image are
// skipped.
__device__ inline Reach window_reach(int number, int pixels, int size, int stride, int padding) {
    Reach reach;
    int begin = number * stride - padding;
    reach.first = begin < 0 ? 0 : begin;
    reach.last = begin + size < pixels ? begin + size : pixels;
    reach.base = -begin;
    reach.step = 1;
    return reach;
}

// The windows, of `windows` along the axis, that contain this pixel.
__device__ inline Reach pixel_reach(int pixel, int windows, int size, int stride, int padding) {
    Reach reach;
    int base = pixel + padding;
    reach.first = base < size ? 0 : (base - size) / stride + 1;
    reach.last = base / stride + 1 < windows ? base / stride + 1 : windows;
    reach.base = base;
    reach.step = -stride;
    return reach;
}

// Channels per thread block, in the kernels with sums for each channel.
#define CHANNELS 16

// Samples in a pixel's block; pixels are numbered through all blocks.
__device__ inline unsigned present(Normalisation d, unsigned pixel) {
    return smaller(LANES, d.samples - pixel / d.pixels * LANES);
}

__device__ inline unsigned all_pixels(Normalisation d) {
    return (d.samples + LANES - 1) / LANES * d.pixels;
}

// Adds 16 lanes in the tree of src/backend/summation.rs.
__device__ inline float add_lanes(const float *lanes) {
    float sum[LANES / 2];
#pragma unroll
    for (int lane = 0; lane < LANES / 2; lane++) sum[lane] = lanes[lane] + lanes[lane + LANES / 2];
#pragma unroll
    for (int half = LANES / 4; half > 0; half /= 2)
#pragma unroll
        for (int lane = 0; lane < half; lane++) sum[lane] = sum[lane] + sum[lane + half];
    return sum[0];
}

// Adds chunks 1, 2, ... of one lane to `total`, ascending; partial[0] is chunk 0, and `step` the distance to the next.
__device__ inline float add_further(const float *partial, size_t step, unsigned chunks, float total) {
    unsigned chunk = 1;
    for (; chunk + AHEAD <= chunks; chunk += AHEAD) {
        float ahead[AHEAD];
#pragma unroll
        for (unsigned i = 0; i < AHEAD; i++) ahead[i] = partial[(chunk + i) * step];
#pragma unroll
        for (unsigned i = 0; i < AHEAD; i++) total = total + ahead[i];
    }
    for (; chunk < chunks; chunk++) total = total + partial[chunk * step];
    return total;
}

// One lane's sum over the chunks, ascending, starting from the first: quantity `quantity` of
// `quantities`, in partials [chunks][quantities][16].
__device__ inline float add_chunks(const float *partials, unsigned chunks, unsigned quantities,
                                   unsigned quantity, unsigned lane) {
    const float *partial = partials + (size_t)quantity * LANES + lane;
    return add_further(partial, (size_t)quantities * LANES, chunks, *partial);
}

// A thread's part of the two sums of each channel over pixels: a thread block of 256 takes 16 channels × 16
// lanes of one chunk of pixels, first..last. In the last thread block, `channel` may be out of range.
struct ChunkLane {
    unsigned chunk, channel, lane, first, last;
};

__device__ inline ChunkLane chunk_lane(Normalisation d) {
    unsigned groups = (d.channels + CHANNELS - 1) / CHANNELS;
    ChunkLane of;
    of.chunk = blockIdx.x / groups;
    of.channel = blockIdx.x % groups * CHANNELS + threadIdx.x / LANES;
    of.lane = threadIdx.x % LANES;
    of.first = of.chunk * CHUNK;
    of.last = smaller(all_pixels(d), of.first + CHUNK);
    return of;
}

// The index of the thread's element of a pixel.
__device__ inline size_t place(Normalisation d, ChunkLane of, unsigned pixel) {
    return ((size_t)pixel * d.channels + of.channel) * LANES + of.lane;
}

// The lanes of a chunk's two sums: partials [chunks][2][channels][16].
__device__ inline void store_sums(Normalisation d, ChunkLane of, float first, float second,
                                  float *partials) {
    float *to = partials + ((size_t)of.chunk * 2 * d.channels + of.channel) * LANES + of.lane;
    to[0] = first;
    to[(size_t)d.channels * LANES] = second;
}

// A channel and its two sums over all chunks; `mine` is true in one thread per channel.
struct ChannelSums {
    bool mine;
    unsigned channel;
    float first, second;
};

// Chunks that `add_sums` stages at a time, and those of them that a thread loads.
#define STAGED_CHUNKS 128
#define OWN_CHUNKS (STAGED_CHUNKS / 16)

// Adds the chunks of `store_sums`: a thread block of 256 takes one channel. All threads load, one warp adds.
__device__ inline ChannelSums add_sums(Normalisation d, unsigned chunks, const float *partials) {
    __shared__ float staged[2][STAGED_CHUNKS][LANES];
    __shared__ float lanes[2][LANES];
    unsigned row = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    const float *from = partials + blockIdx.x * LANES + lane;
    size_t other = (size_t)d.channels * LANES, step = 2 * other;
    float ahead[2][OWN_CHUNKS], total = 0.0f;
    for (unsigned begin = 0; begin < chunks; begin += STAGED_CHUNKS) {
#pragma unroll
        for (unsigned i = 0; i < OWN_CHUNKS; i++) {
            unsigned chunk = begin + i * 16 + row;
            if (chunk < chunks) {
                ahead[0][i] = from[chunk * step];
                ahead[1][i] = from[chunk * step + other];
            }
        }
        __syncthreads();
#pragma unroll
        for (unsigned i = 0; i < OWN_CHUNKS; i++) {
            staged[0][i * 16 + row][lane] = ahead[0][i];
            staged[1][i * 16 + row][lane] = ahead[1][i];
        }
        __syncthreads();
        unsigned count = row < 2 ? smaller(STAGED_CHUNKS, chunks - begin) : 0;
        for (unsigned i = 0; i < count; i++) {
            float value = staged[row][i][lane];
            total = begin + i == 0 ? value : total + value;
        }
    }
    if (row < 2) lanes[row][lane] = total;
    __syncthreads();
    ChannelSums sums = {threadIdx.x == 0, blockIdx.x, 0.0f, 0.0f};
    if (sums.mine) {
        sums.first = add_lanes(lanes[0]);
        sums.second = add_lanes(lanes[1]);
    }
    return sums;
}

// The channel of element i of an activation.
__device__ inline unsigned channel_of(Normalisation d, unsigned i) { return i / LANES % d.channels; }

// Finishes element i of an activation: adds the residual and applies ReLU if requested; +0 in the padding lanes.
__device__ inline float epilogue(Normalisation d, unsigned i, float value, const float *residual,
                                 unsigned relu) {
    if (residual) value = value + residual[i];
    if (relu) value = if_less(value, 0.0f, 0.0f, value + 0.0f);
    return i % LANES < present(d, i / LANES / d.channels) ? value : 0.0f;
}

// e^x: src/backend/cpu/math.rs.
__device__ inline float exponential(float x) {
    x = if_less(x, -104.0f, -104.0f, x);
    x = if_less(89.0f, x, 89.0f, x);
    const float magic = 12582912.0f;
    float shifted = fmaf(x, 1.44269504088896340736f, magic);
    float n = shifted - magic;
    float high = fmaf(n, -0.69314575f, x);
    float low = n * -1.4286068e-6f;
    float r = high + low;
    float q = 0.001381454f;
    q = fmaf(q, r, 0.008368745f);
    q = fmaf(q, r, 0.04166839f);
    q = fmaf(q, r, 0.16666521f);
    q = fmaf(q, r, 0.49999994f);
    float tail = fmaf(q, r * r, low);
    float sum = 1.0f + high;
    float error = (1.0f - sum) + high;
    float power = sum + (error + tail);
    unsigned exponent = __float_as_uint(shifted) - (0x4b400000u - 256u);
    unsigned half = exponent >> 1;
    unsigned rest = exponent - half;
    power = power * __uint_as_float((half - 1u) << 23);
    return power * __uint_as_float((rest - 1u) << 23);
}

// ln x: src/backend/cpu/math.rs.
__device__ inline float logarithm(float x) {
    const float smallest = __uint_as_float(0x00800000u);
    float normal = if_less(x, smallest, x * 8388608.0f, x);
    float scaled = if_less(x, smallest, -23.0f, 0.0f);
    const unsigned offset = 0x3f3504f3u;
    unsigned shifted = __float_as_uint(normal) - offset;
    float mantissa = __uint_as_float((shifted & 0x007fffffu) + offset);
    unsigned exponent = ((shifted + 0x40000000u) >> 23) | 0x4b000000u;
    float n = (__uint_as_float(exponent) - (8388608.0f + 128.0f)) + scaled;
    float f = mantissa - 1.0f;
    float square = f * f;
    float p = -0.076345064f;
    p = fmaf(p, f, 0.12761593f);
    p = fmaf(p, f, -0.13160186f);
    p = fmaf(p, f, 0.14201756f);
    p = fmaf(p, f, -0.16623357f);
    p = fmaf(p, f, 0.20001227f);
    p = fmaf(p, f, -0.2500082f);
    p = fmaf(p, f, 0.3333333f);
    float tail = fmaf(p * f, square, -0.5f * square);
    tail = fmaf(n, 1.4286068e-6f, tail);
    float high = n * 0.69314575f;
    float sum = high + f;
    float error = (high - sum) + f;
    float result = sum + (error + tail);
    float other = if_less(x, 0.0f, __uint_as_float(0x7fc00000u), __uint_as_float(0xff800000u));
    result = if_less(0.0f, x, result, other);
    return if_less(x, __uint_as_float(0x7f800000u), result, x);
}

// tanh x: src/backend/cpu/math.rs.
__device__ inline float hyperbolic_tangent(float x) {
    unsigned sign = __float_as_uint(x) & 0x80000000u;
    x = __uint_as_float(__float_as_uint(x) & 0x7fffffffu);
    float z = x * x;
    float p = -0.005704531f;
    p = fmaf(p, z, 0.020638695f);
    p = fmaf(p, z, -0.0537396f);
    p = fmaf(p, z, 0.13331442f);
    p = fmaf(p, z, -0.3333328f);
    float small = fmaf(z * p, x, x);
    float large = 1.0f - 2.0f / (exponential(x + x) + 1.0f);
    return __uint_as_float(__float_as_uint(if_less(x, 0.625f, small, large)) | sign);
}

// min(x, 16), and exp(−z) there, for x >= 0: src/backend/cpu/math.rs.
struct GeluExponential {
    float near, e;
};

__device__ inline GeluExponential gelu_exponential(float x) {
    GeluExponential found;
    x = if_less(16.0f, x, 16.0f, x);
    const float linear = 1.5957692f, linear_rest = -4.534068e-8f;
    const float cubic = 0.071354814f, cubic_rest = 2.3988325e-9f;
    float square = x * x;
    float square_error = fmaf(x, x, 0.0f - square);
    float product = cubic * square;
    float product_error = fmaf(cubic, square, 0.0f - product);
    product_error = fmaf(cubic, square_error, product_error);
    product_error = fmaf(cubic_rest, square, product_error);
    float sum = linear + product;
    float part = sum - linear;
    float sum_error = (linear - (sum - part)) + (product - part);
    float rest = (sum_error + product_error) + linear_rest;
    float z = x * sum;
    float error = fmaf(x, rest, fmaf(x, sum, 0.0f - z));
    float e = exponential(0.0f - z);
    found.near = x;
    found.e = fmaf(e, 0.0f - error, e);
    return found;
}

// gelu x: src/backend/cpu/math.rs.
__device__ inline float gelu_of(float x) {
    unsigned sign = __float_as_uint(x) & 0x80000000u;
    float magnitude = __uint_as_float(__float_as_uint(x) & 0x7fffffffu);
    GeluExponential g = gelu_exponential(magnitude);
    float numerator = if_less(x, 0.0f, g.near * g.e, magnitude);
    return __uint_as_float(__float_as_uint(numerator / (1.0f + g.e)) | sign);
}

// gelu' x: src/backend/cpu/math.rs.
__device__ inline float gelu_slope(float x) {
    GeluExponential g = gelu_exponential(__uint_as_float(__float_as_uint(x) & 0x7fffffffu));
    float d = 1.0f + g.e;
    float w = g.e / d;
    float z = fmaf(g.near * g.near, 3.0f * 0.071354814f, 1.5957692f);
    float t = (g.near * z) * (w / d);
    return if_less(x, 0.0f, w - t, 1.0f / d + t);
}
