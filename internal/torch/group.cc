// Processes that work together through torch's own c10d. The wheel has no
// headers of Gloo: those that ProcessGroupGloo.hpp includes are empty files in
// gloo/, and what it wants of them is declared here.
#include "guard.h"

#define USE_C10D_GLOO
#include <dlfcn.h>

#include <chrono>
#include <memory>
#include <vector>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
namespace transport {
class Device;
class UnboundBuffer {
 public:
  virtual ~UnboundBuffer() = 0;
};
}  // namespace transport
namespace rendezvous {
class Store {
 public:
  virtual ~Store();
  virtual void set(const std::string &key, const std::vector<char> &data) = 0;
  virtual std::vector<char> get(const std::string &key) = 0;
  virtual void wait(const std::vector<std::string> &keys) = 0;
  virtual void wait(const std::vector<std::string> &keys, const std::chrono::milliseconds &timeout) = 0;
};
}  // namespace rendezvous
}  // namespace gloo

#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

using c10d::ProcessGroupGloo;
using std::chrono::seconds;

namespace {

struct Group {
  c10::intrusive_ptr<c10d::Store> store; // rank 0's serves the others
  int rank, size;
  c10::intrusive_ptr<c10d::Backend> gloo, nccl; // for tensors on the CPU and, once there are some, on a GPU

  c10d::Backend &backend(const at::Tensor &t, int patience) {
    if (!t.is_cuda()) return *gloo;
    if (!nccl) {
      auto make = reinterpret_cast<void (*)(const c10::intrusive_ptr<c10d::Store> *, int, int, int, int, c10::intrusive_ptr<c10d::Backend> *)>(
          dlsym(RTLD_DEFAULT, "radpo_cuda_group"));
      TORCH_CHECK(make, "the CUDA part is not loaded");
      make(&store, rank, size, t.get_device(), patience, &nccl);
    }
    return *nccl;
  }
};

template <class Options>
Options within(int patience) {
  Options options;
  options.timeout = seconds(patience);
  return options;
}

// device is the network that this process is reached by: an interface, an
// address, or what the machine's name resolves to.
std::shared_ptr<gloo::transport::Device> device(const std::string &interface, const std::string &address) {
  if (!interface.empty()) return ProcessGroupGloo::createDeviceForInterface(interface);
  if (!address.empty()) return ProcessGroupGloo::createDeviceForHostname(address);
  return ProcessGroupGloo::createDefaultDevice();
}

}  // namespace

shim_group shim_group_join(const char *host, int port, int serve, int rank, int size, const char *prefix, const char *interface,
                     const char *address, int patience) {
  return guard(shim_group(nullptr), [&] {
    c10d::TCPStoreOptions at;
    at.port = static_cast<uint16_t>(port);
    at.isServer = serve;
    at.waitWorkers = false;
    at.timeout = seconds(patience);
    auto group = std::make_unique<Group>();
    group->rank = rank;
    group->size = size;
    group->store = c10::make_intrusive<c10d::PrefixStore>(prefix, c10::make_intrusive<c10d::TCPStore>(host, at));
    auto options = ProcessGroupGloo::Options::create(seconds(patience));
    options->devices.push_back(device(interface, address));
    group->gloo = c10::make_intrusive<ProcessGroupGloo>(group->store, rank, size, options);
    return shim_group(group.release());
  });
}

int shim_group_sum(shim_group g, shim_tensor t, int patience) {
  return run([&] {
    at::NoGradGuard off;
    std::vector<at::Tensor> ts{ref(t)};
    static_cast<Group *>(g)->backend(ref(t), patience).allreduce(ts, within<c10d::AllreduceOptions>(patience))->wait();
  });
}

int shim_group_broadcast(shim_group g, shim_tensor t, int patience) {
  return run([&] {
    at::NoGradGuard off;
    std::vector<at::Tensor> ts{ref(t)};
    static_cast<Group *>(g)->backend(ref(t), patience).broadcast(ts, within<c10d::BroadcastOptions>(patience))->wait();
  });
}

int shim_group_scatter(shim_group g, shim_tensor own, shim_tensor full, int patience) {
  return run([&] {
    at::NoGradGuard off;
    auto &group = static_cast<Group *>(g)->backend(ref(own), patience);
    group._reduce_scatter_base(ref(own), ref(full), within<c10d::ReduceScatterOptions>(patience))->wait();
  });
}

// As bytes: a short is no type that Gloo knows.
int shim_group_gather(shim_group g, shim_tensor full, shim_tensor own, int patience) {
  return run([&] {
    at::NoGradGuard off;
    auto to = ref(full).view(at::kByte), from = ref(own).view(at::kByte);
    static_cast<Group *>(g)->backend(to, patience)._allgather_base(to, from, within<c10d::AllgatherOptions>(patience))->wait();
  });
}
