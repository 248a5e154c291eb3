// Layers that more than one file of the shim computes.
#pragma once
#include <ATen/ATen.h>

// turn rotates the halves (a, b) of x's last dimension by the angle whose
// cosine and sine are given: (a·cos − b·sin, b·cos + a·sin).
at::Tensor turn(const at::Tensor &x, const at::Tensor &cos, const at::Tensor &sin);
