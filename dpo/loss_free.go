package dpo

import (
	"radpo/configs"
	"radpo/internal/torch"
)

// Losses without a reference. A bar is a mean over a response's tokens; NLL is
// the mean over the tokens of all the step's chosen responses.

// simpo is −log σ(β(l̄_w − l̄_l) − γ) (arXiv:2405.14734).
func simpo(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return smooth(s, s.Shift(s.Scale(s.Sub(b.means(s)), c.Beta), -c.Gamma), c.LabelSmoothing)
}

// cpo is −log σ(β(l_w − l_l)) + α·NLL (arXiv:2401.08417).
func cpo(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	preference := smooth(s, s.Scale(s.Sub(b.Chosen, b.Rejected), c.Beta), c.LabelSmoothing)
	return s.Add(preference, s.Scale(nll(s, b, c), c.Alpha))
}

// orpo is NLL + β·(−log σ(log odds_w − log odds_l)), odds of exp of the mean
// log-probability (arXiv:2403.07691; β is its λ).
func orpo(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.means(s)
	z := s.Sub(logOdds(s, chosen), logOdds(s, rejected))
	return s.Add(nll(s, b, c), s.Scale(smooth(s, z, 0), c.Beta))
}

// logOdds is log p/(1−p) from x = log p, bounded where p rounds to 1.
func logOdds(s *torch.Scope, x torch.Tensor) torch.Tensor {
	x = s.AtMost(x, -1e-6)
	return s.Sub(x, s.Log(s.Neg(s.Expm1(x))))
}

// slic is max(0, δ − l_w + l_l) + λ·(−l_w) (SLiC-HF, arXiv:2305.10425,
// with HALOs' sum over tokens).
func slic(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	rank := s.ReLU(s.Shift(s.Sub(b.Rejected, b.Chosen), c.Delta))
	return s.Sub(rank, s.Scale(b.Chosen, c.Lambda))
}

// rrhf is max(0, l̄_l − l̄_w) + λ·(−l̄_w) (arXiv:2304.05302, on two
// candidates).
func rrhf(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.means(s)
	return s.Sub(s.ReLU(s.Sub(rejected, chosen)), s.Scale(chosen, c.Lambda))
}
