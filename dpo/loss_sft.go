package dpo

import (
	"radpo/configs"
	"radpo/internal/torch"
)

// Losses of the chosen response alone, conditioned on what its prompt asks for.
// A response is good when its reward is at least its rival's.

// nll is the NLL of chosen: plain SFT, and SteerLM (arXiv:2310.05344) where the
// prompt has a goal. Its mean over the step's pairs is one over tokens.
func nll(s *torch.Scope, b Batch, _ configs.DPO) torch.Tensor {
	return s.Scale(b.Chosen, -b.PerToken)
}

// classNLL is C-RLFT (OpenChat, arXiv:2309.11235): the NLL weighed by
// the response's class, good or not.
func classNLL(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	weight := s.Shift(s.Scale(b.Good, c.DesirableWeight-c.UndesirableWeight), c.UndesirableWeight)
	return s.Mul(nll(s, b, c), weight)
}

// bestNLL is DPA's fine-tuning on the best response under the prompt's
// preference (arXiv:2402.18571): other rows count nothing.
func bestNLL(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return s.Mul(nll(s, b, c), b.Good)
}
