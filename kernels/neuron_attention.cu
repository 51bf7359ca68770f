// Attention of neurons to neurons and to the current input, and its gradient: src/backend/modulations.rs. Features of
// neurons are [blocks of 16 neurons][heads·width][16].

// The struct NeuronAttention of src/backend/neuron_attention.rs, the samples with an input of their own (0: one for
// all), and the scores' factor 1/√width.
struct Heads {
    unsigned neurons, heads, width, samples;
    float scale;
};

__device__ inline unsigned neuron_blocks(Heads d) { return (d.neurons + LANES - 1) / LANES; }

__device__ inline bool is_neuron(Heads d, unsigned block, unsigned lane) {
    return block * LANES + lane < d.neurons;
}

// The index of number `which` of `each` numbers of a neuron.
__device__ inline size_t of_neuron(unsigned each, unsigned neuron, unsigned which) {
    return ((size_t)(neuron / LANES) * each + which) * LANES + neuron % LANES;
}

// An element of the shares [blocks][heads][neurons][16].
struct Pair {
    unsigned lane, key, head, block;
};

__device__ inline Pair pair_of(Heads d, unsigned i) {
    Pair pair;
    pair.lane = i % LANES;
    pair.key = i / LANES % d.neurons;
    pair.head = i / LANES / d.neurons % d.heads;
    pair.block = i / LANES / d.neurons / d.heads;
    return pair;
}

// Σ x·y over the features of a head: x of a neuron of the pair's block, y of its key.
__device__ inline float over_features(Heads d, Pair pair, const float *x, const float *y) {
    unsigned features = d.heads * d.width, first = pair.head * d.width;
    const float *own = x + ((size_t)pair.block * features + first) * LANES + pair.lane;
    const float *other = y + of_neuron(features, pair.key, first);
    float sum = 0.0f;
    for (unsigned c = 0; c < d.width; c++) sum = fmaf(own[c * LANES], other[c * LANES], sum);
    return sum;
}

// The scores, one thread per element of the shares.
extern "C" __global__ void neuron_scores(Heads d, unsigned length, const float *q, const float *k,
                                         float *shares) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    shares[i] = d.scale * over_features(d, pair_of(d, i), q, k);
}
ENTRY(neuron_scores)

// Softmax of the scores, and the log-sums; +0 in the padding lanes. One thread per head of a neuron.
extern "C" __global__ void neuron_shares(Heads d, unsigned length, float *shares, float *log_sums) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned lane = i % LANES;
    float *row = shares + (size_t)(i / LANES) * d.neurons * LANES + lane;
    float largest = row[0], total = 0.0f;
    for (unsigned j = 0; j < d.neurons; j++) {
        float score = row[(size_t)j * LANES];
        largest = if_less(largest, score, score, largest);
    }
    for (unsigned j = 0; j < d.neurons; j++) {
        float e = exponential(row[(size_t)j * LANES] - largest);
        total = total + e;
        row[(size_t)j * LANES] = e;
    }
    float inverse = 1.0f / total;
    bool counts = is_neuron(d, i / LANES / d.heads, lane);
    for (unsigned j = 0; j < d.neurons; j++) {
        float share = row[(size_t)j * LANES] * inverse;
        row[(size_t)j * LANES] = counts ? share : 0.0f;
    }
    log_sums[i] = counts ? largest + logarithm(total) : 0.0f;
}
ENTRY(neuron_shares)

// to_c = Σ_j p_j·x_jc, j ascending; +0 in the padding lanes. One thread per feature of a neuron.
extern "C" __global__ void neuron_mix(Heads d, unsigned length, const float *p, const float *x,
                                      float *to) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned features = d.heads * d.width;
    unsigned lane = i % LANES, feature = i / LANES % features, block = i / LANES / features;
    const float *row = p + ((size_t)block * d.heads + feature / d.width) * d.neurons * LANES + lane;
    float sum = 0.0f;
    for (unsigned j = 0; j < d.neurons; j++)
        sum = fmaf(row[(size_t)j * LANES], x[of_neuron(features, j, feature)], sum);
    to[i] = is_neuron(d, block, lane) ? sum : 0.0f;
}
ENTRY(neuron_mix)

// ds; +0 in the padding lanes. One thread per element of the shares.
extern "C" __global__ void neuron_slopes(Heads d, unsigned length, const float *v, const float *shares,
                                         const float *out, const float *dout, const float *dlog_sums,
                                         float *slopes) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    Pair pair = pair_of(d, i);
    unsigned features = d.heads * d.width;
    size_t own = ((size_t)pair.block * features + pair.head * d.width) * LANES + pair.lane;
    float against = 0.0f;
    for (unsigned c = 0; c < d.width; c++)
        against = fmaf(dout[own + c * LANES], out[own + c * LANES], against);
    float sum = over_features(d, pair, dout, v);
    float log_sum = dlog_sums[((size_t)pair.block * d.heads + pair.head) * LANES + pair.lane];
    float slope = d.scale * (shares[i] * ((sum - against) + log_sum));
    slopes[i] = is_neuron(d, pair.block, pair.lane) ? slope : 0.0f;
}
ENTRY(neuron_slopes)

