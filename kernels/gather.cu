// Gathers batches from rows of bytes, one thread per element of the batch; and copies bytes.

// The pixel of the stored image that pixel `at` of a sample shows: `at` without maps, else
// sources[maps[sample]][at]. It is outside the image unless it is below `size`, the number of pixels of an image.
__device__ inline unsigned source_of(unsigned at, unsigned sample, unsigned size, const unsigned *sources,
                                     const unsigned *maps) {
    return sources ? sources[(size_t)maps[sample] * size + at] : at;
}

// out[s][f] = table[f mod tables][byte], where the byte is channel c of pixel source_of(p) of row indices[s]
// for f = p * channels + c, and 0 outside the image; out = 0 in the padding lanes.
extern "C" __global__ void gather(unsigned length, unsigned samples, unsigned features, unsigned size,
                                  unsigned tables, const byte *pixels, const float *table,
                                  const unsigned *indices, const unsigned *sources,
                                  const unsigned *maps, float *out) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned channels = features / size;
    unsigned feature = i / LANES % features;
    unsigned sample = i / LANES / features * LANES + i % LANES;
    float value = 0.0f;
    if (sample < samples) {
        unsigned source = source_of(feature / channels, sample, size, sources, maps);
        byte found = 0;
        if (source < size)
            found = pixels[((size_t)indices[sample] * size + source) * channels + feature % channels];
        value = table[feature % tables * 256 + found];
    }
    out[i] = value;
}
ENTRY(gather)

// The same for images, which are shifted and flipped after the pixel map: placements [samples][3] are down, right,
// mirrored.
extern "C" __global__ void gather_images(unsigned length, unsigned samples, unsigned height,
                                         unsigned width, unsigned channels, unsigned tables,
                                         const byte *pixels, const float *table,
                                         const unsigned *indices, const unsigned *sources,
                                         const unsigned *maps, const int *placements, float *out) {
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
            unsigned size = height * width;
            unsigned source = source_of(sy * width + sx, sample, size, sources, maps);
            if (source < size)
                found = pixels[((size_t)indices[sample] * size + source) * channels + channel];
        }
        value = table[channel % tables * 256 + found];
    }
    out[i] = value;
}
ENTRY(gather_images)

// to[i] = from[i].
extern "C" __global__ void copy(unsigned length, const byte *from, byte *to) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < length) to[i] = from[i];
}
ENTRY(copy)
