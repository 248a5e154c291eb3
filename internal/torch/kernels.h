// Loops that are worth a processor's vectors, compiled for several instruction
// sets from kernels.inc; the best that this machine has is chosen once. Sums
// run in an order that depends on the row alone, so that a row's result is the
// same to the last bit whatever other rows are computed with it.
#pragma once
#include <cstdint>

// A Packed is a weight [n,k] in panels of 64 rows, each stored [k,64], zeros
// behind the last row.
struct Packed {
  static constexpr int64_t panel = 64;
  int64_t n = 0, k = 0;
  const float *data = nullptr;
  const float *bias = nullptr;  // [n], or none
  int64_t panels() const { return (n + panel - 1) / panel; }
};

// A Tile is 16 keys [K,16] and values [16,K] of a block of the cache, of which
// keys from … to−1 are looked at.
struct Tile {
  static constexpr int keys_wide = 16;
  const float *keys, *values;
  int from, to;
};

// A Sight is the sum that attention makes of the values seen so far, for one
// query [K]: weights are relative to exp(most) and add up to `weight`.
struct Sight {
  const float *query;
  float *sum;  // [K]
  float most, weight;
};

struct Kernels {
  // multiply is out [m,n] = x [m,k]·Wᵀ + bias for the panels from … to−1 of W, or
  // adds that to out. Rows of x and out are ldx and ldo apart.
  void (*multiply)(const float *x, int64_t m, int64_t ldx, const Packed &w, int64_t from, int64_t to, float *out, int64_t ldo,
                   bool add);
  // norm is out = x/√(mean(x²) + eps)·weight.
  void (*norm)(const float *x, const float *weight, float *out, int64_t n, float eps);
  // gate is out[i] = act(x[i])·x[n+i], act being SiLU, or GELU by tanh.
  void (*gate)(const float *x, float *out, int64_t n, bool gelu);
  // bound is x = cap·tanh(x/cap).
  void (*bound)(float *x, int64_t n, float cap);
  // look adds a tile to what a query sees. A cap above 0 bounds scores.
  void (*look)(const Tile &t, Sight &s, int64_t width, float cap);
  // largest is the maximum of x[0..n), NaN left out.
  float (*largest)(const float *x, int64_t n);
  // exps is e[i] = exp((x[i] − top)·scale) and returns their sum.
  double (*exps)(const float *x, float *e, int64_t n, float top, float scale);
};

const Kernels &kernels();
