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
	return s.Linear(x, l.Weight.Tensor, l.Bias.Tensor)
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
