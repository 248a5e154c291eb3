package dpo

import (
	"fmt"
	"slices"

	"radpo/configs"
	"radpo/internal/torch"
)

// A Loss is one row of the table: what to minimise, and what a batch must have
// for it beside the policy's log-probabilities of the chosen responses.
type Loss struct {
	// Each is one loss a pair, [B]; a step's loss is their mean over its pairs.
	// It is pure: no reduction, no metrics, no state.
	Each  func(s *torch.Scope, b Batch, c configs.DPO) torch.Tensor
	Needs Need
}

// A Need is something that a loss looks at. What no loss of a configuration
// needs is not computed.
type Need uint

// What losses look at.
const (
	Rejected  Need = 1 << iota // the policy's log-probabilities of the rejected responses
	Reference                  // the reference's log-probabilities
	Rewards                    // reward_chosen and reward_rejected of the rows
	Unrelated                  // Batch.KL, from responses to other prompts
	Whole                      // all pairs of the step at once: terms couple them
	Tail                       // tokens behind the shorter response's length count dpo.alpha
	Mean                       // no sums over tokens: metrics then show means too
)

const paired = Rejected | Reference

// Losses is the table of docs/losses.md: every objective that a configuration
// may name, with what it looks at.
var Losses = map[string]Loss{
	"sigmoid":      {sigmoid, paired},
	"sigmoid_norm": {sigmoidNorm, paired},
	"robust":       {robust, paired},
	"hinge":        {hinge, paired},
	"ipo":          {ipo, paired},
	"ipo_sum":      {ipoSum, paired},
	"exo_pair":     {exo, paired},
	"discopop":     {discopop, paired},
	"r_dpo":        {rDPO, paired},
	"ld_dpo":       {ldDPO, paired | Tail},
	"dpop":         {dpop, paired},
	"dpo_sft":      {dpoSFT, paired},
	"aot":          {aot, paired | Whole},
	"aot_unpaired": {aotUnpaired, paired | Whole},

	"nca_pair":  {nca, paired},
	"bco_pair":  {bcoPair, paired},
	"bco":       {bco, paired},
	"kto":       {kto, paired | Unrelated},
	"sppo":      {sppo, paired | Rewards},
	"sppo_hard": {sppoHard, paired},
	"apo_zero":  {apoZero, paired},
	"apo_down":  {apoDown, paired},

	"rpo_bwd_kl": {rpoBackward, paired | Rewards},
	"rpo_fwd_kl": {rpoForward, paired | Rewards},
	"rpo_sq":     {rpoSquare, paired | Rewards},

	"simpo": {simpo, Rejected | Mean},
	"cpo":   {cpo, Rejected},
	"orpo":  {orpo, Rejected | Mean},
	"slic":  {slic, Rejected},
	"rrhf":  {rrhf, Rejected | Mean},

	"sft":    {nll, 0},
	"csft":   {nll, 0},
	"c_rlft": {classNLL, Rewards},
	"dpa":    {bestNLL, Rewards},
}

// A Batch is what a loss may look at: B pairs, all of a step's or some. Tensors
// are [B] fp32; one that no loss needs is absent.
type Batch struct {
	Chosen, Rejected             torch.Tensor // log π, summed over response tokens, in nats
	RefChosen, RefRejected       torch.Tensor // log π_ref, likewise
	ChosenTokens, RejectedTokens torch.Tensor // response lengths
	Gap                          torch.Tensor // reward of chosen minus that of rejected, under the row's goal
	Good                         torch.Tensor // 1 where chosen has at least rejected's reward, whatever the goal; else 0
	WinChosen, WinRejected       torch.Tensor // probability of being preferred, under the row's goal
	Weight                       torch.Tensor // of each pair's loss; absent: 1

	PerToken float64 // the step's pairs by its chosen tokens: turns a mean over pairs into one over tokens
	KL       float64 // KTO's z: mean log π/π_ref of unrelated responses, at least 0
	Shift    float64 // BCO's δ: mean reward of the steps before
}

// An objective is the sum of losses that a configuration names.
type objective struct {
	config configs.DPO
	terms  []configs.Term
	needs  Need
}

func newObjective(c configs.DPO) (objective, error) {
	o := objective{config: c, terms: c.Terms()}
	for _, t := range o.terms {
		loss, ok := Losses[t.Loss]
		if !ok {
			return o, fmt.Errorf("dpo.loss %s: there is no loss %q", c.Loss, t.Loss)
		}
		o.needs |= loss.Needs
	}
	return o, nil
}

// mean reports whether all losses look at means over tokens.
func (o objective) mean() bool {
	return !slices.ContainsFunc(o.terms, func(t configs.Term) bool { return Losses[t.Loss].Needs&Mean == 0 })
}

// NeedsReference reports whether the losses of c look at the reference's
// log-probabilities.
func NeedsReference(c configs.DPO) bool {
	o, err := newObjective(c)
	return err == nil && o.needs&Reference != 0
}

// each is the weighted sum of the losses of each pair, [B].
func (o objective) each(s *torch.Scope, b Batch) torch.Tensor {
	var sum torch.Tensor
	for _, t := range o.terms {
		loss := Losses[t.Loss].Each(s, b, o.config)
		if t.Weight != 1 {
			loss = s.Scale(loss, t.Weight)
		}
		if sum.Defined() {
			loss = s.Add(sum, loss)
		}
		sum = loss
	}
	if b.Weight.Defined() {
		sum = s.Mul(sum, b.Weight)
	}
	return sum
}

// ratios are log π/π_ref of chosen and rejected.
func (b Batch) ratios(s *torch.Scope) (chosen, rejected torch.Tensor) {
	return s.Sub(b.Chosen, b.RefChosen), s.Sub(b.Rejected, b.RefRejected)
}

// margin is how much more the policy prefers chosen than its reference does.
func (b Batch) margin(s *torch.Scope) torch.Tensor {
	return s.Sub(b.ratios(s))
}

// means are the log-probabilities a token.
func (b Batch) means(s *torch.Scope) (chosen, rejected torch.Tensor) {
	return s.Div(b.Chosen, b.ChosenTokens), s.Div(b.Rejected, b.RejectedTokens)
}

// smooth is −log σ(z) with a share ε of labels taken as flipped:
// (1−ε)·(−log σ(z)) + ε·(−log σ(−z)), at least H(ε).
func smooth(s *torch.Scope, z torch.Tensor, epsilon float64) torch.Tensor {
	if epsilon == 0 {
		return s.Neg(s.LogSigmoid(z))
	}
	keep, flip := s.LogSigmoid(z), s.LogSigmoid(s.Neg(z))
	return s.Neg(s.Add(s.Scale(keep, 1-epsilon), s.Scale(flip, epsilon)))
}
