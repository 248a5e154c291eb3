package torch

// #include "shim.h"
import "C"

import "github.com/sugarme/gotch/libtch"

// One wrapper an operator; an operator is here because a model, a loss or the
// sampler needs it. Shapes broadcast as in libtorch.

func (s *Scope) unary(op string, f func(*libtch.Ctensor, libtch.Ctensor), a Tensor) Tensor {
	f(s.slot(), a.use(op))
	return s.keep(*s.out, op, a)
}

func (s *Scope) binary(op string, f func(*libtch.Ctensor, libtch.Ctensor, libtch.Ctensor), a, b Tensor) Tensor {
	f(s.slot(), a.use(op), b.use(op))
	return s.keep(*s.out, op, a, b)
}

func (s *Scope) scalar(op string, f func(*libtch.Ctensor, libtch.Ctensor, libtch.Cscalar), a Tensor, v float64) Tensor {
	c := libtch.AtsFloat(v)
	defer libtch.AtsFree(c)
	f(s.slot(), a.use(op), c)
	return s.keep(*s.out, op, a)
}

// Elementwise.

func (s *Scope) Add(a, b Tensor) Tensor     { return s.binary("add", libtch.AtgAdd, a, b) }
func (s *Scope) Sub(a, b Tensor) Tensor     { return s.binary("sub", libtch.AtgSub, a, b) }
func (s *Scope) Mul(a, b Tensor) Tensor     { return s.binary("mul", libtch.AtgMul, a, b) }
func (s *Scope) Div(a, b Tensor) Tensor     { return s.binary("div", libtch.AtgDiv, a, b) }
func (s *Scope) Neg(a Tensor) Tensor        { return s.unary("neg", libtch.AtgNeg, a) }
func (s *Scope) Square(a Tensor) Tensor     { return s.unary("square", libtch.AtgSquare, a) }
func (s *Scope) Rsqrt(a Tensor) Tensor      { return s.unary("rsqrt", libtch.AtgRsqrt, a) }
func (s *Scope) Sqrt(a Tensor) Tensor       { return s.unary("sqrt", libtch.AtgSqrt, a) }
func (s *Scope) Cos(a Tensor) Tensor        { return s.unary("cos", libtch.AtgCos, a) }
func (s *Scope) Sin(a Tensor) Tensor        { return s.unary("sin", libtch.AtgSin, a) }
func (s *Scope) Tanh(a Tensor) Tensor       { return s.unary("tanh", libtch.AtgTanh, a) }
func (s *Scope) ReLU(a Tensor) Tensor       { return s.unary("relu", libtch.AtgRelu, a) }
func (s *Scope) And(a, b Tensor) Tensor     { return s.binary("and", libtch.AtgLogicalAnd, a, b) }
func (s *Scope) Exp(a Tensor) Tensor        { return s.unary("exp", libtch.AtgExp, a) }
func (s *Scope) Expm1(a Tensor) Tensor      { return s.unary("expm1", libtch.AtgExpm1, a) }
func (s *Scope) Log(a Tensor) Tensor        { return s.unary("log", libtch.AtgLog, a) }
func (s *Scope) Sigmoid(a Tensor) Tensor    { return s.unary("sigmoid", libtch.AtgSigmoid, a) }
func (s *Scope) LogSigmoid(a Tensor) Tensor { return s.unary("log_sigmoid", libtch.AtgLogSigmoid, a) }
func (s *Scope) Scale(a Tensor, f float64) Tensor {
	return s.scalar("scale", libtch.AtgMulScalar, a, f)
}
func (s *Scope) Shift(a Tensor, c float64) Tensor {
	return s.scalar("shift", libtch.AtgAddScalar, a, c)
}

// Less is true where a < c.
func (s *Scope) Less(a Tensor, c float64) Tensor { return s.scalar("less", libtch.AtgLt, a, c) }

