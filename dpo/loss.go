package dpo

import "radpo/internal/torch"

// A Loss maps a batch of pairs to one loss a pair, [B]. Losses are pure: no
// reduction, no metrics, no state. A new one is one row here and one golden.
type Loss func(s *torch.Scope, p Logps, h Hyper) torch.Tensor

// Losses names every objective a config may choose.
var Losses = map[string]Loss{
	"sigmoid": Sigmoid, // DPO, arXiv:2305.18290 eq. 7; with smoothing cDPO
}

// Hyper is what losses are tuned by.
type Hyper struct {
	Beta      float64
	Smoothing float64 // share of labels taken as flipped
}

// Logps holds summed response log-probabilities, each [B] fp32, in nats.
type Logps struct{ Chosen, Rejected, RefChosen, RefRejected torch.Tensor }

// Margin is how much more the policy prefers chosen than its reference does.
func (p Logps) Margin(s *torch.Scope) torch.Tensor {
	return s.Sub(s.Sub(p.Chosen, p.RefChosen), s.Sub(p.Rejected, p.RefRejected))
}

// Sigmoid is −log σ(β·margin). With smoothing ε it is cDPO (Mitchell 2023):
// (1−ε)·(−log σ(β·margin)) + ε·(−log σ(−β·margin)), at least H(ε).
func Sigmoid(s *torch.Scope, p Logps, h Hyper) torch.Tensor {
	z := s.Scale(p.Margin(s), h.Beta)
	keep, flip := s.LogSigmoid(z), s.LogSigmoid(s.Neg(z))
	return s.Neg(s.Add(s.Scale(keep, 1-h.Smoothing), s.Scale(flip, h.Smoothing)))
}
