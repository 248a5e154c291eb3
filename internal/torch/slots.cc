#include "slots.h"

#include <ATen/core/grad_mode.h>
#include <dlfcn.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "guard.h"
#include "layers.h"

namespace {

// Pieces are stretches of a cache, each with the queries that look at it: piece
// i has queries first[i] … first[i+1]−1 and tokens start[i] … start[i]+used[i]−1.
struct Pieces {
  at::Tensor first, start, used;  // int32 [P+1], [P+1], [P]
  int64_t most, length;           // queries and tokens of a piece at most
};

constexpr double infinity = std::numeric_limits<double>::infinity();

// look is softmax(q·kᵀ·scale)·v of queries [N,G,K] over keys and values [T,G,K]
// and the logarithm of what the softmax divides by, fp32 [N,G]. Queries of no
// piece get anything.
std::pair<at::Tensor, at::Tensor> look(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v, const Pieces &p, double scale) {
  if (!q.is_cpu()) {
    // The kernel takes a row's keys from start[i] on and used[i] of them, in any order.
    auto found = at::_flash_attention_forward(q, k, v, p.first, p.start, p.most, p.length, 0.0, false, false, scale, std::nullopt,
                                              std::nullopt, p.used);
    auto lse = std::get<1>(found);
    TORCH_CHECK(lse.dim() == 2 && lse.size(1) == q.size(0), "flash attention: log-sum-exps of another shape than [heads,queries]");
    return {std::get<0>(found), lse.t()};
  }
  auto out = at::full_like(q, infinity), lse = at::full({q.size(0), q.size(1)}, infinity, q.options().dtype(at::kFloat));
  auto first = p.first.data_ptr<int>(), start = p.start.data_ptr<int>(), used = p.used.data_ptr<int>();
  for (int64_t i = 0; i < p.used.size(0); i++) {
    auto n = first[i + 1] - first[i];
    if (n == 0) continue;
    auto rows = [&](const at::Tensor &x, int64_t at, int64_t many) { return x.narrow(0, at, many).transpose(0, 1).to(at::kFloat); };
    auto scores = at::matmul(rows(q, first[i], n), rows(k, start[i], used[i]).transpose(1, 2)).mul_(scale);  // [G,n,used]
    auto sums = scores.logsumexp(-1, true);
    out.narrow(0, first[i], n).copy_(at::matmul(scores.sub_(sums).exp_(), rows(v, start[i], used[i])).transpose(0, 1));
    lse.narrow(0, first[i], n).copy_(sums.squeeze(-1).t());
  }
  return {out, lse};
}

// causal is attention of prompts' own tokens, q [T,H,K] over k, v [T,G,K].
at::Tensor causal(const at::Tensor &q, const at::Tensor &k, const at::Tensor &v, const std::vector<int32_t> &ends, double scale) {
  auto prompts = ends.size() - 1;
  if (!q.is_cpu()) {
    int32_t most = 0;
    for (size_t i = 0; i < prompts; i++) most = std::max(most, ends[i + 1] - ends[i]);
    auto at_ends = at::tensor(ends, q.options().dtype(at::kInt));
    return std::get<0>(at::_flash_attention_forward(q, k, v, at_ends, at_ends, most, most, 0.0, true, false, scale));
  }
  auto out = at::empty_like(q);
  for (size_t i = 0; i < prompts; i++) {
    auto part = [&](const at::Tensor &x) { return x.narrow(0, ends[i], ends[i + 1] - ends[i]).transpose(0, 1).unsqueeze(0); };
    auto seen = at::scaled_dot_product_attention(part(q), part(k), part(v), std::nullopt, 0.0, true, scale, true);
    out.narrow(0, ends[i], ends[i + 1] - ends[i]).copy_(seen.squeeze(0).transpose(0, 1));
  }
  return out;
}

// What the CUDA part has for graphs: see cuda/graph.cc.
struct Graphs {
  void *(*capture)(void (*work)(void *), void *arg, char *why, int room);
  int (*replay)(void *graph);
  void (*drop)(void *graph);
  bool there() const { return capture && replay && drop; }
  static const Graphs &get() {
    auto find = [](const char *name) { return dlsym(RTLD_DEFAULT, name); };
    static const Graphs all{reinterpret_cast<void *(*)(void (*)(void *), void *, char *, int)>(find("radpo_cuda_capture")),
                            reinterpret_cast<int (*)(void *)>(find("radpo_cuda_replay")),
                            reinterpret_cast<void (*)(void *)>(find("radpo_cuda_drop"))};
    return all;
  }
};

struct Layer {
  at::Tensor weights[shim_layer_tensors];
  at::Tensor keys, values;  // [tokens,G,K]
  const at::Tensor &operator[](int i) const { return weights[i]; }
};

// A Batch is the memory of batches of one size, and their graph.
struct Batch {
  at::Tensor host, input;  // pinned, and on the device
  void *graph = nullptr;
};

class Slots {
  shim_decoder_shape c;
  int64_t length, many;  // tokens of a slot; queries of a group
  std::vector<Layer> layers;
  at::Tensor inverse, scale, embedding, last, head;
  at::Tensor logits_;  // [most rows,vocabulary] fp32
  std::map<std::pair<int64_t, int64_t>, Batch> batches;