// The lanes of a sum over blocks, in chunks of 32: add(block, sum) for each block, ascending.
#define LONG_SUM(total, blocks, block, sum, term)                                    \
    float total = 0.0f;                                                              \
    for (unsigned begin = 0; begin == 0 || begin < (blocks); begin += CHUNK) {       \
        float sum = 0.0f;                                                            \
        for (unsigned block = begin; block < smaller(blocks, begin + CHUNK); block++) \
            sum = term;                                                              \
        total = begin == 0 ? sum : total + sum;                                      \
    }

// dk = Σ_i ds·q and dv = Σ_i p·dout. A thread block of 256 takes 16 of the features of the blocks' neurons, with 16
// lanes each; the second half of the thread blocks' numbers is dv.
extern "C" __global__ void neuron_keys(Heads d, unsigned groups, const float *q, const float *shares,
                                       const float *slopes, const float *dout, float *dk, float *dv) {
    __shared__ float lanes[16][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned features = d.heads * d.width, blocks = neuron_blocks(d);
    bool values = blockIdx.x >= groups;
    // One group is one feature of 16 keys.
    unsigned group = blockIdx.x % groups, feature = group % features;
    unsigned key = group / features * LANES + place;
    if (key < d.neurons) {
        const float *p = values ? shares : slopes, *x = values ? dout : q;
        size_t row = ((size_t)(feature / d.width) * d.neurons + key) * LANES + lane;
        size_t step = (size_t)d.heads * d.neurons * LANES;
        LONG_SUM(total, blocks, i, sum,
                 fmaf(p[row + i * step], x[((size_t)i * features + feature) * LANES + lane], sum))
        lanes[place][lane] = total;
    }
    __syncthreads();
    if (lane != 0) return;
    float *to = (values ? dv : dk) + (size_t)group * LANES + place;
    // The features of a block of keys are adjacent, as in dk.
    *to = key < d.neurons ? add_lanes(lanes[place]) : 0.0f;
}
ENTRY(neuron_keys)

// A neuron and a head, and an input: an element of w, [blocks of neurons][heads][16] with one input for all, else
// [blocks of samples][neurons][heads][16].
struct Weight {
    unsigned head, neuron;
    size_t key;    // of the head's first feature in k and v
    size_t mixed;  // of the head's first feature in mixed
    unsigned step;  // between features of k and v
    bool counts;
};

__device__ inline Weight weight_of(Heads d, unsigned i) {
    unsigned features = d.heads * d.width, lane = i % LANES, outer = i / LANES / d.heads;
    Weight of;
    of.head = i / LANES % d.heads;
    of.mixed = ((size_t)outer * features + of.head * d.width) * LANES + lane;
    if (d.samples == 0) {
        of.neuron = outer * LANES + lane;
        of.key = of.head * d.width;
        of.step = 1;
        of.counts = of.neuron < d.neurons;
    } else {
        unsigned block = outer / d.neurons;
        of.neuron = outer % d.neurons;
        of.key = ((size_t)block * features + of.head * d.width) * LANES + lane;
        of.step = LANES;
        of.counts = block * LANES + lane < d.samples;
    }
    return of;
}

// w and mixed; +0 in the padding lanes. One thread per element of w.
extern "C" __global__ void input_weights(Heads d, unsigned length, const float *q, const float *log_sums,
                                         const float *out, const float *k, const float *v, float *w,
                                         float *mixed) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    Weight of = weight_of(d, i);
    size_t own = of_neuron(d.heads * d.width, of.neuron, of.head * d.width);
    float score = 0.0f;
    for (unsigned c = 0; c < d.width; c++)
        score = fmaf(q[own + c * LANES], k[of.key + c * of.step], score);
    float against = log_sums[of_neuron(d.heads, of.neuron, of.head)] - d.scale * score;
    float weight = 1.0f / (1.0f + exponential(against));
    w[i] = of.counts ? weight : 0.0f;
    for (unsigned c = 0; c < d.width; c++) {
        float from = out[own + c * LANES];
        float value = fmaf(weight, v[of.key + c * of.step] - from, from);
        mixed[of.mixed + c * LANES] = of.counts ? value : 0.0f;
    }
}
ENTRY(input_weights)

// dt; +0 in the padding lanes. One thread per element of w.
extern "C" __global__ void input_slopes(Heads d, unsigned length, const float *out, const float *v,
                                        const float *w, const float *dmixed, float *slopes) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    Weight of = weight_of(d, i);
    size_t own = of_neuron(d.heads * d.width, of.neuron, of.head * d.width);
    float sum = 0.0f;
    for (unsigned c = 0; c < d.width; c++)
        sum = fmaf(dmixed[of.mixed + c * LANES], v[of.key + c * of.step] - out[own + c * LANES], sum);
    float dt = (sum * w[i]) * (1.0f - w[i]);
    slopes[i] = of.counts ? dt : 0.0f;
}
ENTRY(input_slopes)

