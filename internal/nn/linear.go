package nn

import "radpo/internal/torch"

// A Weight is one tensor of a checkpoint. Its shape is known before it is
// bound; a Weight without a shape is not part of the model.
type Weight struct {
	Shape []int64
	Wide  bool // kept in fp32 whatever the model's dtype
	torch.Tensor
}

// NewWeight is an unbound weight of the given shape.
func NewWeight(shape ...int64) Weight { return Weight{Shape: shape} }

// Linear is y = x·Wᵀ + b.
type Linear struct {
	Weight Weight `w:"weight"` // [out, in]
	Bias   Weight `w:"bias"`   // [out], or none
	LoRA   *LoRA  // a change of the weight, or none
}

// LoRA is a low-rank change of a weight W, which becomes W + Scale·B·A
// (arXiv:2106.09685, eq. 3). It computes in fp32 beside a narrower model.
type LoRA struct {
	A, B  Weight // [r, in] and [out, r]
	Scale float64
}

// NewLinear is an unbound layer from in to out features.
func NewLinear(in, out int, bias bool) Linear {
	l := Linear{Weight: NewWeight(int64(out), int64(in))}
	if bias {
		l.Bias = NewWeight(int64(out))
	}
	return l
}

// Forward maps [..., in] to [..., out].
func (l Linear) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	y := s.Linear(x, l.Weight.Tensor, l.Bias.Tensor)
	if l.LoRA == nil {
		return y
	}
	change := s.Linear(s.Linear(s.To(x, torch.Float), l.LoRA.A.Tensor, torch.Tensor{}), l.LoRA.B.Tensor, torch.Tensor{})
	return s.To(s.Add(y, s.Scale(change, l.LoRA.Scale)), y.DType())
}

// Embedding is a table of rows.
type Embedding struct {
	Weight Weight `w:"weight"` // [vocabulary, D]
}

// NewEmbedding is an unbound table of n rows of width d.
func NewEmbedding(n, d int) Embedding {
	return Embedding{NewWeight(int64(n), int64(d))}
}

// Forward maps ids [B,T] to [B,T,D].
func (e Embedding) Forward(s *torch.Scope, ids torch.Tensor) torch.Tensor {
	return s.Embedding(e.Weight.Tensor, ids)
}
