// Batches from rows of bytes, one thread a number of the batch, and copies.

// out[s][f] = table[f mod tables][byte], the byte being number f of row indices[s]; 0 in the padding.
extern "C" __global__ void gather(unsigned length, unsigned samples, unsigned features,
                                  unsigned tables, const byte *pixels, const float *table,
                                  const unsigned *indices, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned feature = i / LANES % features;
    unsigned sample = i / LANES / features * LANES + i % LANES;
    float value = 0.0f;
    if (sample < samples) {
        byte pixel = pixels[(size_t)indices[sample] * features + feature];
        value = table[feature % tables * 256 + pixel];
    }
    out[i] = value;
}
ENTRY(gather)

// The same of images, each shifted and mirrored: placements [samples][3] are down, right, mirrored.
extern "C" __global__ void gather_images(unsigned length, unsigned samples, unsigned height,
                                         unsigned width, unsigned channels, unsigned tables,
                                         const byte *pixels, const float *table,
                                         const unsigned *indices, const int *placements, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned features = height * width * channels;
    unsigned channel = i / LANES % channels, pixel = i / LANES / channels % (height * width);
    unsigned sample = i / LANES / features * LANES + i % LANES;
    float value = 0.0f;
    if (sample < samples) {
        const int *placement = placements + (size_t)sample * 3;
        int column = pixel % width;
        int sy = (int)(pixel / width) + placement[0];
        int sx = (placement[2] ? (int)width - 1 - column : column) + placement[1];
        byte found = 0;
        if (sy >= 0 && sy < (int)height && sx >= 0 && sx < (int)width) {
            size_t source = ((size_t)indices[sample] * height + sy) * width + sx;
            found = pixels[source * channels + channel];
        }
        value = table[channel % tables * 256 + found];
    }
    out[i] = value;
}
ENTRY(gather_images)

// out[s] = labels[indices[s]].
extern "C" __global__ void gather_labels(unsigned length, const byte *labels, const unsigned *indices,
                                         byte *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < length) out[i] = labels[indices[i]];
}
ENTRY(gather_labels)

// to[i] = from[i].
extern "C" __global__ void copy(unsigned length, const byte *from, byte *to) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < length) to[i] = from[i];
}
ENTRY(copy)
