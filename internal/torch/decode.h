// Decoding on the CPU in fp32: tokens are drawn from rows of logits here, and a
// decoder's step computed. Structs are laid out as their Go twins.
#pragma once
#include <stdint.h>

#include "shim.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
  int32_t row, target, top_k, top, bias, bias_end, seen, seen_end;
  double temperature, top_p, min_p, penalty, uniform;
  int32_t id;
  float logprob, drawn;
  int32_t unused;
} shim_draw;

typedef struct {
  int32_t id;
  float add;
} shim_change;

typedef struct {
  int32_t id;
  float logprob;
} shim_alternative;

// A decoder's shape, and the tensors of a layer in the order of the enum; nullptr
// for none. All are fp32 on the CPU.
typedef struct {
  int32_t layers, width, heads, groups, head, feed, vocabulary, gelu;
  int32_t offset; // norms scale by 1 + weight
  int32_t blocks; // of a cache on a GPU
  float eps, embedding_scale, score_scale, score_cap, logit_cap; // 0: none
} shim_decoder_shape;

enum {
  shim_attn_norm, shim_attn_post, shim_feed_norm, shim_feed_post, shim_q_norm, shim_k_norm,
  shim_q, shim_k, shim_v, shim_o, shim_gate, shim_up, shim_down,
  shim_q_bias, shim_k_bias, shim_v_bias, shim_o_bias, shim_gate_bias, shim_up_bias, shim_down_bias,
  shim_layer_tensors
};

typedef void *shim_decoder;
shim_decoder shim_decoder_new(const shim_decoder_shape *shape, const float *inverse, shim_tensor embedding, shim_tensor norm, shim_tensor head);
int shim_decoder_layer(shim_decoder d, int layer, shim_tensor *tensors, int window);  // copies them; for each before the first step
void shim_decoder_free(shim_decoder d);

// A sequence's first `shared` tokens lie in the blocks from shared_at on, the
// others in those from own_at on.
typedef struct {
  int32_t shared, shared_at, own_at;
} shim_sequence;

typedef struct {
  int32_t id, position, sequence;
} shim_token;

// All keys and values are in the cache before attention looks at any. Draws are
// in the order of their rows, which are tokens.
int shim_decoder_step(shim_decoder d, const shim_token *tokens, int n, const shim_sequence *sequences, const int32_t *blocks,
                      shim_draw *draws, int n_draws, const shim_change *changes, shim_alternative *top, int wide);

// Draw i is made of row i of logits [n,vocabulary]; its `wide` places of top
// begin at i·wide.
void shim_draw_rows(const float *logits, int64_t vocabulary, shim_draw *draws, int n, const shim_change *changes,
                    shim_alternative *top, int wide);

#ifdef __cplusplus
}
#endif