// dq, dout and dlog_sums with one input for all; +0 in the padding lanes. One thread per element of w.
extern "C" __global__ void shared_input_backward(Heads d, unsigned length, const float *k, const float *w,
                                                 const float *dmixed, const float *slopes, float *dq,
                                                 float *dout, float *dlog_sums) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    Weight of = weight_of(d, i);
    float g = d.scale * slopes[i], rest = 1.0f - w[i];
    dlog_sums[i] = of.counts ? 0.0f - slopes[i] : 0.0f;
    for (unsigned c = 0; c < d.width; c++) {
        size_t at = of.mixed + c * LANES;
        dq[at] = of.counts ? fmaf(g, k[of.key + c], 0.0f) : 0.0f;
        dout[at] = of.counts ? fmaf(rest, dmixed[at], 0.0f) : 0.0f;
    }
}
ENTRY(shared_input_backward)

// The lanes of each chunk's dk and dv with one input for all: partials [chunks][2][features][16], where the blocks of
// neurons are the pixels of n.
extern "C" __global__ void shared_input_sums(Normalisation n, Heads d, const float *q, const float *w,
                                             const float *dmixed, const float *slopes, float *partials) {
    ChunkLane of = chunk_lane(n);
    if (of.channel >= n.channels) return;
    float key = 0.0f, value = 0.0f;
    for (unsigned block = of.first; block < of.last; block++) {
        size_t i = place(n, of, block);
        size_t head = ((size_t)block * d.heads + of.channel / d.width) * LANES + of.lane;
        key = fmaf(d.scale * slopes[head], q[i], key);
        value = fmaf(w[head], dmixed[i], value);
    }
    store_sums(n, of, key, value, partials);
}
ENTRY(shared_input_sums)

// dk and dv of each sample: sums over the neurons, ascending; +0 in the padding lanes. One thread per element.
extern "C" __global__ void sample_keys(Heads d, unsigned length, const float *q, const float *w,
                                       const float *dmixed, const float *slopes, float *dk, float *dv) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned features = d.heads * d.width;
    unsigned lane = i % LANES, feature = i / LANES % features, block = i / LANES / features;
    float key = 0.0f, value = 0.0f;
    for (unsigned neuron = 0; neuron < d.neurons; neuron++) {
        size_t both = (size_t)block * d.neurons + neuron;
        size_t head = (both * d.heads + feature / d.width) * LANES + lane;
        key = fmaf(d.scale * slopes[head], q[of_neuron(features, neuron, feature)], key);
        value = fmaf(w[head], dmixed[(both * features + feature) * LANES + lane], value);
    }
    bool counts = block * LANES + lane < d.samples;
    dk[i] = counts ? key : 0.0f;
    dv[i] = counts ? value : 0.0f;
}
ENTRY(sample_keys)

// dq, dout and dlog_sums with an input per sample: sums over the samples. A thread block of 256 takes one feature of 16
// neurons, with 16 lanes each; `which` is 0 for dq, 1 for dout, 2 for dlog_sums (then a head is a feature).
extern "C" __global__ void over_samples(Heads d, unsigned which, const float *k, const float *w,
                                        const float *dmixed, const float *slopes, float *to) {
    __shared__ float lanes[16][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned features = d.heads * d.width, each = which == 2 ? d.heads : features;
    unsigned feature = blockIdx.x % each, neuron = blockIdx.x / each * LANES + place;
    unsigned head = which == 2 ? feature : feature / d.width;
    unsigned blocks = (d.samples + LANES - 1) / LANES;
    if (neuron < d.neurons) {
        size_t step = (size_t)d.neurons * d.heads * LANES;
        size_t first = ((size_t)neuron * d.heads + head) * LANES + lane;
        const float *slope = slopes + first, *weight = w + first;
        if (which == 0) {
            const float *x = k + (size_t)feature * LANES + lane;
            LONG_SUM(total, blocks, b, sum,
                     fmaf(d.scale * slope[b * step], x[(size_t)b * features * LANES], sum))
            lanes[place][lane] = total;
        } else if (which == 1) {
            const float *x = dmixed + ((size_t)neuron * features + feature) * LANES + lane;
            size_t apart = (size_t)d.neurons * features * LANES;
            LONG_SUM(total, blocks, b, sum, fmaf(1.0f - weight[b * step], x[b * apart], sum))
            lanes[place][lane] = total;
        } else {
            LONG_SUM(total, blocks, b, sum, sum + slope[b * step])
            lanes[place][lane] = total;
        }
    }
    __syncthreads();
    if (lane != 0) return;
    float sum = neuron < d.neurons ? add_lanes(lanes[place]) : 0.0f;
    to[(size_t)blockIdx.x * LANES + place] = which == 2 ? 0.0f - sum : sum;
}
ENTRY(over_samples)
