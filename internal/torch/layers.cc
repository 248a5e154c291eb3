// Layers with gradients of their own: they keep less for them than autograd
// would, or add them straight into the sinks.
#include "layers.h"

#include <ATen/OpMathType.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <torch/csrc/autograd/custom_function.h>

#include <algorithm>
#include <utility>

#include "guard.h"

at::Tensor turn(const at::Tensor &x, const at::Tensor &cos, const at::Tensor &sin) {
  auto half = x.size(-1) / 2;
  auto out = at::empty(x.sizes(), x.options());
  auto a = x.narrow(-1, 0, half), b = x.narrow(-1, half, half);
  auto p = out.narrow(-1, 0, half), q = out.narrow(-1, half, half);
  at::mul_out(p, a, cos);
  p.addcmul_(b, sin, -1);
  at::mul_out(q, b, cos);
  q.addcmul_(a, sin);
  return out;
}

namespace {

// Rope is turn with its inverse as gradient: nothing but the angles is saved.
struct Rope : torch::autograd::Function<Rope> {
  static at::Tensor forward(torch::autograd::AutogradContext *ctx, const at::Tensor &x, const at::Tensor &cos,
                            const at::Tensor &sin) {
    ctx->save_for_backward({cos, sin});
    at::AutoDispatchBelowADInplaceOrView below;
    return turn(x, cos, sin);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *ctx,
                                               torch::autograd::tensor_list grads) {
    auto saved = ctx->get_saved_variables();
    return {turn(grads[0], saved[0], saved[1].neg()), at::Tensor(), at::Tensor()};
  }
};

// Norm is root-mean-square layer normalisation, kept as its input alone.
struct Norm : torch::autograd::Function<Norm> {
  static at::Tensor result(const at::Tensor &x, const at::Tensor &weight, double eps) { return at::rms_norm(x, weight.sizes(), weight, eps); }
  static at::Tensor again(const torch::autograd::AutogradContext &ctx) {
    auto saved = ctx.get_saved_variables();
    return result(saved[0], saved[1], ctx.saved_data.at("eps").toDouble());
  }
  static at::Tensor forward(torch::autograd::AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight, double eps) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({x, weight});
    ctx->saved_data["eps"] = eps;
    return result(x, weight, eps);
  }
  // backward: with u = x/√(mean(x²) + eps) and h = g·w, dx = (h − u·mean(h·u))/√…, dw = Σ g·u.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *ctx, torch::autograd::tensor_list grads) {
    auto saved = ctx->get_saved_variables();
    auto type = at::toOpMathType(saved[0].scalar_type());
    auto x = saved[0].to(type), g = grads[0].to(type);
    auto rate = x.square().mean(-1, true).add_(ctx->saved_data["eps"].toDouble()).rsqrt_();
    auto unit = x * rate;
    at::Tensor dx, dw;
    if (ctx->needs_input_grad(1)) dw = (g * unit).view({-1, x.size(-1)}).sum(0).to(saved[1].scalar_type());
    if (ctx->needs_input_grad(0)) {
      auto h = g * saved[1].to(type);
      dx = h.sub_(unit * (h * unit).mean(-1, true)).mul_(rate).to(saved[0].scalar_type());
    }
    return {dx, dw, at::Tensor()};
  }
};

// Gate is act(a)·b, act being SiLU, or GELU by tanh: kept as a and b alone.
struct Gate : torch::autograd::Function<Gate> {
  static at::Tensor act(const at::Tensor &a, bool gelu) { return gelu ? at::gelu(a, "tanh") : at::silu(a); }
  static at::Tensor again(const torch::autograd::AutogradContext &ctx) {
    auto saved = ctx.get_saved_variables();
    return act(saved[0], ctx.saved_data.at("gelu").toBool()).mul_(saved[1]);
  }
  static at::Tensor forward(torch::autograd::AutogradContext *ctx, const at::Tensor &a, const at::Tensor &b, bool gelu) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({a, b});
    ctx->saved_data["gelu"] = gelu;
    return act(a, gelu).mul_(b);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *ctx, torch::autograd::tensor_list grads) {
    auto saved = ctx->get_saved_variables();
    bool gelu = ctx->saved_data["gelu"].toBool();
    auto db = act(saved[0], gelu).mul_(grads[0]), da = grads[0] * saved[1];
    return {gelu ? at::gelu_backward(da, saved[0], "tanh") : at::silu_backward(da, saved[0]), db, at::Tensor()};
  }
};

// A Maker makes the result of a light node again from what that node keeps
// anyway: who reads it for a gradient need not keep it.
struct Maker : torch::CustomClassHolder {
  std::shared_ptr<torch::autograd::Node> node;
  explicit Maker(std::shared_ptr<torch::autograd::Node> n) : node(std::move(n)) {}
  static bool knows(torch::autograd::Node *n) { return as<Norm>(n) || as<Gate>(n); }
  at::Tensor make() const {
    auto norm = as<Norm>(node.get());
    return norm ? Norm::again(norm->ctx_) : Gate::again(as<Gate>(node.get())->ctx_);
  }
  template <class F>
  static torch::autograd::CppNode<F> *as(torch::autograd::Node *n) { return dynamic_cast<torch::autograd::CppNode<F> *>(n); }
};

