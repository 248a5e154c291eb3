package dpo

import (
	"math"
	"slices"

	"radpo/configs"
	"radpo/internal/torch"
)

// Losses of the difference between chosen and rejected against the reference.
// Here m is the margin log π/π_ref of chosen minus that of rejected, or the
// difference of f′(π/π_ref) where dpo.f_divergence applies, and σ the sigmoid.

// sigmoid is DPO, −log σ(βm) (arXiv:2305.18290, eq. 7), and with smoothing cDPO
// (Mitchell 2023).
func sigmoid(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return smooth(s, s.Scale(b.contrast(s, c), c.Beta), c.LabelSmoothing)
}

// sigmoidNorm is DPO on means over tokens (arXiv:2411.15124).
func sigmoidNorm(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return smooth(s, s.Scale(b.meanContrast(s, c), c.Beta), c.LabelSmoothing)
}

// meanContrast is contrast with each score divided by its response's length.
func (b Batch) meanContrast(s *torch.Scope, c configs.DPO) torch.Tensor {
	chosen, rejected := b.scores(s, c)
	return s.Sub(s.Div(chosen, b.ChosenTokens), s.Div(rejected, b.RejectedTokens))
}

// robust is unbiased under a known share ε of flipped labels
// (arXiv:2403.00409): ((1−ε)L(βm) − εL(−βm)) / (1−2ε), unbounded below.
func robust(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	z := s.Scale(b.contrast(s, c), c.Beta)
	keep, flip := s.Scale(s.LogSigmoid(z), 1-c.LabelSmoothing), s.Scale(s.LogSigmoid(s.Neg(z)), c.LabelSmoothing)
	return s.Scale(s.Sub(flip, keep), 1/(1-2*c.LabelSmoothing))
}

// hinge is max(0, 1 − βm) (RSO, arXiv:2309.06657).
func hinge(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return s.ReLU(s.Shift(s.Scale(b.contrast(s, c), -c.Beta), 1))
}

// ipo is (m − 1/2β)² on means over tokens (arXiv:2310.12036, eq. 17, as its
// authors ran it).
func ipo(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return s.Square(s.Shift(b.meanContrast(s, c), -1/(2*c.Beta)))
}

// ipoSum is ipo on sums, as the paper prints it.
func ipoSum(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return s.Square(s.Shift(b.contrast(s, c), -1/(2*c.Beta)))
}

// exo is the reverse KL between σ(βm) and smoothed labels (arXiv:2402.00856,
// eq. 16): σ(βm)(log σ(βm) − log(1−ε)) + σ(−βm)(log σ(−βm) − log ε).
func exo(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	z := s.Scale(b.contrast(s, c), c.Beta)
	side := func(z torch.Tensor, label float64) torch.Tensor {
		return s.Mul(s.Sigmoid(z), s.Shift(s.LogSigmoid(z), -math.Log(label)))
	}
	return s.Add(side(z, 1-c.LabelSmoothing), side(s.Neg(z), c.LabelSmoothing))
}

// discopop mixes −log σ(βm) and exp(−βm) by σ(βm/τ) (arXiv:2406.08414, eq. 5).
func discopop(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	z := s.Scale(b.contrast(s, c), c.Beta)
	mix := s.Sigmoid(s.Scale(z, 1/c.DiscopopTau))
	logistic, exponential := s.Neg(s.LogSigmoid(z)), s.Exp(s.AtMost(s.Neg(z), maxExponent))
	return s.Add(logistic, s.Mul(mix, s.Sub(exponential, logistic)))
}

// rDPO is −log σ(βm + α(|y_w| − |y_l|)): a token costs α reward
// (arXiv:2403.19159).
func rDPO(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	longer := s.Sub(b.ChosenTokens, b.RejectedTokens)
	return smooth(s, s.Add(s.Scale(b.contrast(s, c), c.Beta), s.Scale(longer, c.Alpha)), 0)
}

// ldDPO is DPO on sums in which tokens behind the shorter response's length
// count α (arXiv:2409.06411), for policy and reference.
func ldDPO(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	return smooth(s, s.Scale(b.margin(s), c.Beta), 0)
}

// dpop is −log σ(β(m − λ·max(0, log π_ref/π of chosen))): chosen must not become
// less likely (Smaug, arXiv:2402.13228).
func dpop(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	lost := s.ReLU(s.Sub(b.RefChosen, b.Chosen))
	return smooth(s, s.Scale(s.Sub(b.margin(s), s.Scale(lost, c.Lambda)), c.Beta), 0)
}

// dpoSFT is DPO with η times the NLL of chosen (RPO of arXiv:2405.16436; iterative RPO, arXiv:2404.19733).
func dpoSFT(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	preference := smooth(s, s.Scale(b.contrast(s, c), c.Beta), 0)
	return s.Add(preference, s.Scale(nll(s, b, c), c.Eta))
}

// aot orders the distribution of preferences in the policy above that in the
// reference (arXiv:2406.05882): DPO on sorted log π(y_w)/π(y_l) minus
// sorted log π_ref(y_w)/π_ref(y_l).
func aot(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	policy, reference := s.Sub(b.Chosen, b.Rejected), s.Sub(b.RefChosen, b.RefRejected)
	return smooth(s, s.Scale(s.Sub(sorted(s, policy), sorted(s, reference)), c.Beta), c.LabelSmoothing)
}

// aotUnpaired is aot on log π/π_ref of chosen against that of rejected.
func aotUnpaired(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor {
	chosen, rejected := b.ratios(s)
	return smooth(s, s.Scale(s.Sub(sorted(s, chosen), sorted(s, rejected)), c.Beta), c.LabelSmoothing)
}

// sorted is x in rising order, with gradient.
func sorted(s *torch.Scope, x torch.Tensor) torch.Tensor {
	values := x.Floats()
	places := make([]int64, len(values))
	for i := range places {
		places[i] = int64(i)
	}
	slices.SortStableFunc(places, func(i, j int64) int {
		switch a, b := values[i], values[j]; {
		case a < b:
			return -1
		case a > b:
			return 1
		}
		return 0
	})
	return s.Index(x, 0, s.Longs(places, int64(len(places))))
}
