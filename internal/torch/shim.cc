#include "guard.h"

#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <dlfcn.h>
#include <malloc.h>
#include <torch/csrc/autograd/autograd.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <string>
#include <utility>
#include <vector>

namespace {

std::vector<at::Tensor> list(shim_tensor *ts, int n) {
  std::vector<at::Tensor> out;
  out.reserve(n);
  for (int i = 0; i < n; i++) out.push_back(ref(ts[i]));
  return out;
}

// Sinks makes each tensor of `into` what autograd adds a parameter's gradients
// into, as soon as it has one, and takes them away again.
struct Sinks {
  std::vector<at::Tensor> params;
  Sinks(std::vector<at::Tensor> list, shim_tensor *into) : params(std::move(list)) {
    for (size_t i = 0; i < params.size(); i++) params[i].mutable_grad() = ref(into[i]);
  }
  ~Sinks() {
    for (auto &p : params) p.mutable_grad() = at::Tensor();
  }
};

// A Meter counts the bytes that allocators hand out and take back, as a profiler
// would.
struct Meter : c10::MemoryReportingInfoBase {
  std::atomic<int64_t> live{0}, peak{0};
  void reportMemoryUsage(void *, int64_t bytes, size_t, size_t, c10::Device) override {
    auto now = live += bytes;
    if (now > peak) peak = now;
  }
  bool memoryProfilingEnabled() const override { return true; }
};

// diagonals is a view of dense x [..., R, R+C-1] whose element (i, j) of
// [..., R, C] is x[i, j-i+R-1].
at::Tensor diagonals(const at::Tensor &x) {
  auto rows = x.size(-2), width = x.size(-1);
  auto sizes = x.sizes().vec(), strides = x.strides().vec();
  sizes.back() = width - rows + 1;
  strides[strides.size() - 2] = width - 1;
  return x.as_strided(sizes, strides, x.storage_offset() + rows - 1);
}

// distance_products is out[i,j] = x[i]·table[j-i] for rows start ... start+n-1
// of x [B,H,T,K]: a product with every distance that occurs there, seen askew,
// in place of a gather.
at::Tensor distance_products(const at::Tensor &x, const at::Tensor &table, int64_t start, int64_t n) {
  auto zero = table.size(1) / 2;  // the row of distance 0
  auto span = table.narrow(1, zero - start - (n - 1), x.size(2) + n - 1);
  return diagonals(at::matmul(x.narrow(2, start, n), span.transpose(1, 2)));
}

// noise is a hash (lowbias32) of seed and each place 0 ... n-1: 16 random bits.
at::Tensor noise(int64_t n, int32_t seed, const at::TensorOptions &options) {
  auto shifted = [](const at::Tensor &h, int by) {
    return at::bitwise_and(at::bitwise_right_shift(h, by), (1 << (32 - by)) - 1);
  };
  auto h = at::arange(n, options.dtype(at::kInt)).mul_(static_cast<int32_t>(0x9e3779b1)).add_(seed);
  h = at::bitwise_xor(h, shifted(h, 16)).mul_(0x7feb352d);
  h = at::bitwise_xor(h, shifted(h, 15)).mul_(static_cast<int32_t>(0x846ca68b));
  return shifted(h, 16);
}

// in_blocks is x [N] as a matrix of that many rows, zeros after the last element.
at::Tensor in_blocks(const at::Tensor &x, int64_t rows) {
  const int64_t width = 256;  // Block in moment.go
  return at::constant_pad_nd(x, {0, rows * width - x.size(0)}).view({rows, width});
}

}  // namespace

