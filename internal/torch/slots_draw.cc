#include "slots_draw.h"

#include <dlfcn.h>

#include <cmath>
#include <cstddef>
#include <cstring>
#include <vector>

#include "guard.h"
#include "slots.h"

namespace {

using drawing::u64;

static_assert(sizeof(drawing::Draw) == sizeof(shim_draw) && offsetof(drawing::Draw, uniform) == offsetof(shim_draw, uniform) &&
                  offsetof(drawing::Draw, id) == offsetof(shim_draw, id) && sizeof(drawing::Change) == sizeof(shim_change) &&
                  offsetof(drawing::Change, add) == offsetof(shim_change, add),
              "the layouts agree");

// A Team of one, which goes over a row from its beginning to its end.
struct Team {
  template <class F>
  void sums(int from, int to, u64 (&out)[drawing::parts], F f) const {
    for (auto &sum : out) sum = 0;
    for (int i = from; i < to; i++) f(i, out);
  }
  template <class F>
  u64 most(int n, F f) const {
    u64 x = 0;
    for (int i = 0; i < n; i++) x = std::max<u64>(x, f(i));
    return x;
  }
  template <class F>
  void each(int n, F f) const {
    for (int i = 0; i < n; i++) f(i);
  }
};

void on_host(float *logits, int vocabulary, drawing::Draw *draws, int n, const drawing::Change *seen, int many) {
  std::vector<float> raw(many);
  for (int i = 0; i < n; i++) draws[i] = drawing::make(Team{}, logits + static_cast<int64_t>(i) * vocabulary, vocabulary, draws[i], seen, raw.data());
}

// on_device copies draws and seen there behind each other, and draws back.
void on_device(const char *source, at::Tensor &logits, drawing::Draw *draws, int n, const drawing::Change *seen, int many) {
  using Kernel = int (*)(const char *, float *, int, void *, int, const void *, float *, char *, int);
  static const auto kernel = reinterpret_cast<Kernel>(dlsym(RTLD_DEFAULT, "radpo_cuda_draw"));
  TORCH_CHECK(kernel, "the CUDA part is not loaded");
  auto head = static_cast<int64_t>(n * sizeof *draws), tail = static_cast<int64_t>(many * sizeof *seen);
  auto host = at::empty({head + tail}, at::TensorOptions(at::kByte).pinned_memory(true));
  auto bytes = host.data_ptr<uint8_t>();
  std::memcpy(bytes, draws, head);
  if (many > 0) std::memcpy(bytes + head, seen, tail);
  auto there = host.to(logits.device(), /*non_blocking=*/true);
  auto raw = at::empty({many}, logits.options());
  auto at_device = there.data_ptr<uint8_t>();
  char why[512] = "";
  TORCH_CHECK(kernel(source, logits.data_ptr<float>(), static_cast<int>(logits.size(1)), at_device, n, at_device + head,
                     raw.data_ptr<float>(), why, sizeof why) == 0, why);
  std::memcpy(draws, there.narrow(0, 0, head).cpu().data_ptr<uint8_t>(), head);
}

}  // namespace

int shim_slots_draw(const char *source, shim_tensor t, shim_draw *list, int n, const shim_change *changes, int many) {
  return run([&] {
    auto &logits = ref(t);
    TORCH_CHECK(logits.is_contiguous(), "rows of logits that do not lie one behind the other");
    auto draws = reinterpret_cast<drawing::Draw *>(list);
    auto seen = reinterpret_cast<const drawing::Change *>(changes);
    if (logits.is_cpu())
      on_host(logits.data_ptr<float>(), static_cast<int>(logits.size(1)), draws, n, seen, many);
    else
      on_device(source, logits, draws, n, seen, many);
  });
}
