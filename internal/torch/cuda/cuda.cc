// The part that needs CUDA's headers. It is a shared object of its own, opened
// at run time after libtorch_cuda, so that one binary serves machines with and
// without a GPU. tools/cuda compiles it from the headers in NVIDIA's wheels.
#include <c10/cuda/CUDACachingAllocator.h>
#include <c10/cuda/CUDAFunctions.h>
#include <cuda_runtime_api.h>

#include <cstdint>

extern "C" {

// radpo_cuda_memory gives the bytes that are free on a device, counting what
// libtorch's allocator holds and does not use, and all it has. 0, or CUDA's
// error.
int radpo_cuda_memory(int device, int64_t *free, int64_t *total) {
  c10::cuda::set_device(static_cast<c10::DeviceIndex>(device));
  size_t f = 0, t = 0;
  if (auto err = cudaMemGetInfo(&f, &t); err != cudaSuccess) return static_cast<int>(err);
  auto stats = c10::cuda::CUDACachingAllocator::getDeviceStats(static_cast<c10::DeviceIndex>(device));
  auto all = static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE);
  *free = static_cast<int64_t>(f) + stats.reserved_bytes[all].current - stats.allocated_bytes[all].current;
  *total = static_cast<int64_t>(t);
  return 0;
}

}  // extern "C"