  at::TensorOptions options() const { return embedding.options(); }
  at::Tensor longs(const int64_t *p, int64_t n) const {
    return at::from_blob(const_cast<int64_t *>(p), {n}, at::kLong).to(options().device());
  }
  at::Tensor norm(const at::Tensor &x, const at::Tensor &w) const {
    if (!w.defined()) return x;
    if (!c.offset) return at::rms_norm(x, w.sizes(), w, c.eps);
    return at::rms_norm(x.to(at::kFloat), w.sizes(), w, c.eps).to(x.scalar_type());
  }
  at::Tensor linear(const at::Tensor &x, const Layer &l, int weight, int bias) const {
    return at::linear(x, l[weight], l[bias].defined() ? std::make_optional(l[bias]) : std::nullopt);
  }
  template <class Attend>
  at::Tensor states(const at::Tensor &ids, const at::Tensor &positions, const at::Tensor &into, Attend attend);
  at::Tensor merge(const at::Tensor &out, const at::Tensor &lse, const at::Tensor &of) const;
  void compute(const Batch &b, int64_t rows, int64_t wide);
  void capture(Batch &b, int64_t rows, int64_t wide);

 public:
  std::string failure;  // of capturing
  int captured = 0;

  Slots(const shim_decoder_shape &shape, shim_tensor *tensors, const float *frequencies, shim_tensor embedding_, shim_tensor norm_,
        shim_tensor head_, int length_, int rows);
  ~Slots() {
    for (auto &[_, b] : batches)
      if (b.graph) Graphs::get().drop(b.graph);
  }
  at::Tensor prompts(const int64_t *ids, const int64_t *into, const int64_t *lengths, int n);
  at::Tensor rows(const int64_t *input, int64_t rows, int64_t wide);
  at::Tensor logits(const at::Tensor &states) const;
};

Slots::Slots(const shim_decoder_shape &shape, shim_tensor *tensors, const float *frequencies, shim_tensor embedding_, shim_tensor norm_,
             shim_tensor head_, int length_, int rows)
    : c(shape), length(length_), many(shape.heads / shape.groups), layers(shape.layers), embedding(ref(embedding_)), last(ref(norm_)), head(ref(head_)) {
  auto weight = [&](shim_tensor t, bool norm) {
    if (!t) return at::Tensor();
    return norm && c.offset ? ref(t).to(at::kFloat) + 1 : ref(t);
  };
  for (int i = 0; i < c.layers; i++) {
    for (int j = 0; j < shim_layer_tensors; j++) layers[i].weights[j] = weight(tensors[i * shim_layer_tensors + j], j <= shim_k_norm);
    // One slot more, for the tokens of padding.
    layers[i].keys = at::zeros({(c.blocks + 1) * length, c.groups, c.head}, options());
    layers[i].values = at::zeros_like(layers[i].keys);
  }
  last = weight(norm_, true);
  inverse = at::from_blob(const_cast<float *>(frequencies), {c.head / 2}, at::kFloat).clone().to(options().device());
  logits_ = at::empty({rows, c.vocabulary}, options().dtype(at::kFloat));
  if (c.embedding_scale != 0) scale = at::full({1}, c.embedding_scale, options());
}

// states are the tokens' normed hidden states [n,width]. Their keys and values
// are in the cache before attend looks at it.
template <class Attend>
at::Tensor Slots::states(const at::Tensor &ids, const at::Tensor &positions, const at::Tensor &into, Attend attend) {
  auto x = embedding.index_select(0, ids);
  if (scale.defined()) x = x * scale;
  auto angles = (positions.to(at::kFloat).unsqueeze(1) * inverse).unsqueeze(1);  // [n,1,K/2]
  auto cos = angles.cos().to(x.scalar_type()), sin = angles.sin().to(x.scalar_type());
  for (auto &l : layers) {
    auto in = norm(x, l[shim_attn_norm]);
    auto heads = [&](int w, int b, int64_t n) { return linear(in, l, w, b).view({-1, n, c.head}); };
    auto q = turn(norm(heads(shim_q, shim_q_bias, c.heads), l[shim_q_norm]), cos, sin);
    auto k = turn(norm(heads(shim_k, shim_k_bias, c.groups), l[shim_k_norm]), cos, sin);
    auto v = heads(shim_v, shim_v_bias, c.groups);
    l.keys.index_copy_(0, into, k);
    l.values.index_copy_(0, into, v);
    auto seen = attend(l, q, k, v).reshape({-1, c.heads * c.head});
    x = x + norm(linear(seen, l, shim_o, shim_o_bias), l[shim_attn_post]);
    in = norm(x, l[shim_feed_norm]);
    auto gate = linear(in, l, shim_gate, shim_gate_bias);
    gate = c.gelu ? at::gelu(gate, "tanh") : at::silu(gate);
    x = x + norm(linear(gate.mul_(linear(in, l, shim_up, shim_up_bias)), l, shim_down, shim_down_bias), l[shim_feed_post]);
  }
  return norm(x, last);
}

at::Tensor Slots::prompts(const int64_t *ids, const int64_t *into, const int64_t *lengths, int n) {
  std::vector<int32_t> ends{0};
  std::vector<int64_t> positions;
  for (int i = 0; i < n; i++) {
    ends.push_back(ends.back() + static_cast<int32_t>(lengths[i]));
    for (int64_t t = 0; t < lengths[i]; t++) positions.push_back(t);
  }
  auto all = static_cast<int64_t>(positions.size());
  return states(longs(ids, all), longs(positions.data(), all), longs(into, all),
                [&](const Layer &, const at::Tensor &q, const at::Tensor &k, const at::Tensor &v) { return causal(q, k, v, ends, c.score_scale); });
}

// merge adds up what rows saw in their pieces. Softmax over all is the mean of
// softmaxes over parts, weighed by what each divides by (arXiv:2402.05099,
// section 3.1). of [rows,wide] is a row's pairs, out [pairs,J,G,K].
at::Tensor Slots::merge(const at::Tensor &out, const at::Tensor &lse, const at::Tensor &of) const {
  auto rows = of.size(0), wide = of.size(1);
  auto none = (of < 0).view({rows, wide, 1, 1});
  auto from = of.clamp_min(0).view({-1});
  auto weights = lse.index_select(0, from).view({rows, wide, many, c.groups}).masked_fill(none, -infinity).softmax(1);
  auto seen = out.index_select(0, from).view({rows, wide, many, c.groups, c.head}).masked_fill(none.unsqueeze(-1), 0);
  return seen.mul(weights.unsqueeze(-1)).sum(1).to(out.scalar_type()).transpose(1, 2);  // [rows,G,J,K]
}

// compute leaves a batch's logits in logits_. All that it does stays on the
// device, so that it can be captured.
void Slots::compute(const Batch &b, int64_t rows, int64_t wide) {
  auto pairs = rows * wide;
  int64_t at = 0;
  auto part = [&](int64_t n) { return b.input.narrow(0, std::exchange(at, at + n), n); };
  auto ids = part(rows), positions = part(rows), into = part(rows), row = part(pairs);
  auto first = part(pairs + 1), start = part(pairs + 1), used = part(pairs), of = part(pairs).view({rows, wide});
  Pieces p{(first * many).to(at::kInt), start.to(at::kInt), used.to(at::kInt), std::max<int64_t>(many, 64), length};
  auto x = states(ids, positions, into, [&](const Layer &l, const at::Tensor &q, const at::Tensor &, const at::Tensor &) {
    // A group's queries are rows over the same keys.
    auto packed = q.view({rows, c.groups, many, c.head}).transpose(1, 2).index_select(0, row);  // [pairs,J,G,K]
    auto [out, lse] = look(packed.view({pairs * many, c.groups, c.head}), l.keys, l.values, p, c.score_scale);
    return merge(out.view({pairs, many, c.groups, c.head}), lse.reshape({pairs, many, c.groups}), of);
  });
  logits_.narrow(0, 0, rows).copy_(logits(x));
}

at::Tensor Slots::logits(const at::Tensor &states) const {
  auto out = at::linear(states, head).to(at::kFloat);
  return c.logit_cap > 0 ? out.mul(1.0 / c.logit_cap).tanh_().mul_(c.logit_cap) : out;
}

at::Tensor Slots::rows(const int64_t *input, int64_t rows, int64_t wide) {
  auto &b = batches[{rows, wide}];
  auto n = 3 * rows + 5 * rows * wide + 2;
  if (!b.input.defined()) {
    b.host = at::empty({n}, at::TensorOptions(at::kLong).pinned_memory(!embedding.is_cpu()));
    b.input = at::empty({n}, options().dtype(at::kLong));
  }
  std::memcpy(b.host.data_ptr(), input, n * sizeof *input);
  b.input.copy_(b.host, /*non_blocking=*/true);
  if (!b.graph && failure.empty() && !embedding.is_cpu() && Graphs::get().there()) capture(b, rows, wide);
  if (!b.graph)
    compute(b, rows, wide);
  else
    TORCH_CHECK(Graphs::get().replay(b.graph) == 0, "slots: a captured step failed");
  return logits_.narrow(0, 0, rows);
}

void Slots::capture(Batch &b, int64_t rows, int64_t wide) {
  auto work = [&] { compute(b, rows, wide); };
  char why[512] = "";
  b.graph = Graphs::get().capture([](void *f) { (*static_cast<decltype(work) *>(f))(); }, &work, why, sizeof why);
  if (b.graph)
    captured++;
  else
    failure = *why ? why : "no reason given";
}

}  // namespace

