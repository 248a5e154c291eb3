// Processes that work together on GPUs, by NCCL. What torch's headers include of
// NVIDIA's other libraries for types alone is declared in absent/.
#define USE_C10D_NCCL
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>

// radpo_cuda_group is the processes that meet in store, this one with a device of
// its own.
extern "C" void radpo_cuda_group(const c10::intrusive_ptr<c10d::Store> *store, int rank, int size, int device, int patience,
                                 c10::intrusive_ptr<c10d::Backend> *group) {
  auto options = c10d::ProcessGroupNCCL::Options::create();
  options->timeout = std::chrono::seconds(patience);
  auto own = c10::make_intrusive<c10d::PrefixStore>("nccl", *store);
  auto nccl = c10::make_intrusive<c10d::ProcessGroupNCCL>(own, rank, size, options);
  nccl->setBoundDeviceId(at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(device)));
  *group = nccl;
}
