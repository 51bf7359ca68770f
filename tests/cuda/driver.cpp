// The part of NVIDIA's driver that the program calls, for tests: its GPU runs the kernels on the CPU.
//
// Nothing is executed at once: copies, launches and releases wait in the stream until the
// program synchronises, as on a GPU. NEUROGAIN_TEST_DRIVER selects a fault of the GPU.
#include "../../kernels/host.cpp"

#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace {

enum { success = 0, no_memory = 2, no_device = 100, bad_image = 200, not_found = 500, bad_address = 700 };

typedef int (*Entry)(void **, unsigned, const unsigned *, unsigned);

std::vector<std::function<int()>> stream;
std::mutex stream_lock;
int failure = success, graphs = 0;

bool is(const char *wrong) {
    const char *set = getenv("NEUROGAIN_TEST_DRIVER");
    return set && std::string(set) == wrong;
}

int later(std::function<int()> work) {
    std::lock_guard<std::mutex> guard(stream_lock);
    stream.push_back(std::move(work));
    return failure;
}

}  // namespace

extern "C" {

int cuInit(unsigned) { return is("no device") ? no_device : success; }

int cuDriverGetVersion(int *version) { return *version = is("old driver") ? 11080 : 12040, success; }

int cuDeviceGetCount(int *count) { return *count = 1, success; }

int cuDeviceGet(int *device, int ordinal) { return *device = ordinal, success; }

int cuDeviceGetName(char *name, int length, int) { return strncpy(name, "a test's card", length), success; }

int cuDeviceGetAttribute(int *value, int attribute, int) {
    switch (attribute) {
        case 16: *value = 3; return success;                   // multiprocessors
        case 75: *value = is("old") ? 6 : 9; return success;   // compute capability
        case 76: *value = is("old") ? 1 : 0; return success;
        case 115: *value = is("no pools") ? 0 : 1; return success;
    }
    return not_found;
}

int cuDevicePrimaryCtxRetain(void **context, int) { return *context = &stream, success; }

// Created and not yet released.
int live_memory = 0, live_graphs = 0, live_modules = 0;

int cuDevicePrimaryCtxRelease_v2(int) {
    if (getenv("NEUROGAIN_TEST_CALLS"))
        fprintf(stderr, "%d graphs, left %d memory, %d graphs, %d modules\n", graphs, live_memory, live_graphs,
                live_modules);
    return success;
}

int cuCtxSetCurrent(void *context) { return context == &stream ? success : not_found; }
int cuStreamCreate(void **created, unsigned) { return *created = &stream, success; }
int cuStreamDestroy_v2(void *) { return success; }

int cuModuleLoadData(void **module, const void *image) {
    *module = &stream;
    live_modules++;
    return memcmp(image, "\177ELF", 4) ? bad_image : success;
}

int cuModuleUnload(void *) { return live_modules--, success; }

int cuModuleGetFunction(void **function, void *, const char *name) {
    Dl_info self;
    dladdr((void *)cuInit, &self);
    void *library = dlopen(self.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    *function = dlsym(library, (std::string("host_") + name).c_str());
    return *function ? success : not_found;
}

int cuDeviceGetDefaultMemPool(void **pool, int) { return *pool = &stream, success; }

int cuMemPoolSetAttribute(void *pool, int attribute, void *value) {
    return pool == &stream && attribute == 4 && *(uint64_t *)value == UINT64_MAX ? success : not_found;
}

int cuMemAllocAsync(void **address, size_t bytes, void *) {
    if (is("little memory") && bytes > 20000) return no_memory;
    return live_memory++, *address = host_allocate(bytes), success;
}

int cuMemFreeAsync(void *address, void *) {
    return later([=]() -> int { return live_memory--, host_free(address), success; });
}

int cuMemsetD8Async(void *address, unsigned char value, size_t bytes, void *) {
    return later([=]() -> int { return memset(address, value, bytes), success; });
}

// As late as CUDA permits: the host's memory must stay unchanged until the stream is synchronised.
int cuMemcpyHtoDAsync_v2(void *to, const char *from, size_t bytes, void *) {
    return later([=]() -> int { return memcpy(to, from, bytes), success; });
}

int cuMemcpyDtoHAsync_v2(void *to, const void *from, size_t bytes, void *) {
    return later([=]() -> int { return memcpy(to, from, bytes), success; });
}

int cuMemcpyDtoDAsync_v2(void *to, const void *from, size_t bytes, void *) {
    return later([=]() -> int { return memcpy(to, from, bytes), success; });
}

int cuStreamSynchronize(void *) {
    std::lock_guard<std::mutex> guard(stream_lock);
    for (auto &work : stream)
        if (failure == success) failure = work();
    stream.clear();
    return failure;
}

// An argument has at most 40 bytes, and the program terminates the list with null.
struct Launch {
    struct Argument {
        alignas(8) char bytes[40];
    };
    void *function;
    unsigned blocks, threads[2];
    std::vector<Argument> values;

    Launch(void *function, unsigned blocks, unsigned columns, unsigned rows, void **arguments)
        : function(function), blocks(blocks), threads{columns, rows} {
        for (unsigned i = 0; i < 16 && arguments[i]; i++) {
            values.emplace_back();
            memcpy(values.back().bytes, arguments[i], sizeof(Argument));
        }
    }

    int operator()() {
        if (is("failing")) return bad_address;
        void *pointers[16] = {};
        for (size_t i = 0; i < values.size(); i++) pointers[i] = values[i].bytes;
        return ((Entry)function)(pointers, blocks, threads, 2) == finished ? success : bad_address;
    }
};

int cuLaunchKernel(void *function, unsigned blocks, unsigned, unsigned, unsigned columns, unsigned rows,
                   unsigned, unsigned, void *, void **arguments, void **) {
    return later(Launch(function, blocks, columns, rows, arguments));
}

// A graph is a chain of launches. Instantiating it makes a copy, whose launches the graph's nodes refer to.
struct Node {
    struct Graph *graph;
    size_t number;
};
struct Graph {
    std::vector<Launch> launches;
    std::vector<Node *> nodes;
};
struct NodeParameters {
    void *function;
    unsigned blocks, rows_of_blocks, layers_of_blocks, columns, rows, layers, shared;
    void **arguments, **extra;
    void *kernel, *context;
    Launch launch() const { return Launch(function, blocks, columns, rows, arguments); }
};
int cuGraphCreate(Graph **graph, unsigned) {
    if (is("no graphs")) return not_found;
    if (is("graphs once") && graphs > 0) return no_memory;
    return graphs++, live_graphs++, *graph = new Graph(), success;
}

int cuGraphAddKernelNode_v2(Node **node, Graph *graph, Node *const *before, size_t count,
                            const NodeParameters *parameters) {
    size_t number = graph->launches.size();
    bool chained = number ? count == 1 && before[0] == graph->nodes.back() : count == 0;
    if (!chained || parameters->kernel || parameters->context || parameters->extra) return not_found;
    graph->launches.push_back(parameters->launch());
    graph->nodes.push_back(*node = new Node{graph, number});
    return success;
}

int cuGraphInstantiateWithFlags(Graph **executable, Graph *graph, unsigned long long) {
    return live_graphs++, *executable = new Graph{graph->launches, {}}, success;
}

int cuGraphExecKernelNodeSetParams_v2(Graph *executable, Node *node, const NodeParameters *parameters) {
    Launch &launch = executable->launches.at(node->number);
    if (parameters->function != launch.function) return not_found;
    return launch = parameters->launch(), success;
}

// The launches as they are at this moment, as on a GPU.
int cuGraphLaunch(Graph *executable, void *) {
    for (Launch &launch : executable->launches) later(launch);
    return failure;
}

int cuGraphExecDestroy(Graph *executable) { return live_graphs--, delete executable, success; }

int cuGraphDestroy(Graph *graph) {
    for (Node *node : graph->nodes) delete node;
    return live_graphs--, delete graph, success;
}

int cuGetErrorName(int, const char **name) { return *name = "an error", success; }
int cuGetErrorString(int, const char **text) { return *text = "an error", success; }
}
