package pipeline

import (
	"fmt"

	"radpo/augment"
	"radpo/dpo"
	"radpo/ranker"
)

// pairs adds iteration i's training rows and returns them, with the scores
// that their goals are.
func (l *loop) pairs(i int, prompts, samples, scores, base, start, reference string) (pairs, goals string) {
	name := fmt.Sprint("pairs-", i)
	if l.Augment.Method == "ira" {
		return l.implicit(i, name, prompts, samples, scores, base, start, reference)
	}
	return l.augment(name, i, l.Augment.Method, prompts, samples, scores, base), scores
}

// implicit relabels plain pairs by the reward that a first run of DPO on them
// implies (the paper's IRA). The iteration's own training then starts where
// that run did. Each iteration's reward is of a policy and a reference of its
// own, so its map to 1–10 is too.
func (l *loop) implicit(i int, name, prompts, samples, scores, base, start, reference string) (pairs, goals string) {
	at := func(name string) string { return fmt.Sprintf("%s-%d", name, i) }
	plain := l.augment(at("pairs-first"), i, "none", prompts, samples, scores, base)
	first := l.train(at("first"), start, reference, plain)

	c := l.logps()
	after := l.add(dpo.Refs.With(c, at("logps-first"), first, plain))
	c.EMA = l.averaged(reference)
	before := l.add(dpo.Refs.With(c, at("logps-reference"), reference, plain))
	raw := l.add(ranker.Implied.With(ranker.ImpliedConfig{Beta: l.DPO.Beta}, at("implied"), plain, after, before))

	goals = l.scale(at("implied-scores"), raw, "")
	return l.add(augment.Relabel.With(l.pairing(i), name, prompts, plain, goals, base)), goals
}
