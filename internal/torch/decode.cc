#include "decode.h"

#include <ATen/Parallel.h>
#include <sys/mman.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "guard.h"
#include "kernels.h"

namespace {

const float *floats(shim_tensor t) {
  auto &x = ref(t);
  TORCH_CHECK(x.is_cpu() && x.is_contiguous() && x.scalar_type() == at::kFloat, "decoder: want fp32 weights on the CPU");
  return x.data_ptr<float>();
}

// A Vector is aligned memory that grows and forgets.
class Vector {
  std::unique_ptr<float, void (*)(void *)> p{nullptr, std::free};
  size_t room = 0;

 public:
  float *reserve(int64_t n) {
    if (static_cast<size_t>(n) > room) {
      room = (static_cast<size_t>(n) + 15) / 16 * 16;
      p.reset(static_cast<float *>(std::aligned_alloc(64, room * sizeof(float))));
      TORCH_CHECK(p, "decoder: out of memory");
    }
    return p.get();
  }
  float *get() const { return p.get(); }
};

// parallel calls f on parts of 0 … n−1, each worth `cost` multiplications, on
// one thread where that is too little to share.
template <class F>
void parallel(int64_t n, int64_t cost, F f) {
  const int64_t worth = 1 << 19;
  at::parallel_for(0, n, std::max<int64_t>(1, worth / std::max<int64_t>(1, cost)), f);
}

// A Product is weights of the same input, packed as one.
class Product {
  Vector data, bias;
  Packed w;

 public:
  void pack(std::vector<shim_tensor> weights, std::vector<shim_tensor> biases) {
    for (auto t : weights) w.n += ref(t).size(0), w.k = ref(t).size(1);
    auto to = data.reserve(w.panels() * Packed::panel * w.k);
    w.data = to;
    std::vector<const float *> rows;
    for (auto t : weights)
      for (int64_t i = 0; i < ref(t).size(0); i++) rows.push_back(floats(t) + i * w.k);
    at::parallel_for(0, w.panels(), 1, [&](int64_t begin, int64_t end) {
      for (auto p = begin; p < end; p++)
        for (int64_t k = 0; k < w.k; k++)
          for (int64_t i = 0; i < Packed::panel; i++) {
            auto row = p * Packed::panel + i;
            to[(p * w.k + k) * Packed::panel + i] = row < w.n ? rows[row][k] : 0;
          }
    });
    if (std::none_of(biases.begin(), biases.end(), [](auto t) { return t; })) return;
    auto b = bias.reserve(w.n);
    w.bias = b;
    for (size_t i = 0; i < weights.size(); i++) {
      auto n = ref(weights[i]).size(0);
      biases[i] ? std::copy_n(floats(biases[i]), n, b) : std::fill_n(b, n, 0.f);
      b += n;
    }
  }
  void operator()(const float *x, int64_t rows, float *out, bool add) const {
    parallel(w.panels(), rows * w.k * Packed::panel, [&](int64_t begin, int64_t end) {
      kernels().multiply(x, rows, w.k, w, begin, end, out, w.n, add);
    });
  }
};

// A Norm is an RMS norm, or none.
class Norm {
  Vector weight;

 public:
  int64_t n = 0;
  void set(shim_tensor t, bool offset) {
    if (!t) return;
    n = ref(t).numel();
    auto to = weight.reserve(n);
    for (int64_t i = 0; i < n; i++) to[i] = floats(t)[i] + (offset ? 1.f : 0.f);
  }
  // Rows of x are ld apart, those of out n.
  void operator()(const float *x, int64_t ld, int64_t rows, float *out, float eps) const {
    for (int64_t i = 0; i < rows; i++) kernels().norm(x + i * ld, weight.get(), out + i * n, n, eps);
  }
};

struct Layer {
  Norm attn, attn_post, feed, feed_post, q, k;
  Product qkv, o, gate_up, down;
  int window = 0;
};

// A Cache is zeroed blocks of floats, mapped some at a time as they are first
// asked for. Those that nobody writes take no memory.
class Cache {
  const int64_t block, per;  // floats of a block, blocks of a piece
  std::vector<float *> pieces;

