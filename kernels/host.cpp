// Builds the kernels as a shared library for the CPU; see host.h.
//
// g++ -O2 -std=c++17 -ffp-contract=off -U_FORTIFY_SOURCE -fsanitize=bounds -fsanitize-undefined-trap-on-error
//     -shared -fPIC -Wno-unknown-pragmas host.cpp -o kernels.so
// Add -mfma if the processor has FMA: otherwise fmaf is a slow function of the C library.
#include "host.h"

#include <sys/mman.h>
#include <ucontext.h>

#include <map>
#include <mutex>
#include <vector>

#include "common.cuh"

#include "affine.cu"
#include "attention.cu"
#include "convolution.cu"
#include "elementwise.cu"
#include "gather.cu"
#include "layer_norm.cu"
#include "loss.cu"
#include "modulation.cu"
#include "neuron_attention.cu"
#include "normalisation.cu"
#include "pooling.cu"
#include "sum.cu"
#include "to_weights.cu"
#include "weight_partials.cu"
#include "winograd.cu"

extern "C" char __start_shared_memory[], __stop_shared_memory[];

namespace {

std::mutex lock;

// Memory: whole pages, followed by one without access. A buffer ends where that page begins, up to the
// alignment to 16 bytes.
const size_t page = 4096, alignment = 16, pattern_bytes = 64;
const unsigned char pattern = 0xff;  // as a float: NaN

struct Buffer {
    char *pages;
    size_t length, bytes;
};
std::map<char *, Buffer> buffers;

size_t aligned(size_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

bool untouched(char *start, const Buffer &buffer) {
    for (size_t i = 1; i <= pattern_bytes; i++)
        if ((unsigned char)start[-(ptrdiff_t)i] != pattern) return false;
    for (size_t i = buffer.bytes; i < aligned(buffer.bytes); i++)
        if ((unsigned char)start[i] != pattern) return false;
    return true;
}

// Fibers.
struct Fiber {
    jmp_buf state;
    bool done;
};
std::vector<Fiber> fibers;
unsigned current;
jmp_buf scheduler;
ucontext_t maker;
const size_t stack_bytes = 64 * 1024;

Body running_body;
void *running_kernel;
void **running_arguments;

// The endless loop of a fiber: runs a thread of the kernel each time the fiber is resumed.
void fiber_main() {
    unsigned self = current;
    ucontext_t own;
    if (!_setjmp(fibers[self].state)) swapcontext(&own, &maker);
    for (;;) {
        running_body(running_kernel, running_arguments);
        fibers[self].done = true;
        if (!_setjmp(fibers[self].state)) _longjmp(scheduler, 1);
    }
}

void make_fibers(unsigned count) {
    fibers.reserve(1024);
    while (fibers.size() < count) {
        current = fibers.size();
        fibers.emplace_back();
        void *stack = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE,
                           MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        ucontext_t context;
        getcontext(&context);
        context.uc_stack.ss_sp = stack;
        context.uc_stack.ss_size = stack_bytes;
        context.uc_link = nullptr;
        makecontext(&context, fiber_main, 0);
        swapcontext(&maker, &context);
    }
}

__attribute__((noinline)) void wake(unsigned fiber) {
    current = fiber;
    if (!_setjmp(scheduler)) _longjmp(fibers[fiber].state, 1);
}

// The permutation of 0..count: ascending for order 0, descending for 1, otherwise shuffled.
std::vector<unsigned> permutation(unsigned count, unsigned order, uint64_t &random) {
    std::vector<unsigned> all(count);
    for (unsigned i = 0; i < count; i++) all[i] = order == 1 ? count - 1 - i : i;
    for (unsigned i = count; order > 1 && i > 1; i--) {
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        std::swap(all[i - 1], all[random % i]);
    }
    return all;
}

// Runs a thread block: all its threads to their first barrier, then to the next, until all have ended.
int run_block(const unsigned *threads, unsigned order, uint64_t &random) {
    unsigned count = threads[0] * threads[1];
    memset(__start_shared_memory, pattern, __stop_shared_memory - __start_shared_memory);
    for (unsigned i = 0; i < count; i++) fibers[i].done = false;
    unsigned waiting = count;
    while (waiting > 0) {
        unsigned before = waiting;
        for (unsigned i : permutation(count, order, random)) {
            if (fibers[i].done) continue;
            threadIdx = {i % threads[0], i / threads[0], 0};
            wake(i);
            waiting -= fibers[i].done;
        }
        // Some threads wait at a barrier that others never reach. Their fibers are discarded and made anew.
        if (waiting > 0 && (before != count || waiting != count)) {
            fibers.clear();
            return unequal_barriers;
        }
    }
    return finished;
}

}  // namespace

static void __syncthreads() {
    if (!_setjmp(fibers[current].state)) _longjmp(scheduler, 1);
}

static int run(Body body, void *kernel, void **arguments, unsigned blocks, const unsigned *threads,
               unsigned order) {
    std::lock_guard<std::mutex> guard(lock);
    uint64_t random = order * 0x9e3779b97f4a7c15u + 1;
    running_body = body;
    running_kernel = kernel;
    running_arguments = arguments;
    blockDim = {threads[0], threads[1], 1};
    gridDim = {blocks, 1, 1};
    make_fibers(threads[0] * threads[1]);
    for (unsigned block : permutation(blocks, order, random)) {
        blockIdx = {block, 0, 0};
        int outcome = run_block(threads, order, random);
        if (outcome != finished) return outcome;
    }
    for (const auto &entry : buffers)
        if (!untouched(entry.first, entry.second)) return outside;
    return finished;
}

extern "C" void *host_allocate(size_t bytes) {
    std::lock_guard<std::mutex> guard(lock);
    size_t length = (pattern_bytes + aligned(bytes) + page - 1) / page * page + page;
    char *pages = (char *)mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) return nullptr;
    memset(pages, pattern, length - page);
    mprotect(pages + length - page, page, PROT_NONE);
    char *start = pages + length - page - aligned(bytes);
    buffers[start] = {pages, length, bytes};
    return start;
}

extern "C" void host_free(void *start) {
    std::lock_guard<std::mutex> guard(lock);
    auto entry = buffers.find((char *)start);
    if (entry == buffers.end()) return;
    munmap(entry->second.pages, entry->second.length);
    buffers.erase(entry);
}
