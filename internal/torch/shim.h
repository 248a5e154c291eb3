// What gotch's libtch lacks, as C functions. A tensor is a pointer to an
// at::Tensor that the caller frees with libtch's at_free. A function that can
// fail returns nullptr or -1 and leaves its words in shim_error of its thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef void *shim_tensor;

const char *shim_error(void);

// Memory and metadata.
shim_tensor shim_from_memory(void *data, const int64_t *shape, int dims, int dtype);
int shim_dtype(shim_tensor t);
int shim_dims(shim_tensor t);
void shim_shape(shim_tensor t, int64_t *out);
void *shim_data(shim_tensor t); // nullptr unless dense and on the CPU
shim_tensor shim_to_cpu(shim_tensor t);
int shim_copy(shim_tensor dst, shim_tensor src);
shim_tensor shim_alias(shim_tensor t);
int shim_hold(shim_tensor t, int on);
void shim_free(shim_tensor *ts, int n); // last first

// Layers.
shim_tensor shim_rms_norm(shim_tensor x, shim_tensor weight, double eps);
shim_tensor shim_rope(shim_tensor x, shim_tensor cos, shim_tensor sin);
shim_tensor shim_attention(shim_tensor q, shim_tensor k, shim_tensor v, shim_tensor mask, int causal);
shim_tensor shim_soft_cap(shim_tensor x, double scale, double cap);
shim_tensor shim_masked_softmax(shim_tensor x, shim_tensor mask);
shim_tensor shim_distance_bias(shim_tensor q, shim_tensor k, shim_tensor keys, shim_tensor queries);
shim_tensor shim_linear(shim_tensor x, shim_tensor weight, shim_tensor bias);
shim_tensor shim_gated(shim_tensor a, shim_tensor b, int gelu); // act(a)·b
shim_tensor shim_embedding(shim_tensor weight, shim_tensor ids);
shim_tensor shim_head_logps(shim_tensor x, shim_tensor weight, shim_tensor ids, double cap, int64_t rows);
shim_tensor shim_token_spreads(shim_tensor logits);
int shim_put_rows(shim_tensor dst, shim_tensor rows, shim_tensor positions, shim_tensor src);

// Training.
int shim_gradients(shim_tensor y, shim_tensor slope, shim_tensor *params, shim_tensor *into, int n, shim_tensor x, shim_tensor *for_x);
int shim_requires_grad(shim_tensor t);
int shim_norm(shim_tensor *ts, int n, double *out);
int shim_scale(shim_tensor *ts, int n, double factor);
int shim_adamw(shim_tensor *params, shim_tensor *grads, shim_tensor *m, shim_tensor *v, int n, double lr, double beta1,
               double beta2, double eps, double decay, int64_t step);
int shim_sgd(shim_tensor weight, shim_tensor grad, shim_tensor buffer, double lr, double momentum, double decay);
int shim_rmsprop(shim_tensor weight, shim_tensor grad, shim_tensor v, shim_tensor buffer, double lr, double alpha, double eps,
                 double momentum, double decay);
int shim_follow(shim_tensor t, shim_tensor x, double share);

// Narrow forms of fp32.
shim_tensor shim_join(shim_tensor weight, shim_tensor low);
int shim_split(shim_tensor x, shim_tensor weight, shim_tensor low);
int shim_round(shim_tensor x, shim_tensor out, int32_t seed);
shim_tensor shim_decode(shim_tensor values, shim_tensor scales, shim_tensor codes);
int shim_encode(shim_tensor x, shim_tensor values, shim_tensor scales, shim_tensor codes, int32_t seed);

// Processes. Patience is in seconds.
typedef void *shim_group;
shim_group shim_group_join(const char *host, int port, int serve, int rank, int size, const char *prefix,
                           const char *interface, const char *address, int patience);
int shim_group_sum(shim_group g, shim_tensor t, int patience);
int shim_group_broadcast(shim_group g, shim_tensor t, int patience);
int shim_group_scatter(shim_group g, shim_tensor own, shim_tensor full, int patience);
int shim_group_gather(shim_group g, shim_tensor full, shim_tensor own, int patience);

// The machine.
void shim_meter_start(void);
void shim_meter_stop(int64_t *live, int64_t *peak);
void shim_give_back(int64_t bytes); // blocks of so many bytes return to the system when they are freed
void shim_set_threads(int n);
int shim_big_products(int on); // whether it was
int shim_open_cuda(const char *library); // devices found, or -1
int shim_open_cuda_part(const char *library); // 0, or -1
int shim_cuda_memory(int device, int64_t *free, int64_t *total); // 0, or -1

#ifdef __cplusplus
}
#endif
