// Softmax, cross-entropy, entropy and accuracy: one thread per sample, one thread block per chunk.

// Sums per sample: loss, entropy, correct prediction.
#define TOTALS 3

__device__ inline float if_same(float a, float b, float yes, float no) {
    return if_less(a, b, no, if_less(b, a, no, yes));
}

// logits [blocks][classes][16]; gradient of the same shape, or null; partials [chunks][3][16].
extern "C" __global__ void softmax_cross_entropy(unsigned samples, unsigned classes, float share,
                                                 const float *logits, const byte *labels,
                                                 float *gradient, float *partials) {
    __shared__ float found[TOTALS][CHUNK][LANES];
    unsigned place = threadIdx.x / LANES, lane = threadIdx.x % LANES;
    unsigned block = blockIdx.x * CHUNK + place;
    unsigned blocks = (samples + LANES - 1) / LANES;
    if (block < blocks) {
        unsigned sample = block * LANES + lane;
        float present = sample < samples ? 1.0f : 0.0f;
        float label = sample < samples ? (float)labels[sample] : 0.0f;
        const float *logit = logits + (size_t)block * classes * LANES + lane;

        // The largest logit, and the first class with that logit.
        float largest = logit[0], winner = 0.0f;
        for (unsigned c = 1; c < classes; c++) {
            winner = if_less(largest, logit[c * LANES], (float)c, winner);
            largest = if_less(largest, logit[c * LANES], logit[c * LANES], largest);
        }
        float total = 0.0f, weighted = 0.0f, at_label = 0.0f;
        for (unsigned c = 0; c < classes; c++) {
            float z = logit[c * LANES] - largest;
            float e = exponential(z);
            total = total + e;
            weighted = fmaf(e, z, weighted);
            at_label = if_same(label, (float)c, z, at_label);
        }
        float log_total = logarithm(total);
        found[0][place][lane] = (log_total - at_label) * present;
        found[1][place][lane] = (log_total - weighted / total) * present;
        found[2][place][lane] = if_same(label, winner, 1.0f, 0.0f) * present;
        if (gradient) {
            float *to = gradient + (size_t)block * classes * LANES + lane;
            for (unsigned c = 0; c < classes; c++) {
                float e = exponential(logit[c * LANES] - largest);
                float target = if_same(label, (float)c, 1.0f, 0.0f);
                to[c * LANES] = (e / total - target) * (present * share);
            }
        }
    }
    __syncthreads();
    unsigned last = smaller(CHUNK, blocks - blockIdx.x * CHUNK);
    for (unsigned i = threadIdx.x; i < TOTALS * LANES; i += blockDim.x) {
        float sum = 0.0f;
        for (unsigned b = 0; b < last; b++) sum = sum + found[i / LANES][b][i % LANES];
        partials[blockIdx.x * TOTALS * LANES + i] = sum;
    }
}
ENTRY(softmax_cross_entropy)