// big_products is set while fp32 products of many rows go to oneDNN.
thread_local bool big_products = false;

// some is how many elements of a weight oneDNN copies, or a gradient has, at once.
const int64_t some = 1 << 22;

// product is x·wᵀ of matrices.
at::Tensor product(const at::Tensor &x, const at::Tensor &w) {
  using Op = at::Tensor(const at::Tensor &, const at::Tensor &, const std::optional<at::Tensor> &, std::string_view,
                        c10::List<std::optional<at::Scalar>>, std::optional<std::string_view>);
  static auto op = c10::Dispatcher::singleton().findSchemaOrThrow("mkldnn::_linear_pointwise", "").typed<Op>();
  const int64_t few = 96;  // from there on a row's sums do not depend on the others' number, and oneDNN is faster
  if (!big_products || !x.is_cpu() || x.scalar_type() != at::kFloat || x.size(0) < few) return at::mm(x, w.t());
  auto by = [&](const at::Tensor &w) { return op.call(x, w, std::nullopt, "none", c10::List<std::optional<at::Scalar>>(), ""); };
  if (w.numel() <= some) return by(w);
  auto out = at::empty({x.size(0), w.size(0)}, x.options());
  auto most = std::max<int64_t>(1, some / w.size(1));
  for (int64_t i = 0; i < w.size(0); i += most) {
    auto n = std::min(most, w.size(0) - i);
    out.narrow(1, i, n).copy_(by(w.narrow(0, i, n)));
  }
  return out;
}

// weight_slope is gᵀ·x. For oneDNN one thread turns g around first, which a narrow x
// does not pay back.
at::Tensor weight_slope(const at::Tensor &g, const at::Tensor &x) {
  const int64_t narrow = 1024;
  return x.size(1) < narrow ? at::mm(g.t(), x) : product(g.t(), x.t());
}

// Linear is x·Wᵀ + bias by product.
struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(torch::autograd::AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight,
                            const std::optional<at::Tensor> &bias) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto read = weight.requires_grad() ? x : at::Tensor();
    if (read.defined() && Maker::knows(x.grad_fn().get())) {
      ctx->saved_data["maker"] = c10::IValue::make_capsule(c10::make_intrusive<Maker>(x.grad_fn()));
      read = at::Tensor();
    }
    ctx->save_for_backward({read, weight});
    auto y = product(x.reshape({-1, x.size(-1)}), weight);
    ctx->saved_data["biased"] = bias.has_value();
    if (bias) y.add_(*bias);
    auto shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return y.view(shape);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *ctx, torch::autograd::tensor_list grads) {
    auto saved = ctx->get_saved_variables();
    auto &x = saved[0], &weight = saved[1];
    auto g = grads[0].reshape({-1, weight.size(0)});
    at::Tensor dx, dw, db;
    if (ctx->needs_input_grad(0)) {
      auto shape = grads[0].sizes().vec();
      shape.back() = weight.size(1);
      dx = product(g, weight.t()).view(shape);
    }
    if (ctx->needs_input_grad(1)) {
      if (auto maker = ctx->saved_data.find("maker"); maker != ctx->saved_data.end())
        x = c10::static_intrusive_pointer_cast<Maker>(maker->second.toCapsule())->make();
      dw = weight_slope(g, x.reshape({-1, x.size(-1)}));
    }
    if (ctx->saved_data["biased"].toBool() && ctx->needs_input_grad(2)) db = g.sum(0);
    return {dx, dw, db};
  }
};

