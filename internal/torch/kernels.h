// Loops that are worth a processor's vectors, compiled for several instruction
// sets from kernels.inc; the best that this machine has is chosen once. Sums
// run in an order that depends on the row alone, so that a row's result is the
// same to the last bit whatever other rows are computed with it.
#pragma once
#include <cstdint>

struct Kernels {
  // largest is the maximum of x[0..n), NaN left out.
  float (*largest)(const float *x, int64_t n);
  // exps is e[i] = exp((x[i] − top)·scale) and returns their sum.
  double (*exps)(const float *x, float *e, int64_t n, float top, float scale);
};

const Kernels &kernels();
