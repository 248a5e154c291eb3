package dpo

import (
	"slices"

	"radpo/configs"
	"radpo/internal/hf"
)

// A Footprint is the bytes that training takes, from sizes alone.
type Footprint struct {
	Weights   int64 // fp32: a bf16 model's are the upper half of them
	Gradients int64 // their sums, fp32
	Moments   int64 // and the average of weights
	Layers    int64 // what a micro-batch keeps of them for the backward pass
	Head      int64 // and of the vocabulary's logits
}

// Total is all of it.
func (f Footprint) Total() int64 { return f.Weights + f.Gradients + f.Moments + f.Layers + f.Head }

// Forecast is the footprint, in each of so many processes, of training a decoder
// of that configuration and number of weights, of which change are trained: all,
// or LoRA's factors.
func Forecast(c configs.DPO, dtype string, m hf.Config, params, change, processes int64) Footprint {
	width := int64(4)
	if dtype == "bfloat16" {
		width = 2
	}
	f := Footprint{Weights: 4 * params, Gradients: 4 * change, Moments: OptimizerWidth(c) * change}
	low := (4 - width) * params
	if change < params {
		f.Weights, low = width*params+4*change, 0 // factors are fp32
	}
	f.part(c.Shard, processes, low)
	tokens, wide, feed := int64(c.MicroTokens), int64(m.HiddenSize), int64(m.IntermediateSize)
	// Kept of a token in a layer: what enters, queries, keys and values, of which a
	// prompt's stand before each response, attention's result twice, the first
	// branch's sum; and two of the feed-forward layer's width. Norms and the gate's
	// product are made again.
	layer := (10*wide + 2*feed) * width
	f.Layers = int64(m.NumHiddenLayers) * layer * tokens
	f.Head = min(256<<20, 4*tokens*int64(m.VocabSize)) * (4 + 2*width) / 4
	if c.GradientCheckpointing { // one layer, and its gradients, once the head's are gone
		f.Layers = int64(m.NumHiddenLayers)*wide*width*tokens + max(0, 2*layer*tokens-f.Head)
	}
	return f
}

// part leaves what a process keeps of the state as dpo.shard parts it, low being
// the bytes of the weights' lower halves.
func (f *Footprint) part(shard string, processes, low int64) {
	stage := slices.Index(shardings, shard)
	if stage >= shareOptimizer {
		f.Weights += low/processes - low
		f.Moments /= processes
	}
	if stage >= shareGradients {
		f.Gradients /= processes
	}
	if stage >= shareParameters {
		f.Weights += (f.Weights - low/processes) * (1 - processes) / processes
	}
}

// OptimizerWidth is the bytes of moments and average that training keeps of a
// weight.
func OptimizerWidth(c configs.DPO) int64 {
	width := map[string]int64{"float32": 4, "bfloat16": 2, "8bit": 1}[c.Moments]
	moments := int64(len(ruleOf(c).squares))
	if c.EMA > 0 {
		return moments*width + 4
	}
	return moments * width
}
