package pipeline

import (
	"fmt"
	"slices"

	"radpo/augment"
	"radpo/configs"
	"radpo/dpo"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/ranker"
	"radpo/sampler"
)

// A loop is a plan under way: each method adds stages and returns the name of
// what they make, which later stages read.
type loop struct {
	configs.Config
	in     inputs
	stages []flow.Stage
	show   exhibits
}

// plan is the paper's loop, one line a stage.
func plan(c configs.Config, in inputs) *loop {
	l := &loop{Config: c, in: in}
	base := l.model("model", place{in.model, in.adapter})
	reward := l.source("reward-model", in.reward)
	prompts := l.add(promptStage.With(promptsOf(c), "prompts", l.source("prompts-file", in.prompts)))

	policy, first := base, ""
	var data []string
	for i := 1; i <= c.Iterations; i++ {
		start, reference := choose(c.DPO.Start, policy, base), choose(c.DPO.Reference, policy, base)
		if i == 1 || c.DPO.Data != "first" {
			samples, scores := l.scored(i, prompts, policy, reward, first)
			pairs, goals := l.pairs(i, prompts, samples, scores, base, start, reference)
			l.show.scales = append(l.show.scales, exhibit{fmt.Sprint("iter-", i), goals, pairs})
			l.show.drawn = append(l.show.drawn, exhibit{name: fmt.Sprint("iter-", i), first: samples})
			if data = append(data, pairs); c.DPO.Data == "newest" {
				data = []string{pairs}
			}
			if i == 1 {
				first = l.baselines(prompts, samples, scores, base, reward, pairs)
			}
		}
		policy = l.train(fmt.Sprint("iter-", i), start, reference, data...)
		l.evaluate(fmt.Sprint("iter-", i), prompts, policy, reward, first)
		if i == 1 {
			l.unlearning("ra", policy, data[0])
		}
	}
	return l
}

func choose(which, previous, base string) string {
	if which == "base" {
		return base
	}
	return previous
}

func (l *loop) add(s flow.Stage) string {
	l.stages = append(l.stages, s)
	return s.Name
}

func (l *loop) source(name, path string) string {
	if path == "" {
		return ""
	}
	return l.add(flow.Source(name, path))
}

// scored are iteration i's responses and their scores: drawn and ranked, or in
// the first one given.
func (l *loop) scored(i int, prompts, policy, reward, first string) (samples, scores string) {
	if i == 1 && l.Prompts.Given() {
		return l.given(prompts, policy)
	}
	samples = l.sample(i, prompts, policy, first)
	l.show.samples = append(l.show.samples, exhibit{name: fmt.Sprint("iter-", i), first: samples})
	raw := l.rank(fmt.Sprint("raw-", i), prompts, samples, reward)
	return samples, l.scale(fmt.Sprint("scores-", i), raw, first)
}

// sample answers iteration i's prompts: from the second on at the goal that
// the policy was trained to reach.
func (l *loop) sample(i int, prompts, policy, first string) string {
	goals := [][]float64{nil}
	if i > 1 && l.Sampler.Goal == "max" && l.Augment.Method != "none" {
		goals = [][]float64{l.goal(l.Scale.High)}
	}
	c := sampler.Config{Sampler: l.Sampler, Split: split(l.Prompts, i), Goals: goals, Seed: l.Seed + int64(i)<<32}
	return l.add(sampler.Stage.With(l.sampling(c), fmt.Sprint("samples-", i), prompts, policy, l.naming(first)))
}

// naming is the scores that know the attributes of goals, where they are not
// known from the start.
func (l *loop) naming(scores string) string {
	if l.Augment.AutoAttributes == 0 {
		return ""
	}
	return scores
}

func (l *loop) sampling(c sampler.Config) sampler.Config {
	c.Wording, c.MaxPrompt, c.DType, c.Device = l.wording(), l.Prompts.MaxTokens, l.DType, l.Device
	if c.Backend == "openai" {
		c.Batch, c.Answers = 0, l.in.fleet // servers have their own
	} else {
		c.Remote = configs.Fleet{}
	}
	return c
}

// goal is one score, or the same for every attribute.
func (l *loop) goal(v float64) []float64 {
	goal := []float64{v}
	for len(goal) < l.Augment.Numbers() {
		goal = append(goal, v)
	}
	return goal
}

func (l *loop) wording() chat.Goal {
	return chat.Goal{Wording: l.Augment.Prompt, Decimals: l.Augment.Decimals, Names: configs.Labels(l.Augment.Attributes)}
}

func (l *loop) rank(name, prompts, samples, reward string) string {
	reads := []string{prompts, samples, reward}
	if l.readsTemplate() {
		reads = append(reads, "model")
	}
	return l.add(ranker.Stage.With(l.relevant(), name, reads...))
}

// readsTemplate says whether the ranker sees prompts in the policy's template.
func (l *loop) readsTemplate() bool {
	return l.Ranker.Kind == "pairrm" && l.Ranker.PairRM.PromptForm == "chat"
}

// scale maps raw scores by the maps fitted to the first iteration's, unless
// the configuration wants them fitted anew.
func (l *loop) scale(name, raw, first string) string {
	if l.Scale.Scope != "first-iteration" {
		first = l.naming(first)
	}
	c := ranker.ScaleConfig{
		Scale: l.Scale, Ranker: l.Ranker.Kind, NonFinite: l.Ranker.NonFinite,
		Attributes: l.Augment.Attributes, Auto: l.Augment.AutoAttributes,
	}
	return l.add(ranker.Scale.With(c, name, raw, first))
}

func (l *loop) augment(name string, i int, method, prompts, samples, scores, base string) string {
	c := l.pairing(i)
	c.Method = method
	return l.add(augment.Stage.With(c, name, prompts, samples, scores, base))
}

func (l *loop) pairing(i int) augment.Config {
	return augment.Config{Augment: l.Augment, Wording: l.wording(), MaxPrompt: l.Prompts.MaxTokens, Seed: l.Seed, Iteration: i}
}

// train adds the training on pairs, and before it the reference's
// log-probabilities where the loss looks at them.
func (l *loop) train(name, start, reference string, pairs ...string) string {
	refs := l.refs("refs-"+name, reference, pairs...)
	policy := l.add(dpo.Train.With(l.training(), "policy-"+name, append([]string{start, refs}, pairs...)...))
	l.show.curves = append(l.show.curves, exhibit{name: name, first: policy})
	return policy
}

func (l *loop) training() dpo.TrainConfig {
	return dpo.TrainConfig{DPO: l.DPO, Seed: l.Seed, DType: l.DType, Device: l.Device}
}

// refs adds the log-probabilities that training wants of its reference, or
// nothing. Where that is an average, a policy that was not trained here is its
// own.
func (l *loop) refs(name, reference string, pairs ...string) string {
	if !dpo.NeedsReference(l.DPO) {
		return ""
	}
	c := l.logps().ForTraining(l.DPO)
	c.EMA = l.averaged(reference)
	return l.add(dpo.Refs.With(c, name, append([]string{reference}, pairs...)...))
}

// averaged says whether a reference is the average of the policy's weights.
func (l *loop) averaged(reference string) bool {
	return l.DPO.Reference == "ema" && slices.ContainsFunc(l.stages, func(s flow.Stage) bool { return s.Name == reference && s.Kind == dpo.Train.Name })
}

// logps is how log-probabilities of pairs are taken.
func (l *loop) logps() dpo.RefsConfig {
	return dpo.RefsConfig{MaxLength: l.DPO.MaxLength, MicroTokens: l.DPO.MicroTokens, DType: l.DType, Device: l.Device, Tail: 1}
}
