// gotch v0.9.1 was generated against libtorch 2.1. Three operators changed
// their argument order since; these overloads keep gotch's calls compiling
// against 2.11. The set-up passes this file to the C++ compiler with -include.
#pragma once
#ifdef __cplusplus
#include <ATen/ATen.h>

#include <optional>
#include <tuple>

namespace torch {

using MaybeTensor = std::optional<at::Tensor>;

inline MaybeTensor given(const at::Tensor& t) { return t.defined() ? MaybeTensor(t) : std::nullopt; }

inline at::Tensor _cslt_sparse_mm(const at::Tensor& compressed, const at::Tensor& dense, const at::Tensor& bias,
                                  bool transpose) {
  return at::_cslt_sparse_mm(compressed, dense, given(bias), std::nullopt, std::nullopt, transpose);
}

// The old operator also returned the largest absolute value of the result,
// which 2.11 no longer computes: the second tensor stays undefined.
inline std::tuple<at::Tensor, at::Tensor> _scaled_mm(const at::Tensor& a, const at::Tensor& b, const at::Tensor& bias,
                                                     std::optional<at::ScalarType> dtype, const at::Tensor& scale_a,
                                                     const at::Tensor& scale_b, const at::Tensor& scale_result) {
  return {at::_scaled_mm(a, b, scale_a, scale_b, given(bias), given(scale_result), dtype), at::Tensor()};
}

inline std::tuple<at::Tensor, at::Tensor> _scaled_mm_out(at::Tensor& out, at::Tensor& amax, const at::Tensor& a,
                                                         const at::Tensor& b, const at::Tensor& bias,
                                                         std::optional<at::ScalarType> dtype, const at::Tensor& scale_a,
                                                         const at::Tensor& scale_b, const at::Tensor& scale_result) {
  at::_scaled_mm_out(out, a, b, scale_a, scale_b, given(bias), given(scale_result), dtype);
  return {out, amax};
}

}  // namespace torch
#endif