 public:
  explicit Cache(int64_t block_) : block(block_), per(std::max<int64_t>(1, (int64_t(64) << 20) / (block_ * int64_t(sizeof(float))))) {}
  Cache(const Cache &) = delete;
  ~Cache() {
    for (auto p : pieces) munmap(p, per * block * sizeof(float));
  }
  void reserve(int64_t last) {
    while (static_cast<int64_t>(pieces.size()) * per <= last) {
      auto p = mmap(nullptr, per * block * sizeof(float), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
      TORCH_CHECK(p != MAP_FAILED, "decoder: no memory for more than ", static_cast<int64_t>(pieces.size()) * per, " blocks of the cache: lower sampler.memory or sampler.batch");
      pieces.push_back(static_cast<float *>(p));
    }
  }
  float *at(int64_t i) const { return pieces[i / per] + i % per * block; }
};

// A Batch is the tokens of one step.
struct Batch {
  const shim_token *tokens;
  const shim_sequence *sequences;
  const int32_t *blocks;
  const shim_sequence &of(int64_t t) const { return sequences[tokens[t].sequence]; }
  // The block that holds token t, and its place there.
  std::pair<int32_t, int> place(int64_t t) const {
    auto &s = of(t);
    auto own = tokens[t].position - s.shared;
    auto at = own < 0 ? tokens[t].position : own, first = own < 0 ? s.shared_at : s.own_at;
    return {blocks[first + at / Tile::keys_wide], at % Tile::keys_wide};
  }
};

class Decoder {
  shim_decoder_shape c;
  std::vector<Layer> layers;
  std::vector<float> inverse;
  at::Tensor embedding;
  Norm last;
  Product head;
  Cache cache;  // of blocks [layers, groups, {keys [K,16], values [16,K]}]
  Vector x, normed, qkv, seen, mixed, gates, feed, logits;
  std::vector<float> cosines, sines;  // [position, K/2]

  int64_t tile_size() const { return int64_t(c.head) * Tile::keys_wide; }
  float *tile(int64_t block, int layer, int group) const {
    return cache.at(block) + (layer * c.groups + group) * 2 * tile_size();
  }
  void embed(const Batch &b, int64_t n);
  void turn(float *x, int position) const;
  void remember(const Batch &b, int64_t n, int layer);
  void attend(const Batch &b, const std::vector<int32_t> &list, int layer);
  void look(const Batch &b, const int32_t *list, int64_t from, int64_t to, int layer, int group);
  void add(const Product &w, const Norm &post, const float *in, int64_t rows);
  void block(const Batch &b, int64_t n, const std::vector<int32_t> &wanted, int layer);

