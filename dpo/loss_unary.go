package dpo

import (
	"radpo/configs"
	"radpo/internal/torch"
)

// Losses that judge each response by itself against the reference, with d_w
// and d_l for log π/π_ref of chosen and rejected. A pair's loss is the sum of
// its two sides.

// nca is L(βd_w) + ½L(−βd_w) + ½L(−βd_l), L = −log σ (arXiv:2402.05369).
func nca(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	good, bad := s.Scale(chosen, c.Beta), s.Scale(rejected, c.Beta)
	down := s.Add(s.LogSigmoid(s.Neg(good)), s.LogSigmoid(s.Neg(bad)))
	return s.Neg(s.Add(s.LogSigmoid(good), s.Scale(down, 0.5)))
}

// bcoPair is L(βd_w) + L(−βd_l), which is BCO (arXiv:2404.04656) without its
// shift, as TRL has it.
func bcoPair(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	b.Shift = 0
	return bco(s, b, c)
}

// bco is L(βd_w − δ) + L(δ − βd_l), δ the mean of all rewards βd of the steps
// before (arXiv:2404.04656).
func bco(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	good, bad := s.Shift(s.Scale(chosen, c.Beta), -b.Shift), s.Shift(s.Scale(rejected, -c.Beta), b.Shift)
	return s.Neg(s.Add(s.LogSigmoid(good), s.LogSigmoid(bad)))
}

// kto is λ_w(1 − σ(β(d_w − z))) + λ_l(1 − σ(β(z − d_l))) (arXiv:2402.01306, eq.
// 7), z the policy's KL from the reference as unrelated responses show it.
func kto(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	good := s.Sigmoid(s.Scale(s.Shift(chosen, -b.KL), -c.Beta)) // 1 − σ(x) = σ(−x)
	bad := s.Sigmoid(s.Scale(s.Shift(rejected, -b.KL), c.Beta))
	return s.Add(s.Scale(good, c.DesirableWeight), s.Scale(bad, c.UndesirableWeight))
}

// sppo is ½(d_w − (P_w − ½)/β)² + ½(d_l − (P_l − ½)/β)², P the probability of
// being preferred (arXiv:2405.00675, eq. 4.7).
func sppo(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	side := func(d, p torch.Tensor) torch.Tensor {
		return s.Square(s.Sub(d, s.Scale(s.Shift(p, -0.5), 1/c.Beta)))
	}
	return s.Scale(s.Add(side(chosen, b.WinChosen), side(rejected, b.WinRejected)), 0.5)
}

// sppoHard is (d_w − ½/β)² + (d_l + ½/β)²: sppo with P 1 and 0, twice, as TRL
// has it.
func sppoHard(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	return s.Add(s.Square(s.Shift(chosen, -0.5/c.Beta)), s.Square(s.Shift(rejected, 0.5/c.Beta)))
}

// apoZero is 1 − σ(βd_w) + σ(βd_l): chosen is better than what the model says
// (arXiv:2408.06266, eq. 7).
func apoZero(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	return s.Add(s.Sigmoid(s.Scale(chosen, -c.Beta)), s.Sigmoid(s.Scale(rejected, c.Beta)))
}

// apoDown is σ(βd_w) + 1 − σ(β(d_w − d_l)): chosen too is worse than what the
// model says (arXiv:2408.06266, eq. 8).
func apoDown(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	return s.Add(s.Sigmoid(s.Scale(chosen, c.Beta)), s.Sigmoid(s.Scale(s.Sub(chosen, rejected), -c.Beta)))
}
