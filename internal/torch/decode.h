// Decoding on the CPU in fp32: tokens are drawn from rows of logits here, and a
// decoder's step computed. Structs are laid out as their Go twins.
#pragma once
#include <stdint.h>

#include "shim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int32_t row, target, top_k, top, seen, seen_end;
  double temperature, top_p, min_p, penalty, uniform;
  int32_t id;
  float logprob, drawn;
  int32_t unused;
} shim_draw;

typedef struct {
  int32_t id;
  float logprob;
} shim_alternative;

// Draw i is made of row i of logits [n,vocabulary]; its `wide` places of top
// begin at i·wide.
void shim_draw_rows(const float *logits, int64_t vocabulary, shim_draw *draws, int n, const int32_t *seen,
                    shim_alternative *top, int wide);

#ifdef __cplusplus
}
#endif
