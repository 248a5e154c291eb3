// Graphs: the work of a step, captured once and started as one.
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <cstdio>
#include <exception>
#include <memory>

extern "C" {

// radpo_cuda_capture does the work twice: once as it is, on a stream aside, so
// that libraries set themselves up, and once to capture it. The memory that it
// takes is the graph's own, from a pool that all share: they run one at a time.
// nullptr and words in why where it cannot be captured.
void *radpo_cuda_capture(void (*work)(void *), void *arg, char *why, int room) {
  static const auto pool = at::cuda::graph_pool_handle();
  try {
    auto graph = std::make_unique<at::cuda::CUDAGraph>();
    auto before = c10::cuda::getCurrentCUDAStream();
    auto aside = c10::cuda::getStreamFromPool();
    before.synchronize();
    c10::cuda::CUDAStreamGuard guard(aside);
    work(arg);
    aside.synchronize();
    graph->capture_begin(pool, cudaStreamCaptureModeThreadLocal);
    try {
      work(arg);
    } catch (...) {
      try {
        graph->capture_end();  // else the stream stays as it is
      } catch (const std::exception &) {
      }
      throw;
    }
    graph->capture_end();
    aside.synchronize();
    return graph.release();
  } catch (const std::exception &e) {
    std::snprintf(why, static_cast<size_t>(room), "%s", e.what());
    return nullptr;
  }
}

// radpo_cuda_replay starts a graph on the current stream. 0, or -1.
int radpo_cuda_replay(void *graph) {
  try {
    static_cast<at::cuda::CUDAGraph *>(graph)->replay();
    return 0;
  } catch (const std::exception &) {
    return -1;
  }
}

void radpo_cuda_drop(void *graph) { delete static_cast<at::cuda::CUDAGraph *>(graph); }

}  // extern "C"
