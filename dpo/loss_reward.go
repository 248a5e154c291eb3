package dpo

import (
	"radpo/configs"
	"radpo/internal/torch"
)

// Reward-aware preference optimisation (NVIDIA's RPO, arXiv:2406.11704): the
// policy's margin βm is to equal g = η(R_w − R_l), by one of three distances.
// Rewards are those under the row's goal.

// rpoBackward is the KL of σ(βm) from σ(g), the paper's: Σ over both sides of
// σ(g)(log σ(g) − log σ(βm)).
func rpoBackward(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return bernoulliKL(s, s.Scale(b.Gap, c.Eta), s.Scale(b.margin(s), c.Beta))
}

// rpoForward is the KL of σ(g) from σ(βm).
func rpoForward(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return bernoulliKL(s, s.Scale(b.margin(s), c.Beta), s.Scale(b.Gap, c.Eta))
}

// rpoSquare is (βm − g)².
func rpoSquare(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return s.Square(s.Sub(s.Scale(b.margin(s), c.Beta), s.Scale(b.Gap, c.Eta)))
}

// bernoulliKL is Σ over x and −x of σ(x)(log σ(x) − log σ(y)).
func bernoulliKL(s *torch.Scope, x, y torch.Tensor) torch.Tensor {
	side := func(x, y torch.Tensor) torch.Tensor {
		return s.Mul(s.Sigmoid(x), s.Sub(s.LogSigmoid(x), s.LogSigmoid(y)))
	}
	return s.Add(side(x, y), side(s.Neg(x), s.Neg(y)))
}