// HeadLogps is log softmax(logits)[ids[i]] of each row of logits = x·Wᵀ, bounded
// to ±cap by tanh if cap > 0, without more than `rows` rows of logits at once.
// A single part is kept for the gradient; several are computed again. The
// weight's gradient is as large as the vocabulary: it goes straight to its sink.
struct HeadLogps : torch::autograd::Function<HeadLogps> {
  // logps is log softmax(logits) of some rows, fp32, and their log-sum-exp.
  static std::pair<at::Tensor, at::Tensor> logps(const at::Tensor &x, const at::Tensor &weight, const at::Tensor &ids, double cap) {
    auto all = product(x, weight).to(at::kFloat);
    if (cap > 0) all.div_(cap).tanh_().mul_(cap);
    auto before = all.gather(1, ids);
    at::log_softmax_out(all, all, 1);
    return {all, before.sub_(all.gather(1, ids))};
  }
  static at::Tensor forward(torch::autograd::AutogradContext *ctx, const at::Tensor &x, const at::Tensor &weight,
                            const at::Tensor &ids, double cap, int64_t rows) {
    at::AutoDispatchBelowADInplaceOrView below;
    auto targets = ids.unsqueeze(1);
    auto out = at::empty(ids.sizes(), x.options().dtype(at::kFloat));
    torch::autograd::variable_list saved = {x, weight, targets};
    for (int64_t i = 0; i < x.size(0); i += rows) {
      auto n = std::min(rows, x.size(0) - i);
      auto part = targets.narrow(0, i, n);
      auto [all, lse] = logps(x.narrow(0, i, n), weight, part, cap);
      out.narrow(0, i, n).copy_(all.gather(1, part).squeeze(1));
      if (n == x.size(0) && (x.requires_grad() || weight.requires_grad())) saved.insert(saved.end(), {all, lse});
    }
    ctx->save_for_backward(saved);
    ctx->saved_data["cap"] = cap;
    ctx->saved_data["rows"] = rows;
    return out;
  }
  // backward: the gradient for logits is g·(onehot − softmax), by the tanh's slope.
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *ctx, torch::autograd::tensor_list grads) {
    auto saved = ctx->get_saved_variables();
    auto &x = saved[0], &weight = saved[1], &targets = saved[2];
    auto cap = ctx->saved_data["cap"].toDouble();
    auto rows = ctx->saved_data["rows"].toInt();
    bool for_x = ctx->needs_input_grad(0), for_weight = ctx->needs_input_grad(1);
    auto dx = for_x ? at::empty_like(x) : at::Tensor();
    for (int64_t i = 0; i < x.size(0); i += rows) {
      auto n = std::min(rows, x.size(0) - i);
      auto here = x.narrow(0, i, n), part = targets.narrow(0, i, n), g = grads[0].narrow(0, i, n).unsqueeze(1);
      auto [all, lse] = saved.size() > 3 ? std::make_pair(saved[3], saved[4]) : logps(here, weight, part, cap);
      at::Tensor slope;
      if (cap > 0) slope = all.add(lse).div_(cap).square_().neg_().add_(1);
      all.exp_().mul_(g.neg()).scatter_add_(1, part, g);
      if (cap > 0) all.mul_(slope);
      all = all.to(x.scalar_type());
      if (for_x) dx.narrow(0, i, n).copy_(product(all, weight.t()));
      if (for_weight) sink(weight, all, here);
    }
    return {dx, at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
  // sink adds gᵀ·x to the weight's gradient, some rows at a time where that is
  // wider than they are.
  static void sink(const at::Tensor &weight, const at::Tensor &g, const at::Tensor &x) {
    if (weight.grad().scalar_type() == g.scalar_type()) {
      weight.grad().addmm_(g.t(), x);
      return;
    }
    auto most = std::max<int64_t>(1, some / x.size(1));
    for (int64_t v = 0; v < g.size(1); v += most) {
      auto n = std::min(most, g.size(1) - v);
      weight.grad().narrow(0, v, n).add_(at::mm(g.narrow(1, v, n).t(), x));
    }
  }
};

// Embedding is rows of a weight, whose gradient goes straight to the sinks of
// those rows.
struct Embedding : torch::autograd::Function<Embedding> {
  static at::Tensor forward(torch::autograd::AutogradContext *ctx, const at::Tensor &weight, const at::Tensor &ids) {
    at::AutoDispatchBelowADInplaceOrView below;
    ctx->save_for_backward({weight, ids});
    return at::embedding(weight, ids);
  }
  static torch::autograd::tensor_list backward(torch::autograd::AutogradContext *ctx, torch::autograd::tensor_list grads) {
    auto saved = ctx->get_saved_variables();
    saved[0].grad().index_put_({saved[1]}, grads[0].to(saved[0].grad().scalar_type()), /*accumulate=*/true);
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

shim_tensor shim_rms_norm(shim_tensor x, shim_tensor weight, double eps) {
  return make([&] { return Norm::apply(ref(x), ref(weight), eps); });
}

shim_tensor shim_rope(shim_tensor x, shim_tensor cos, shim_tensor sin) {
  return make([&] { return Rope::apply(ref(x), ref(cos), ref(sin)); });
}

shim_tensor shim_linear(shim_tensor x, shim_tensor weight, shim_tensor bias) {
  return make([&] {
    return big_products ? Linear::apply(ref(x), ref(weight), maybe(bias)) : at::linear(ref(x), ref(weight), maybe(bias));
  });
}

shim_tensor shim_gated(shim_tensor a, shim_tensor b, int gelu) {
  return make([&] { return Gate::apply(ref(a), ref(b), gelu != 0); });
}

shim_tensor shim_embedding(shim_tensor weight, shim_tensor ids) {
  return make([&] { return Embedding::apply(ref(weight), ref(ids)); });
}

shim_tensor shim_head_logps(shim_tensor x, shim_tensor weight, shim_tensor ids, double cap, int64_t rows) {
  return make([&] { return HeadLogps::apply(ref(x), ref(weight), ref(ids), cap, rows); });
}

int shim_big_products(int on) { return std::exchange(big_products, on != 0); }
