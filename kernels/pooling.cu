// Average and max pooling: one thread per element.

// In the dimensions, `inputs` is the number of channels.

// Whether `value` replaces `best`: it is larger, or NaN.
__device__ inline bool wins(float best, float value) { return best < value || value != value; }

// y of each window: its largest pixel if `largest`, else the average.
extern "C" __global__ void pool(Convolution d, unsigned length, unsigned largest, const float *x,
                                float *y) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned within = i % (d.inputs * LANES), pixel = i / (d.inputs * LANES);
    unsigned image = d.rows * d.columns;
    unsigned block = pixel / image, row = pixel % image / d.columns, column = pixel % d.columns;
    Reach down = window_reach(row, d.height, d.size, d.stride, d.padding);
    Reach right = window_reach(column, d.width, d.size, d.stride, d.padding);
    float result = 0.0f;
    for (int sy = down.first; sy < down.last; sy++)
        for (int sx = right.first; sx < right.last; sx++) {
            size_t source = ((size_t)block * d.height + sy) * d.width + sx;
            float value = x[source * d.inputs * LANES + within];
            if (sy == down.first && sx == right.first)
                result = value;
            else if (largest)
                result = wins(result, value) ? value : result;
            else
                result = result + value;
        }
    int count = (down.last - down.first) * (right.last - right.first);
    y[i] = largest ? result : result / (float)count;
}
ENTRY(pool)

// dx of each pixel: starting from +0, the shares of the windows that contain it, in row-major order.
extern "C" __global__ void pool_backward(Convolution d, unsigned length, unsigned largest,
                                         const float *x, const float *dy, float *dx) {
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= length) return;
    unsigned within = i % (d.inputs * LANES), pixel = i / (d.inputs * LANES);
    unsigned image = d.height * d.width;
    unsigned block = pixel / image;
    int row = pixel % image / d.width, column = pixel % d.width;
    Reach down = pixel_reach(row, d.rows, d.size, d.stride, d.padding);
    Reach right = pixel_reach(column, d.columns, d.size, d.stride, d.padding);
    float sum = 0.0f;
    for (int wy = down.first; wy < down.last; wy++)
        for (int wx = right.first; wx < right.last; wx++) {
            size_t window = ((size_t)block * d.rows + wy) * d.columns + wx;
            float gradient = dy[window * d.inputs * LANES + within];
            Reach rows = window_reach(wy, d.height, d.size, d.stride, d.padding);
            Reach columns = window_reach(wx, d.width, d.size, d.stride, d.padding);
            if (largest) {
                float best = __uint_as_float(0xff800000u);
                // Unless another pixel wins, the first one has the maximum.
                int best_row = rows.first, best_column = columns.first;
                for (int sy = rows.first; sy < rows.last; sy++)
                    for (int sx = columns.first; sx < columns.last; sx++) {
                        size_t source = ((size_t)block * d.height + sy) * d.width + sx;
                        float value = x[source * d.inputs * LANES + within];
                        if (wins(best, value)) {
                            best = value;
                            best_row = sy;
                            best_column = sx;
                        }
                    }
                sum = sum + (best_row == row && best_column == column ? gradient : 0.0f);
            } else {
                int count = (rows.last - rows.first) * (columns.last - columns.first);
                sum = sum + gradient / (float)count;
            }
        }
    dx[i] = sum;
}
ENTRY(pool_backward)
