package nn

import "radpo/internal/torch"

// BatchNorm is batch normalisation by the statistics of training
// (arXiv:1502.03167): (x − mean)/√(variance + ε)·weight + bias. All are [D].
type BatchNorm struct {
	Weight   Weight `w:"weight"`
	Bias     Weight `w:"bias"`
	Mean     Weight `w:"running_mean"`
	Variance Weight `w:"running_var"`
}

// NewBatchNorm is an unbound norm of width d, with PyTorch's default ε.
func NewBatchNorm(d int) BatchNorm {
	w := NewWeight(int64(d))
	return BatchNorm{w, w, w, w}
}

// Forward keeps the shape of x [N,D].
func (n *BatchNorm) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	const epsilon = 1e-5
	scale := s.Mul(n.Weight.Tensor, s.Rsqrt(s.Shift(n.Variance.Tensor, epsilon)))
	return s.Add(s.Mul(s.Sub(x, n.Mean.Tensor), scale), n.Bias.Tensor)
}