extern "C" {

const char *shim_error() { return last_error.c_str(); }

shim_tensor shim_from_memory(void *data, const int64_t *shape, int dims, int dtype) {
  return make([&] {
    return at::from_blob(data, at::IntArrayRef(shape, dims), at::TensorOptions(static_cast<at::ScalarType>(dtype)));
  });
}

int shim_dtype(shim_tensor t) { return static_cast<int>(ref(t).scalar_type()); }
int shim_dims(shim_tensor t) { return static_cast<int>(ref(t).dim()); }
void shim_shape(shim_tensor t, int64_t *out) {
  for (auto n : ref(t).sizes()) *out++ = n;
}
void *shim_data(shim_tensor t) {
  auto &x = ref(t);
  return x.is_cpu() && x.is_contiguous() ? x.data_ptr() : nullptr;
}
shim_tensor shim_to_cpu(shim_tensor t) {
  return make([&] { return ref(t).detach().to(at::kCPU).contiguous(); });
}
int shim_copy(shim_tensor dst, shim_tensor src) {
  return run([&] {
    at::NoGradGuard off;
    ref(dst).copy_(ref(src));
  });
}
shim_tensor shim_alias(shim_tensor t) {
  return make([&] { return ref(t).variable_data(); });
}
int shim_hold(shim_tensor t, int on) {
  return run([&] {
    auto &x = ref(t);
    auto storage = x.storage().unsafeGetStorageImpl();
    auto bytes = on ? static_cast<size_t>(x.numel()) * x.element_size() : 0;
    if (storage->nbytes() == bytes) return;
    c10::OptionalDeviceGuard here(x.device());
    storage->set_data_ptr_noswap(on ? storage->allocator()->allocate(bytes) : at::DataPtr(nullptr, x.device()));
    storage->set_nbytes(bytes);
  });
}
void shim_free(shim_tensor *ts, int n) {
  while (n-- > 0) delete static_cast<at::Tensor *>(ts[n]);
}

shim_tensor shim_attention(shim_tensor q, shim_tensor k, shim_tensor v, shim_tensor mask, int causal) {
  return make([&] {
    auto keys = ref(k), values = ref(v);
    auto times = ref(q).size(1) / keys.size(1);
    if (times > 1 && mask && !keys.is_cpu()) {  // of CUDA's fused kernels, the one that takes a mask takes no groups
      keys = keys.repeat_interleave(times, 1);
      values = values.repeat_interleave(times, 1);
      times = 1;
    }
    return at::scaled_dot_product_attention(ref(q), keys, values, maybe(mask), 0.0, causal != 0, std::nullopt, times > 1);
  });
}

shim_tensor shim_soft_cap(shim_tensor x, double scale, double cap) {
  return make([&] { return ref(x).to(at::kFloat).mul(scale / cap).tanh_().mul(cap); });
}

shim_tensor shim_masked_softmax(shim_tensor x, shim_tensor mask) {
  return make([&] {
    return ref(x).masked_fill(ref(mask).logical_not(), -std::numeric_limits<double>::infinity()).softmax(-1, at::kFloat);
  });
}

shim_tensor shim_distance_bias(shim_tensor q, shim_tensor k, shim_tensor keys, shim_tensor queries) {
  return make([&] {
    const int64_t strip = 64;  // rows at once: a wider one computes more that nobody reads
    auto &a = ref(q), &b = ref(k);
    auto length = a.size(2);
    auto out = at::empty({a.size(0), a.size(1), length, length}, a.options());
    for (int64_t i = 0; i < length; i += strip) {
      auto n = std::min(strip, length - i);
      out.narrow(2, i, n).copy_(distance_products(a, ref(keys), i, n));
    }
    for (int64_t j = 0; j < length; j += strip) {
      auto n = std::min(strip, length - j);
      out.narrow(3, j, n).add_(distance_products(b, ref(queries), j, n).transpose(2, 3));
    }
    return out;
  });
}

shim_tensor shim_token_spreads(shim_tensor logits) {
  return make([&] {
    at::NoGradGuard off;
    auto x = ref(logits).to(at::kFloat);
    return at::logsumexp(x * 2, {-1}) - 2 * at::logsumexp(x, {-1});
  });
}

int shim_put_rows(shim_tensor dst, shim_tensor rows, shim_tensor positions, shim_tensor src) {
  return run([&] { ref(dst).index_put_({ref(rows), ref(positions)}, ref(src)); });
}

int shim_gradients(shim_tensor y, shim_tensor slope, shim_tensor *params, shim_tensor *into, int n, shim_tensor x, shim_tensor *for_x) {
  return run([&] {
    Sinks sinks(list(params, n), into);
    auto wanted = sinks.params;
    if (x) wanted.push_back(ref(x));
    torch::autograd::backward({ref(y)}, slope ? std::vector{ref(slope)} : std::vector<at::Tensor>{}, false, false, wanted);
    if (x) *for_x = new at::Tensor(std::exchange(ref(x).mutable_grad(), at::Tensor()));
  });
}
int shim_requires_grad(shim_tensor t) { return ref(t).requires_grad(); }

int shim_norm(shim_tensor *ts, int n, double *out) {
  return run([&] {
    at::NoGradGuard off;
    *out = at::linalg_vector_norm(at::stack(at::_foreach_norm(list(ts, n), 2))).item<double>();
  });
}

int shim_scale(shim_tensor *ts, int n, double factor) {
  return run([&] {
    at::NoGradGuard off;
    at::_foreach_mul_(list(ts, n), factor);
  });
}

int shim_adamw(shim_tensor *params, shim_tensor *grads, shim_tensor *m, shim_tensor *v, int n, double lr, double beta1,
               double beta2, double eps, double decay, int64_t step) {
  return run([&] {
    at::NoGradGuard off;
    auto p = list(params, n);
    std::vector<at::Tensor> steps;
    for (auto &t : p) steps.push_back(at::full({}, static_cast<double>(step), t.options().dtype(at::kFloat)));
    at::_fused_adamw_(p, list(grads, n), list(m, n), list(v, n), {}, steps, lr, beta1, beta2, decay, eps,
                      /*amsgrad=*/false, /*maximize=*/false);
  });
}

int shim_sgd(shim_tensor weight, shim_tensor grad, shim_tensor buffer, double lr, double momentum, double decay) {
  return run([&] {
    at::NoGradGuard off;
    auto &w = ref(weight);
    auto g = decay == 0 ? ref(grad) : ref(grad).add(w, decay);
    if (buffer) g = ref(buffer).mul_(momentum).add_(g);
    w.add_(g, -lr);
  });
}

int shim_rmsprop(shim_tensor weight, shim_tensor grad, shim_tensor v, shim_tensor buffer, double lr, double alpha, double eps,
                 double momentum, double decay) {
  return run([&] {
    at::NoGradGuard off;
    auto &w = ref(weight);
    auto g = decay == 0 ? ref(grad) : ref(grad).add(w, decay);
    auto size = ref(v).mul_(alpha).addcmul_(g, g, 1 - alpha).sqrt().add_(eps);
    if (buffer)
      w.add_(ref(buffer).mul_(momentum).addcdiv_(g, size), -lr);
    else
      w.addcdiv_(g, size, -lr);
  });
}

int shim_follow(shim_tensor t, shim_tensor x, double share) {
  return run([&] {
    at::NoGradGuard off;
    ref(t).lerp_(ref(x), share);
  });
}

// A weight's fp32 bits are those of its bf16 form, shifted up, plus low: half
// a unit up or down.
shim_tensor shim_join(shim_tensor weight, shim_tensor low) {
  return make([&] {
    at::NoGradGuard off;
    auto high = ref(weight).view(at::kShort).to(at::kInt);
    return high.mul_(1 << 16).add_(ref(low)).view(at::kFloat);
  });
}

int shim_split(shim_tensor x, shim_tensor weight, shim_tensor low) {
  return run([&] {
    at::NoGradGuard off;
    auto bits = ref(x).view(at::kInt);
    auto high = at::bitwise_right_shift(bits + 0x8000, 16);
    ref(weight).view(at::kShort).copy_(high);
    ref(low).copy_(bits - high.mul_(1 << 16));
  });
}

int shim_round(shim_tensor x, shim_tensor out, int32_t seed) {
  return run([&] {
    at::NoGradGuard off;
    auto bits = ref(x).view(at::kInt);
    bits = bits + noise(bits.size(0), seed, bits.options());
    ref(out).view(at::kShort).copy_(at::bitwise_right_shift(bits, 16));
  });
}

shim_tensor shim_decode(shim_tensor values, shim_tensor scales, shim_tensor codes) {
  return make([&] {
    at::NoGradGuard off;
    auto x = ref(codes).index_select(0, ref(values).to(at::kInt));
    return in_blocks(x, ref(scales).size(0)).mul_(ref(scales).unsqueeze(1)).view({-1}).narrow(0, 0, x.size(0));
  });
}

int shim_encode(shim_tensor x, shim_tensor values, shim_tensor scales, shim_tensor codes, int32_t seed) {
  return run([&] {
    at::NoGradGuard off;
    auto n = ref(x).size(0);
    auto y = in_blocks(ref(x), ref(scales).size(0));
    auto top = y.abs().amax(1);
    ref(scales).copy_(top);
    y = (y / at::where(top > 0, top, 1.0f).unsqueeze(1)).view({-1}).narrow(0, 0, n);
    auto below = at::bucketize(y, ref(codes), /*out_int32=*/true, /*right=*/true).sub_(1).clamp_(0, ref(codes).size(0) - 2);
    auto low = ref(codes).index_select(0, below), high = ref(codes).index_select(0, below + 1);
    auto draws = (noise(n, seed, below.options()).to(at::kFloat) + 0.5f) / 65536;
    ref(values).copy_(below + (draws < (y - low) / (high - low)));
  });
}

void shim_meter_start() {
  c10::ThreadLocalDebugInfo::_push(c10::DebugInfoKind::PROFILER_STATE, std::make_shared<Meter>());
}
void shim_meter_stop(int64_t *live, int64_t *peak) {
  auto meter = std::static_pointer_cast<Meter>(c10::ThreadLocalDebugInfo::_pop(c10::DebugInfoKind::PROFILER_STATE));
  *live = meter->live;
  *peak = meter->peak;
}
void shim_give_back(int64_t bytes) {
  if (mallopt(M_MMAP_THRESHOLD, static_cast<int>(bytes))) mallopt(M_TRIM_THRESHOLD, static_cast<int>(bytes));
}
void shim_set_threads(int n) { at::set_num_threads(n); }

int shim_open_cuda(const char *library) {
  if (!dlopen(library, RTLD_NOW | RTLD_GLOBAL)) {
    last_error = dlerror();
    return -1;
  }
  return guard(-1, [&] { return static_cast<int>(at::globalContext().hasCUDA() ? at::detail::getCUDAHooks().getNumGPUs() : 0); });
}

int shim_open_cuda_part(const char *library) {
  if (dlopen(library, RTLD_NOW | RTLD_GLOBAL)) return 0;
  last_error = dlerror();
  return -1;
}

int shim_cuda_memory(int device, int64_t *free, int64_t *total) {
  auto f = reinterpret_cast<int (*)(int, int64_t *, int64_t *)>(dlsym(RTLD_DEFAULT, "radpo_cuda_memory"));
  if (!f) {
    last_error = "the CUDA part is not loaded";
    return -1;
  }
  if (int code = f(device, free, total); code != 0) {
    last_error = "CUDA error " + std::to_string(code);
    return -1;
  }
  return 0;
}

}  // extern "C"