// GELU is x·Φ(x) (arXiv:1606.08415), by the error function.
func (s *Scope) GELU(a Tensor) Tensor {
	libtch.AtgGelu(s.slot(), a.use("gelu"), "none")
	return s.keep(*s.out, "gelu", a)
}

// SiLUGate is SiLU(a)·b, elementwise (arXiv:2002.05202).
func (s *Scope) SiLUGate(a, b Tensor) Tensor { return s.gate(a, b, 0) }

// GELUGate is GELU(a)·b, GELU in its approximation by tanh.
func (s *Scope) GELUGate(a, b Tensor) Tensor { return s.gate(a, b, 1) }

func (s *Scope) gate(a, b Tensor, gelu C.int) Tensor {
	return s.keepShim(C.shim_gated(C.shim_tensor(a.use("gate")), C.shim_tensor(b.use("gate")), gelu), "gate", a, b)
}

// SoftCap is cap·tanh(scale·a/cap), in fp32: scale·a bounded to ±cap.
func (s *Scope) SoftCap(a Tensor, scale, cap float64) Tensor {
	return s.keepShim(C.shim_soft_cap(C.shim_tensor(a.use("soft_cap")), C.double(scale), C.double(cap)), "soft_cap", a)
}

// AtMost is the lesser of each element and limit.
func (s *Scope) AtMost(a Tensor, limit float64) Tensor {
	return s.scalar("at most", libtch.AtgClampMax, a, limit)
}

// Reductions.

// Sum adds all elements, [] .
func (s *Scope) Sum(a Tensor) Tensor {
	libtch.AtgSum(s.slot(), a.use("sum"), int32(a.DType()))
	return s.keep(*s.out, "sum", a)
}

// SumDim adds along dim, which disappears.
func (s *Scope) SumDim(a Tensor, dim int64) Tensor {
	libtch.AtgSumDimIntlist(s.slot(), a.use("sum"), []int64{dim}, 1, 0, int32(a.DType()))
	return s.keep(*s.out, "sum", a)
}

// Mean averages all elements, [].
func (s *Scope) Mean(a Tensor) Tensor {
	libtch.AtgMean(s.slot(), a.use("mean"), int32(a.DType()))
	return s.keep(*s.out, "mean", a)
}

// Softmax is exp normalised along the last dimension, in fp32.
func (s *Scope) Softmax(a Tensor) Tensor {
	libtch.AtgSoftmax(s.slot(), a.use("softmax"), -1, int32(Float))
	return s.keep(*s.out, "softmax", a)
}

// MaskedSoftmax is Softmax over the elements where mask, which broadcasts, is
// true; others get 0.
func (s *Scope) MaskedSoftmax(a, mask Tensor) Tensor {
	const op = "masked_softmax"
	return s.keepShim(C.shim_masked_softmax(C.shim_tensor(a.use(op)), C.shim_tensor(mask.use(op))), op, a, mask)
}

// LogSoftmax is the logarithm of Softmax, in fp32.
func (s *Scope) LogSoftmax(a Tensor) Tensor {
	libtch.AtgLogSoftmax(s.slot(), a.use("log_softmax"), -1, int32(Float))
	return s.keep(*s.out, "log_softmax", a)
}

// Products.

// MatMul is the matrix product over the last two dimensions.
func (s *Scope) MatMul(a, b Tensor) Tensor { return s.binary("matmul", libtch.AtgMatmul, a, b) }

// Linear is x·Wᵀ + bias; an undefined bias is none.
func (s *Scope) Linear(x, weight, bias Tensor) Tensor {
	c := C.shim_linear(C.shim_tensor(x.use("linear")), C.shim_tensor(weight.use("linear")), C.shim_tensor(bias.use("linear")))
	return s.keepShim(c, "linear", x, weight, bias)
}

// Shapes.

// View gives a the shape without a copy where its strides allow, else with one.
func (s *Scope) View(a Tensor, shape ...int64) Tensor {
	sizes, n := dims(shape)
	libtch.AtgReshape(s.slot(), a.use("view"), sizes, n)
	return s.keep(*s.out, "view", a)
}