 public:
  Decoder(const shim_decoder_shape &shape, const float *frequencies, shim_tensor embedding_, shim_tensor norm, shim_tensor head_);
  void set(int layer, shim_tensor *t, int window);
  void step(const Batch &b, int64_t n, shim_draw *draws, int n_draws, const shim_change *changes, shim_alternative *top, int wide);
};

Decoder::Decoder(const shim_decoder_shape &shape, const float *frequencies, shim_tensor embedding_, shim_tensor norm, shim_tensor head_)
    : c(shape),
      layers(shape.layers),
      inverse(frequencies, frequencies + shape.head / 2),
      embedding(ref(embedding_)),
      cache(int64_t(shape.layers) * shape.groups * 2 * shape.head * Tile::keys_wide) {
  floats(embedding_);
  last.set(norm, c.offset);
  head.pack({head_}, {nullptr});
}

void Decoder::set(int layer, shim_tensor *t, int window) {
  auto &l = layers[layer];
  l.window = window;
  l.attn.set(t[shim_attn_norm], c.offset);
  l.attn_post.set(t[shim_attn_post], c.offset);
  l.feed.set(t[shim_feed_norm], c.offset);
  l.feed_post.set(t[shim_feed_post], c.offset);
  l.q.set(t[shim_q_norm], c.offset);
  l.k.set(t[shim_k_norm], c.offset);
  l.qkv.pack({t[shim_q], t[shim_k], t[shim_v]}, {t[shim_q_bias], t[shim_k_bias], t[shim_v_bias]});
  l.o.pack({t[shim_o]}, {t[shim_o_bias]});
  l.gate_up.pack({t[shim_gate], t[shim_up]}, {t[shim_gate_bias], t[shim_up_bias]});
  l.down.pack({t[shim_down]}, {t[shim_down_bias]});
}

void Decoder::embed(const Batch &b, int64_t n) {
  auto to = x.reserve(n * c.width);
  auto table = embedding.data_ptr<float>();
  auto scale = c.embedding_scale ? c.embedding_scale : 1;
  int most = 0;
  for (int64_t t = 0; t < n; t++) {
    auto row = table + int64_t(b.tokens[t].id) * c.width;
    for (int i = 0; i < c.width; i++) to[t * c.width + i] = row[i] * scale;
    most = std::max(most, b.tokens[t].position);
  }
  for (auto p = int(cosines.size() / inverse.size()); p <= most; p++)
    for (auto f : inverse) {
      cosines.push_back(std::cos(float(p) * f));
      sines.push_back(std::sin(float(p) * f));
    }
}

// turn rotates one head's query or key to its position.
void Decoder::turn(float *x, int position) const {
  auto half = c.head / 2;
  auto cos = cosines.data() + int64_t(position) * half, sin = sines.data() + int64_t(position) * half;
  for (int i = 0; i < half; i++) {
    auto a = x[i], b = x[half + i];
    x[i] = a * cos[i] - b * sin[i];
    x[half + i] = b * cos[i] + a * sin[i];
  }
}

// remember norms and turns queries and keys, and puts keys and values into the
// cache. Queries are scaled, so that attention need not.
void Decoder::remember(const Batch &b, int64_t n, int layer) {
  auto &l = layers[layer];
  auto heads = c.heads + 2 * c.groups;
  parallel(n, heads * c.head * 4, [&](int64_t begin, int64_t end) {
    for (auto t = begin; t < end; t++) {
      auto row = qkv.get() + t * heads * c.head;
      auto position = b.tokens[t].position;
      for (int h = 0; h < c.heads + c.groups; h++) {
        auto one = row + h * c.head;
        auto &norm = h < c.heads ? l.q : l.k;
        if (norm.n) norm(one, c.head, 1, one, c.eps);
        turn(one, position);
        if (h < c.heads)
          for (int i = 0; i < c.head; i++) one[i] *= c.score_scale;
      }
      auto [block, slot] = b.place(t);
      for (int g = 0; g < c.groups; g++) {
        auto to = tile(block, layer, g);
        auto key = row + (c.heads + g) * c.head, value = row + (c.heads + c.groups + g) * c.head;
        for (int i = 0; i < c.head; i++) to[i * Tile::keys_wide + slot] = key[i];
        std::copy_n(value, c.head, to + tile_size() + slot * c.head);
      }
    }
  });
}

// attend fills seen [list, H·K] for the tokens of list. Those whose shared
// blocks are the same look at these together.
void Decoder::attend(const Batch &b, const std::vector<int32_t> &list, int layer) {
  const size_t most = 16;  // tokens whose sums stay in the nearest memory
  std::vector<int64_t> starts;
  for (size_t i = 0, begun = 0; i < list.size(); i++) {
    if (i && i - begun < most && b.of(list[i]).shared_at == b.of(list[i - 1]).shared_at) continue;
    starts.push_back(static_cast<int64_t>(begun = i));
  }
  starts.push_back(static_cast<int64_t>(list.size()));
  seen.reserve(static_cast<int64_t>(list.size()) * c.heads * c.head);
  auto runs = static_cast<int64_t>(starts.size()) - 1;
  at::parallel_for(0, runs * c.groups, 1, [&](int64_t begin, int64_t end) {
    for (auto i = begin; i < end; i++)
      look(b, list.data(), starts[i / c.groups], starts[i / c.groups + 1], layer, static_cast<int>(i % c.groups));
  });
}

// look is attention of tokens list[from] … list[to−1] in one group of heads.
void Decoder::look(const Batch &b, const int32_t *list, int64_t from, int64_t to, int layer, int group) {
  auto &k = kernels();
  auto many = c.heads / c.groups;
  auto window = layers[layer].window ? layers[layer].window : std::numeric_limits<int>::max();
  thread_local std::vector<Sight> sights;
  sights.clear();
  for (auto i = from; i < to; i++)
    for (int h = 0; h < many; h++) {
      auto at = int64_t(group * many + h) * c.head;
      auto sum = seen.get() + i * c.heads * c.head + at;
      std::fill_n(sum, c.head, 0.f);
      sights.push_back({qkv.get() + list[i] * int64_t(c.heads + 2 * c.groups) * c.head + at, sum, -std::numeric_limits<float>::infinity(), 0});
    }
  // tokens [first, end) of list look at one block, whose first token is at `place`.
  auto see = [&](int64_t first, int64_t end, int32_t block, int place, int limit) {
    auto keys = tile(block, layer, group);
    for (auto i = first; i < end; i++) {
      auto position = b.tokens[list[i]].position;
      Tile t{keys, keys + tile_size(), std::max(0, position - window + 1 - place), std::min(Tile::keys_wide, std::min(position + 1, limit) - place)};
      if (t.from >= t.to) continue;
      for (int h = 0; h < many; h++) k.look(t, sights[(i - from) * many + h], c.head, c.score_cap);
    }
  };
  auto &s = b.of(list[from]);
  for (int at = 0; at < s.shared; at += Tile::keys_wide) see(from, to, b.blocks[s.shared_at + at / Tile::keys_wide], at, s.shared);
  for (auto i = from; i < to; i++) {
    auto &own = b.of(list[i]);
    for (int at = own.shared; at <= b.tokens[list[i]].position; at += Tile::keys_wide)
      see(i, i + 1, b.blocks[own.own_at + (at - own.shared) / Tile::keys_wide], at, std::numeric_limits<int>::max());
  }
  for (auto &one : sights)
    for (int i = 0; i < c.head; i++) one.sum[i] /= one.weight;
}

// add is x += post(w(in)), or without a norm where there is none.
void Decoder::add(const Product &w, const Norm &post, const float *in, int64_t rows) {
  if (!post.n) return w(in, rows, x.get(), true);
  auto out = mixed.reserve(rows * c.width);
  w(in, rows, out, false);
  post(out, c.width, rows, out, c.eps);
  for (int64_t i = 0; i < rows * c.width; i++) x.get()[i] += out[i];
}

// block is one layer; behind its attention the wanted tokens alone go on.
void Decoder::block(const Batch &b, int64_t n, const std::vector<int32_t> &wanted, int layer) {
  auto &l = layers[layer];
  auto in = normed.reserve(n * c.width);
  l.attn(x.get(), c.width, n, in, c.eps);
  l.qkv(in, n, qkv.reserve(n * (c.heads + 2 * c.groups) * c.head), false);
  remember(b, n, layer);
  attend(b, wanted, layer);
  auto rows = static_cast<int64_t>(wanted.size());
  if (rows < n)
    for (int64_t i = 0; i < rows; i++) std::copy_n(x.get() + int64_t(wanted[i]) * c.width, c.width, x.get() + i * c.width);
  add(l.o, l.attn_post, seen.get(), rows);
  l.feed(x.get(), c.width, rows, in, c.eps);
  auto both = gates.reserve(rows * 2 * c.feed), one = feed.reserve(rows * c.feed);
  l.gate_up(in, rows, both, false);
  parallel(rows, c.feed * 8, [&](int64_t begin, int64_t end) {
    for (auto i = begin; i < end; i++) kernels().gate(both + i * 2 * c.feed, one + i * c.feed, c.feed, c.gelu);
  });
  add(l.down, l.feed_post, one, rows);
}

void Decoder::step(const Batch &b, int64_t n, shim_draw *draws, int n_draws, const shim_change *changes, shim_alternative *top, int wide) {
  std::vector<int32_t> everyone(n), wanted(n_draws);
  for (int64_t i = 0; i < n; i++) everyone[i] = static_cast<int32_t>(i);
  for (int i = 0; i < n_draws; i++) wanted[i] = draws[i].row;
  for (int64_t t = 0; t < n; t++) cache.reserve(b.place(t).first);
  embed(b, n);
  for (int i = 0; i < c.layers; i++) block(b, n, i + 1 < c.layers ? everyone : wanted, i);
  const int64_t most = std::max<int64_t>(16, (1 << 23) / c.vocabulary);  // rows of logits at once
  for (int64_t i = 0; i < n_draws; i += most) {
    auto rows = std::min(most, n_draws - i);
    auto out = logits.reserve(rows * c.vocabulary);
    last(x.get() + i * c.width, c.width, rows, normed.get(), c.eps);
    head(normed.get(), rows, out, false);
    if (c.logit_cap > 0) kernels().bound(out, rows * c.vocabulary, c.logit_cap);
    shim_draw_rows(out, c.vocabulary, draws + i, static_cast<int>(rows), changes, top + i * wide, wide);
  }
}

}  // namespace

shim_decoder shim_decoder_new(const shim_decoder_shape *shape, const float *inverse, shim_tensor embedding, shim_tensor norm, shim_tensor head) {
  return guard(shim_decoder(nullptr), [&]() -> shim_decoder { return new Decoder(*shape, inverse, embedding, norm, head); });
}
int shim_decoder_layer(shim_decoder d, int layer, shim_tensor *tensors, int window) {
  return run([&] { static_cast<Decoder *>(d)->set(layer, tensors, window); });
}
void shim_decoder_free(shim_decoder d) { delete static_cast<Decoder *>(d); }

int shim_decoder_step(shim_decoder d, const shim_token *tokens, int n, const shim_sequence *sequences, const int32_t *blocks,
                      shim_draw *draws, int n_draws, const shim_change *changes, shim_alternative *top, int wide) {
  return run([&] { static_cast<Decoder *>(d)->step({tokens, sequences, blocks}, n, draws, n_draws, changes, top, wide); });
}
