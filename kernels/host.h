// The CUDA built-ins used by the kernels, for a C++ compiler: with them the kernels run on the CPU,
// for tests on machines without a GPU.
//
// The threads of a thread block are fibers that run one after another, each until it reaches a
// barrier or ends. The order of threads and of thread blocks is permuted, and shared memory starts
// as NaN, so a kernel that lacks a barrier, or depends on another thread block's result, gives different results.
// A buffer ends at an inaccessible page and starts after a pattern that is checked after
// every launch, so a kernel that accesses memory outside its buffers fails.
#pragma once
#include <cmath>
#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <tuple>
#include <utility>

struct Index {
    unsigned x, y, z;
};
struct __attribute__((aligned(16))) float4 {
    float x, y, z, w;
};

static Index threadIdx, blockIdx, blockDim, gridDim;

#define __global__
#define __device__ static
#define __align__(bytes) __attribute__((aligned(bytes)))
#define __launch_bounds__(...)
#define __shared__ static __attribute__((section("shared_memory")))

static inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }

static inline unsigned __float_as_uint(float number) {
    unsigned bits;
    std::memcpy(&bits, &number, sizeof bits);
    return bits;
}

static inline float __uint_as_float(unsigned bits) {
    float number;
    std::memcpy(&number, &bits, sizeof number);
    return number;
}

static void __syncthreads();

// A kernel's entry point on the host: `host_NAME` takes pointers to the arguments, as cuLaunchKernel does,
// the numbers of thread blocks and of threads, and the seed of their order. It returns an Outcome.
enum Outcome { finished = 0, unequal_barriers = 1, outside = 2 };

typedef void (*Body)(void *kernel, void **arguments);

static int run(Body body, void *kernel, void **arguments, unsigned blocks, const unsigned *threads,
               unsigned order);

template <typename... A, size_t... I>
static void call(void (*kernel)(A...), void **arguments, std::index_sequence<I...>) {
    kernel(*static_cast<A *>(arguments[I])...);
}

template <typename... A>
static void body(void *kernel, void **arguments) {
    call(reinterpret_cast<void (*)(A...)>(kernel), arguments, std::index_sequence_for<A...>());
}

template <typename... A>
static int launch(void (*kernel)(A...), void **arguments, unsigned blocks, const unsigned *threads,
                  unsigned order) {
    return run(body<A...>, reinterpret_cast<void *>(kernel), arguments, blocks, threads, order);
}

#define ENTRY(name)                                                                       \
    extern "C" int host_##name(void **arguments, unsigned blocks, const unsigned *threads, \
                               unsigned order) {                                          \
        return launch(name, arguments, blocks, threads, order);                           \
    }
