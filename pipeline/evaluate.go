package pipeline

import (
	"cmp"
	"slices"

	"radpo/configs"
	"radpo/dpo"
	"radpo/ranker"
	"radpo/sampler"
)

// exhibits is what the report shows, by the names of artifacts.
type exhibits struct {
	prompts    string
	policies   []trial
	unlearning []exhibit // base first
	rejected   []exhibit // pairs and log-probabilities for the unlearning page
	curves     []exhibit // what was trained
	samples    []exhibit // one an iteration: what is trained on
	scales     []exhibit // one an iteration: its scores and pairs
	drawn      []exhibit // likewise: its samples
}

// A trial is a policy's answers to the held-out prompts, with their scores.
type trial struct {
	policy                string // base, plain-1, iter-1, …
	goal                  []float64
	samples, scores, rule string
}

// An exhibit is a name and the artifacts behind it.
type exhibit struct{ name, first, second string }

// baselines puts the base policy, and plain DPO on the same samples where it
// is wanted, beside the loop. It returns the scores whose maps are everybody's:
// the first iteration's or, where these were given, those of the base policy's
// answers, as the ranker's own scale is another.
func (l *loop) baselines(prompts, samples, scores, base, reward, pairs string) (first string) {
	l.show.prompts = prompts
	if first = scores; l.Prompts.Given() {
		first = ""
	}
	marks := l.evaluate("base", prompts, base, reward, first)
	first = cmp.Or(first, marks)
	if !l.Eval.Baseline {
		l.unlearning("base", base, pairs)
		return first
	}
	plain := l.augment("pairs-plain", 1, "none", prompts, samples, scores, base)
	policy := l.train("plain-1", base, base, plain)
	l.evaluate("plain-1", prompts, policy, reward, first)
	l.unlearning("base", base, plain)
	l.unlearning("plain", policy, plain)
	return first
}

// evaluate answers the held-out prompts at every goal and scores the answers
// by the maps of the table first, or their own. All policies draw alike, so that
// they differ by what they learnt. It returns the scores.
func (l *loop) evaluate(name, prompts, policy, reward, first string) (scores string) {
	c := sampler.Config{Sampler: l.Sampler, Split: heldOut, Goals: l.goals(), Seed: l.Seed}
	c.N, c.Temperature, c.TopP, c.TopK = l.Eval.N, l.Eval.Temperature, 1, 0
	t := trial{policy: name, samples: l.add(sampler.Stage.With(l.sampling(c), "trial-"+name, prompts, policy, l.naming(first)))}
	t.scores = l.scale("marks-"+name, l.rank("trial-raw-"+name, prompts, t.samples, reward), first)
	if l.Eval.Rule {
		t.rule = l.add(ranker.Stage.With(ranker.Config{Ranker: configs.Ranker{Kind: "rule"}, DType: l.DType, Device: l.Device}, "rule-"+name, prompts, t.samples))
	}
	if l.conditioned(name) {
		t.goal = l.goal(l.Scale.High)
	}
	l.show.policies = append(l.show.policies, t)
	return t.scores
}

// conditioned says whether a policy is asked for a goal in use.
func (l *loop) conditioned(policy string) bool {
	return l.Augment.Method != "none" && policy != "base" && policy != "plain-1"
}

// goals is none, then every goal of the configuration, and with several
// attributes each one low and high while the others stay in the middle.
func (l *loop) goals() [][]float64 {
	out := [][]float64{nil}
	for _, v := range l.Eval.Goals {
		out = append(out, l.goal(v))
	}
	sorted := slices.Sorted(slices.Values(l.Eval.Goals))
	if l.Augment.Numbers() < 2 || len(sorted) == 0 {
		return out
	}
	for a := range l.Augment.Numbers() {
		for _, v := range []float64{sorted[0], sorted[len(sorted)-1]} {
			goal := l.goal(sorted[len(sorted)/2])
			goal[a] = v
			out = append(out, goal)
		}
	}
	return out
}

// unlearning takes a policy's log-probabilities of a pairs table's responses.
func (l *loop) unlearning(name, policy, pairs string) {
	refs := l.add(dpo.Refs.With(l.logps(), "logps-"+name, policy, pairs))
	l.show.unlearning = append(l.show.unlearning, exhibit{name, pairs, refs})
}
