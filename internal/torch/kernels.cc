#include "kernels.h"

#include <cmath>

// Each namespace holds the same code for other vectors. Nothing in it may call
// what is defined outside of it inline: the linker keeps one copy of that, and
// it might be one that this machine cannot run.
#if defined(__x86_64__)
#pragma GCC push_options
#pragma GCC optimize("O3")
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,prefer-vector-width=512")
namespace wide {
#define LANES 16
#include "kernels.inc"
#undef LANES
}  // namespace wide
#pragma GCC pop_options

#pragma GCC push_options
#pragma GCC optimize("O3")
#pragma GCC target("avx2,fma")
namespace middle {
#define LANES 8
#include "kernels.inc"
#undef LANES
}  // namespace middle
#pragma GCC pop_options
#endif

namespace narrow {
#define LANES 4
#include "kernels.inc"
#undef LANES
}  // namespace narrow

const Kernels &kernels() {
#if defined(__x86_64__)
  static const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  static const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (avx512) return wide::table;
  if (avx2) return middle::table;
#endif
  return narrow::table;
}
