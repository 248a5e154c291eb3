package nn

import "radpo/internal/torch"

// RMSNorm is root-mean-square layer normalisation (arXiv:1910.07467).
type RMSNorm struct {
	Weight Weight `w:"weight"` // [D]
	Eps    float64
	Offset bool // scales by 1 + weight, all in fp32: Gemma's way
}

// NewRMSNorm is an unbound norm of width d.
func NewRMSNorm(d int, eps float64) RMSNorm {
	return RMSNorm{Weight: NewWeight(int64(d)), Eps: eps}
}

// Forward keeps the shape of x [..., D].
func (n *RMSNorm) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	if !n.Offset {
		return s.RMSNorm(x, n.Weight.Tensor, n.Eps)
	}
	return s.Tidy(func(s *torch.Scope) torch.Tensor {
		scale := s.Shift(s.To(n.Weight.Tensor, torch.Float), 1)
		return s.To(s.RMSNorm(s.To(x, torch.Float), scale, n.Eps), x.DType())
	})
}

// LayerNorm is layer normalisation (arXiv:1607.06450).
type LayerNorm struct {
	Weight Weight `w:"weight"` // [D]
	Bias   Weight `w:"bias"`   // [D]
	Eps    float64
}

// NewLayerNorm is an unbound norm of width d.
func NewLayerNorm(d int, eps float64) LayerNorm {
	return LayerNorm{Weight: NewWeight(int64(d)), Bias: NewWeight(int64(d)), Eps: eps}
}

// Forward keeps the shape of x [..., D].
func (n *LayerNorm) Forward(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return s.LayerNorm(x, n.Weight.Tensor, n.Bias.Tensor, n.Eps)
}
