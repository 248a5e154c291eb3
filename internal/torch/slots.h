// Decoding on a GPU, and on the CPU in the same steps: a step is a few plain
// operators a layer, of shapes that the size of the batch alone decides, so that
// it can be captured as a graph.
#pragma once
#include <stdint.h>

#include "decode.h"

#ifdef __cplusplus
extern "C" {
#endif

// A cache of shape.blocks slots of `length` tokens, for batches of at most `rows`
// rows. Tensors are as decode.h
// says, but of any dtype on one device, and are not copied.
typedef void *shim_slots;
shim_slots shim_slots_new(const shim_decoder_shape *shape, shim_tensor *layers, const float *inverse, shim_tensor embedding,
                          shim_tensor norm, shim_tensor head, int length, int rows);
void shim_slots_free(shim_slots d);

// Prompts of so many tokens, one behind the other in ids; token i goes to place
// into[i] of the cache. Returns normed states [tokens,width].
shim_tensor shim_slots_prompts(shim_slots d, const int64_t *ids, const int64_t *into, const int64_t *lengths, int prompts);

// A batch of rows of one token each. A piece is a slot, or what is filled of it,
// and the rows that look at it; pairs = rows·wide is room for every (row, piece).
// The input is one vector, padded to that size:
//   ids, positions, places in the cache   [rows] each
//   row of each pair, by pieces           [pairs]
//   first pair of each piece              [pairs+1]
//   first token of each piece             [pairs+1]
//   tokens of each piece                  [pairs]
//   pairs of each row; -1: none           [rows,wide]
// Returns logits [rows,vocabulary] in fp32, which the next call overwrites.
shim_tensor shim_slots_rows(shim_slots d, const int64_t *input, int rows, int wide);
shim_tensor shim_slots_logits(shim_slots d, shim_tensor states);

// The graphs captured so far, and in why, where capturing failed, the reason.
int shim_slots_graphs(shim_slots d, const char **why);

// Draw i is made of row i of logits [n,vocabulary], fp32, where they are: on a GPU
// by the kernel in source, the text of slots_draw.h. `top` is left out, and rows
// whose tokens are penalised are changed.
int shim_slots_draw(const char *source, shim_tensor logits, shim_draw *draws, int n, const shim_change *changes, int many);

// Attention of pieces, as slots.cc has it, to be held to plain attention:
// out [N,G,K] and lse [N,G].
int shim_look(shim_tensor q, shim_tensor k, shim_tensor v, shim_tensor first, shim_tensor start, shim_tensor used, int most,
              int length, double scale, shim_tensor *out, shim_tensor *lse);

#ifdef __cplusplus
}
#endif