// Transpose swaps two dimensions, a view.
func (s *Scope) Transpose(a Tensor, i, j int64) Tensor {
	libtch.AtgTranspose(s.slot(), a.use("transpose"), i, j)
	return s.keep(*s.out, "transpose", a)
}

// Cat joins tensors along dim.
func (s *Scope) Cat(list []Tensor, dim int64) Tensor {
	handles := make([]libtch.Ctensor, len(list))
	for i, t := range list {
		handles[i] = t.use("cat")
	}
	libtch.AtgCat(s.slot(), handles, len(handles), dim)
	return s.keep(*s.out, "cat", list...)
}

// Narrow is elements start … start+n−1 of dim, a view.
func (s *Scope) Narrow(a Tensor, dim, start, n int64) Tensor {
	libtch.AtgNarrow(s.slot(), a.use("narrow"), dim, start, n)
	return s.keep(*s.out, "narrow", a)
}

// Select is element i of dim, which disappears, a view.
func (s *Scope) Select(a Tensor, dim, i int64) Tensor {
	libtch.AtgSelect(s.slot(), a.use("select"), dim, i)
	return s.keep(*s.out, "select", a)
}

// Clone copies a's elements into memory of its own.
func (s *Scope) Clone(a Tensor) Tensor {
	z := s.empty(a)
	z.Set(a)
	return z
}

func (s *Scope) empty(a Tensor) Tensor {
	libtch.AtgEmptyLike(s.slot(), a.use("empty"))
	return s.keep(*s.out, "empty", a)
}

// To converts a to d; it is a itself, by another handle, when it has d already.
func (s *Scope) To(a Tensor, d DType) Tensor {
	libtch.AtgToDtype(s.slot(), a.use("to"), int32(d), 0, 0)
	return s.keep(*s.out, "to", a)
}

// Detach is a without its history.
func (s *Scope) Detach(a Tensor) Tensor { return s.unary("detach", libtch.AtgDetach, a) }

// Indexing.

// Embedding is row ids[…] of weight, [..., D].
func (s *Scope) Embedding(weight, ids Tensor) Tensor {
	return s.keepShim(C.shim_embedding(C.shim_tensor(weight.use("embedding")), C.shim_tensor(ids.use("embedding"))), "embedding", weight, ids)
}

// Index is the entries of dim that the long vector index names.
func (s *Scope) Index(a Tensor, dim int64, index Tensor) Tensor {
	libtch.AtgIndexSelect(s.slot(), a.use("index"), dim, index.use("index"))
	return s.keep(*s.out, "index", a, index)
}

// SegmentSum adds values[i] into element segments[i] of a zero vector of n, in
// fp64: the result is rounded once.
func (s *Scope) SegmentSum(values, segments Tensor, n int64) Tensor {
	zero, wide := s.Zeros(Double, n), s.To(values, Double)
	libtch.AtgIndexAdd(s.slot(), zero.use("segment sum"), 0, segments.use("segment sum"), wide.use("segment sum"))
	return s.To(s.keep(*s.out, "segment sum", values, segments), values.DType())
}

// PutRows sets dst[rows[i], positions[i]] = src[i], in place.
func (s *Scope) PutRows(dst, rows, positions, src Tensor) {
	const op = "put rows"
	if C.shim_put_rows(C.shim_tensor(dst.use(op)), C.shim_tensor(rows.use(op)), C.shim_tensor(positions.use(op)), C.shim_tensor(src.use(op))) != 0 {
		fail(op, shimWords(), dst, rows, positions, src)
	}
}

// Set copies src's elements into t, in place, converting them.
func (t Tensor) Set(src Tensor) {
	if C.shim_copy(C.shim_tensor(t.use("set")), C.shim_tensor(src.use("set"))) != 0 {
		fail("set", shimWords(), t, src)
	}
}

// Layers.

