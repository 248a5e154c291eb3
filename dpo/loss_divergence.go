package dpo

import (
	"math"

	"radpo/configs"
	"radpo/internal/torch"
)

// maxExponent keeps exp finite in fp32.
const maxExponent = 80

// scores are what f-DPO (arXiv:2309.16240) puts in place of log-ratios:
// f′(π/π_ref), which is the log-ratio itself for the reverse KL of DPO.
func (b Batch) scores(s *torch.Scope, c configs.DPO) (chosen, rejected torch.Tensor) {
	chosen, rejected = b.ratios(s)
	return slope(s, chosen, c), slope(s, rejected, c)
}

// slope is f′(u) of the divergence's f, from x = log u.
//
//	forward KL   1 − 1/u
//	JS           log 2u/(1+u)
//	α            (u^(α−1) − 1)/(α−1), which tends to log u as α goes to 1
func slope(s *torch.Scope, x torch.Tensor, c configs.DPO) torch.Tensor {
	switch c.FDivergence {
	case "forward_kl":
		return s.Neg(s.Expm1(s.AtMost(s.Neg(x), maxExponent)))
	case "js_divergence":
		return s.Shift(s.LogSigmoid(x), math.Ln2)
	case "alpha_divergence":
		if k := c.FAlpha - 1; math.Abs(k) >= 1e-6 {
			return s.Scale(s.Expm1(s.AtMost(s.Scale(x, k), maxExponent)), 1/k)
		}
	}
	return x
}

// contrast is the difference of scores.
func (b Batch) contrast(s *torch.Scope, c configs.DPO) torch.Tensor {
	return s.Sub(b.scores(s, c))
}