shim_slots shim_slots_new(const shim_decoder_shape *shape, shim_tensor *layers, const float *inverse, shim_tensor embedding,
                          shim_tensor norm, shim_tensor head, int length, int rows) {
  return guard(shim_slots(nullptr), [&]() -> shim_slots {
    at::NoGradGuard off;
    return new Slots(*shape, layers, inverse, embedding, norm, head, length, rows);
  });
}
void shim_slots_free(shim_slots d) { delete static_cast<Slots *>(d); }

template <class F>
static shim_tensor made(F f) {
  return guard(shim_tensor(nullptr), [&]() -> shim_tensor {
    at::NoGradGuard off;
    return new at::Tensor(f());
  });
}

shim_tensor shim_slots_prompts(shim_slots d, const int64_t *ids, const int64_t *into, const int64_t *lengths, int prompts) {
  return made([&] { return static_cast<Slots *>(d)->prompts(ids, into, lengths, prompts); });
}
shim_tensor shim_slots_rows(shim_slots d, const int64_t *input, int rows, int wide) {
  return made([&] { return static_cast<Slots *>(d)->rows(input, rows, wide); });
}
shim_tensor shim_slots_logits(shim_slots d, shim_tensor states) {
  return made([&] { return static_cast<Slots *>(d)->logits(ref(states)); });
}
int shim_slots_graphs(shim_slots d, const char **why) {
  *why = static_cast<Slots *>(d)->failure.c_str();
  return static_cast<Slots *>(d)->captured;
}
int shim_look(shim_tensor q, shim_tensor k, shim_tensor v, shim_tensor first, shim_tensor start, shim_tensor used, int most,
              int length, double scale, shim_tensor *out, shim_tensor *lse) {
  return run([&] {
    Pieces p{ref(first).to(at::kInt), ref(start).to(at::kInt), ref(used).to(at::kInt), most, length};
    auto found = look(ref(q), ref(k), ref(v), p, scale);
    *out = new at::Tensor(found.first);
    *lse = new at::Tensor(found.second);
  });
}