// RMSNorm is x / sqrt(mean(x²) + eps) · weight over the last dimension
// (arXiv:1910.07467), summed in fp32.
func (s *Scope) RMSNorm(x, weight Tensor, eps float64) Tensor {
	c := C.shim_rms_norm(C.shim_tensor(x.use("rms_norm")), C.shim_tensor(weight.use("rms_norm")), C.double(eps))
	return s.keepShim(c, "rms_norm", x, weight)
}

// LayerNorm is (x − mean) / sqrt(variance + eps) · weight + bias over the last
// dimension (arXiv:1607.06450).
func (s *Scope) LayerNorm(x, weight, bias Tensor, eps float64) Tensor {
	const op = "layer_norm"
	libtch.AtgLayerNorm(s.slot(), x.use(op), weight.Shape(), 1, weight.use(op), bias.use(op), eps, 1)
	return s.keep(*s.out, op, x, weight, bias)
}

// Rope rotates x [B,H,T,K] by the angles whose cos and sin are given,
// [T,K/2] or [B,1,T,K/2], pairing element i with i+K/2 (arXiv:2104.09864 in
// Llama's layout).
func (s *Scope) Rope(x, cos, sin Tensor) Tensor {
	c := C.shim_rope(C.shim_tensor(x.use("rope")), C.shim_tensor(cos.use("rope")), C.shim_tensor(sin.use("rope")))
	return s.keepShim(c, "rope", x, cos, sin)
}

// Attention is softmax(q·kᵀ/√K)·v for q [B,H,T,K] and k, v [B,G,S,K], H a
// multiple of G. A defined mask is added to the scores, or is true where a
// score counts; else causal masks the future.
func (s *Scope) Attention(q, k, v, mask Tensor, causal bool) Tensor {
	flag := C.int(0)
	if causal && !mask.Defined() {
		flag = 1
	}
	c := C.shim_attention(C.shim_tensor(q.use("attention")), C.shim_tensor(k.use("attention")),
		C.shim_tensor(v.use("attention")), C.shim_tensor(mask.use("attention")), flag)
	return s.keepShim(c, "attention", q, k, v, mask)
}

// DistanceBias adds to the score of query i and key j what their distance
// says, bias[i,j] = q[i]·keys[j−i] + k[j]·queries[i−j], for q and k [B,H,T,K].
// Row M−1+r of keys and of queries, [H,2M−1,K], is distance r; M is at least T.
func (s *Scope) DistanceBias(q, k, keys, queries Tensor) Tensor {
	const op = "distance_bias"
	c := C.shim_distance_bias(C.shim_tensor(q.use(op)), C.shim_tensor(k.use(op)), C.shim_tensor(keys.use(op)), C.shim_tensor(queries.use(op)))
	return s.keepShim(c, op, q, k, keys, queries)
}

// HeadLogps is log softmax(logits)[ids[i]] of each row of logits = x·Wᵀ, fp32
// [N], for x [N,D], weight [V,D] and ids [N]. A cap above 0 bounds the logits to
// ±cap by tanh. No more than rows rows of logits are in memory at once; if that
// is fewer than N, the gradient computes them again.
func (s *Scope) HeadLogps(x, weight, ids Tensor, cap float64, rows int64) Tensor {
	const op = "head_logps"
	c := C.shim_head_logps(C.shim_tensor(x.use(op)), C.shim_tensor(weight.use(op)), C.shim_tensor(ids.use(op)), C.double(cap), C.int64_t(max(1, rows)))
	return s.keepShim(c, op, x, weight, ids)
}

// TokenSpreads is log Σ_v softmax(logits)²[v] of each row of logits [N,V],
// [N] fp32, without gradient: 0 where one token has all probability.
func (s *Scope) TokenSpreads(logits Tensor) Tensor {
	return s.keepShim(C.shim_token_spreads(C.shim_tensor(logits.use("token_spreads"))), "token_spreads", logits)
}
