// Draws from rows of logits on the device: the kernel of ../slots_draw.h, compiled
// by NVRTC when it is first wanted, so that no toolkit is.
#include <c10/cuda/CUDAStream.h>
#include <cuda_runtime_api.h>
#include <dlfcn.h>

#include <cstdint>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>

namespace {

// compile is the source as PTX for devices from Ampere on. NVRTC is that of
// libtorch: the library beside libtorch_cuda that links it.
std::string compile(const char *source) {
  Dl_info torch;
  if (!dladdr(reinterpret_cast<void *>(&c10::cuda::getCurrentCUDAStream), &torch)) throw std::runtime_error("libtorch's folder is not known");
  std::string folder = torch.dli_fname;
  folder.resize(folder.rfind('/') + 1);
  auto library = dlopen((folder + "libcaffe2_nvrtc.so").c_str(), RTLD_NOW);
  if (!library) throw std::runtime_error(dlerror());
  auto call = [&](const char *name, auto... arguments) {
    auto f = reinterpret_cast<int (*)(decltype(arguments)...)>(dlsym(library, name));
    if (!f) throw std::runtime_error(std::string("NVRTC has no ") + name);
    return f(arguments...);
  };
  void *program = nullptr;
  auto none = static_cast<const char *const *>(nullptr);
  const char *options[] = {"--std=c++17", "--fmad=false", "--gpu-architecture=compute_80"};
  if (call("nvrtcCreateProgram", &program, source, "slots_draw.h", 0, none, none) != 0) throw std::runtime_error("NVRTC makes no program");
  auto failed = call("nvrtcCompileProgram", program, 3, static_cast<const char *const *>(options)) != 0;
  size_t size = 0;
  call(failed ? "nvrtcGetProgramLogSize" : "nvrtcGetPTXSize", program, &size);
  std::string text(size, '\0');
  call(failed ? "nvrtcGetProgramLog" : "nvrtcGetPTX", program, text.data());
  call("nvrtcDestroyProgram", &program);
  if (failed) throw std::runtime_error("NVRTC: " + text);
  return text;
}

void check(cudaError_t e) {
  if (e != cudaSuccess) throw std::runtime_error(cudaGetErrorString(e));
}

// A Kernel is radpo_draw, or why there is none.
struct Kernel {
  cudaKernel_t kernel = nullptr;
  std::string failure;
  explicit Kernel(const char *source) {
    try {
      auto code = compile(source);
      cudaLibrary_t library;
      check(cudaLibraryLoadData(&library, code.c_str(), nullptr, nullptr, 0, nullptr, nullptr, 0));
      check(cudaLibraryGetKernel(&kernel, library, "radpo_draw"));
    } catch (const std::exception &e) {
      failure = e.what();
    }
  }
};

}  // namespace

// radpo_cuda_draw makes n draws of logits [n,vocabulary] on the current stream;
// all memory is the device's. 0, or -1 and words in why.
extern "C" int radpo_cuda_draw(const char *source, float *logits, int vocabulary, void *draws, int n, const void *seen, float *raw, char *why, int room) {
  static const Kernel made(source);
  try {
    if (!made.kernel) throw std::runtime_error(made.failure);
    void *arguments[] = {&logits, &vocabulary, &draws, &seen, &raw};
    check(cudaLaunchKernel(reinterpret_cast<const void *>(made.kernel), dim3(n), dim3(1024), arguments, 0, c10::cuda::getCurrentCUDAStream()));
    return 0;
  } catch (const std::exception &e) {
    std::snprintf(why, static_cast<size_t>(room), "%s", e.what());
    return -1;
  }
}
