package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"radpo/augment"
	"radpo/dpo"
	"radpo/eval"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/sampler"
)

// unlearningArm is what the log-probabilities of rejected answers are an arm of.
const unlearningArm = "ra"

// Unlearning takes the log-probabilities of rejected answers to held-out
// prompts, on the built-in task.
func (st Study) Unlearning(ctx context.Context) (Finding, error) {
	arms := []arm{{name: unlearningArm, extra: (*loop).heldOutPairs, read: (*gallery).unlearnedFrom}}
	return st.find(ctx, arms, func(o eval.Outcomes) (eval.Page, eval.Result, []eval.Item) {
		return eval.UnlearningPage(o, unlearningArm, builtInTask+" Answers of the base policy to held-out prompts, paired as for training.", st.settings(arms))
	})
}

// Unlearning does the same with a run's policies: it continues the run by what
// it lacks.
func (r Run) Unlearning(ctx context.Context) (Finding, error) {
	switch c := r.Config; {
	case !c.Eval.Baseline:
		return Finding{}, inputError("eval.baseline is false: without plain DPO beside the first iteration there is nothing to compare with; run with --set eval.baseline=true")
	case c.Augment.Numbers() > 1:
		return Finding{}, inputError("the goals are of %d attributes: an answer's own score is one number", c.Augment.Numbers())
	}
	m, err := r.measure(ctx, arm{extra: (*loop).heldOutPairs, read: (*gallery).unlearnedFrom})
	if err != nil {
		return Finding{}, err
	}
	return unlearningOf(m, r.Config.Seed, fmt.Sprintf("Of the run %s: answers of its base policy to held-out prompts, paired as for training.", filepath.Base(r.Dir)), map[string]any{"run": r.Config})
}

func unlearningOf(m map[string]eval.Metric, seed int64, source string, settings any) (Finding, error) {
	o := eval.Outcomes{Seeds: []int64{seed}, Arms: map[string][]map[string]eval.Metric{unlearningArm: {m}}}
	page, result, items := eval.UnlearningPage(o, unlearningArm, source, settings)
	return Finding{page, result, items}, nil
}

// heldOutPairs adds pairs of the base policy's answers to held-out prompts.
func (l *loop) heldOutPairs() {
	c := sampler.Config{Sampler: l.Sampler, Split: heldOut, Goals: [][]float64{nil}, Seed: l.Seed}
	samples := l.add(sampler.Stage.With(l.sampling(c), "samples-held-out", "prompts", "model"))
	reward := ""
	if l.in.reward != "" {
		reward = "reward-model"
	}
	scores := l.scale("scores-held-out", l.rank("raw-held-out", "prompts", samples, reward), "scores-1")
	pairs := l.augment("pairs-held-out", 1, "none", "prompts", samples, scores, "model")
	l.rejectedLogps(pairs, "model", "policy-plain-1", "policy-iter-1")
}

// rejectedLogps adds the log-probabilities of plain pairs' answers under three
// policies, of which the last is asked for a goal.
func (l *loop) rejectedLogps(pairs, reference, plain, ra string) {
	at := func(name string, goal []float64) string {
		return l.add(augment.At.With(augment.AtConfig{Wording: l.wording(), MaxPrompt: l.Prompts.MaxTokens, Goal: goal}, "pairs-"+name, pairs, reference))
	}
	for _, e := range []exhibit{
		{eval.UnlearnReference, reference, pairs}, {eval.UnlearnPlain, plain, pairs},
		{eval.UnlearnTen, ra, at(eval.UnlearnTen, []float64{l.Scale.High})}, {eval.UnlearnOwn, ra, at(eval.UnlearnOwn, nil)},
	} {
		refs := l.add(dpo.Refs.With(l.logps(), "rejected-"+e.name, e.first, e.second))
		l.show.rejected = append(l.show.rejected, exhibit{e.name, e.second, refs})
	}
}

// unlearnedFrom are the means from every threshold on.
func (g *gallery) unlearnedFrom() (map[string]eval.Metric, error) {
	var entries []eval.Unlearning
	for _, e := range g.show.rejected {
		pairs, err := table.ReadAll[table.Pair](g.path(e.first))
		if err != nil {
			return nil, err
		}
		refs, err := table.ReadAll[table.Ref](g.path(e.second))
		if err != nil {
			return nil, err
		}
		entries = append(entries, eval.Unlearning{Name: e.name, Pairs: kept(pairs, refs), Refs: refs})
	}
	return eval.ThresholdMetrics(entries, g.Seed)
}

// Unlearning takes the log-probabilities under given policies: Model is the
// reference, plain was trained on plain pairs and ra on RA pairs; pairs is a
// table or file of plain pairs with their scores. Out is a new folder.
func (a Alone) Unlearning(ctx context.Context, plain, ra, pairs string) (f Finding, err error) {
	err = a.run(ctx, func(l *loop) (string, error) {
		reference, err := a.policy(l, checkText)
		if err != nil {
			return "", err
		}
		trained := map[string]string{}
		for name, dir := range map[string]string{"plain": plain, "ra": ra} {
			if trained[name], err = resolveModel(dir, filepath.Join(workOf(a.Out), "builtin", "policy"), model.CheckPolicy); err != nil {
				return "", err
			}
		}
		if err := errors.Join(checkPairs(pairs, a.SkipBad), checkScored(pairs)); err != nil {
			return "", err
		}
		rows := l.add(pairsStage.With(pairsConfig{l.DPO.MaxPromptLength, a.SkipBad}, "pairs", l.source("pairs-file", pairs), reference))
		l.rejectedLogps(rows, reference, l.source("plain", trained["plain"]), l.source("ra", trained["ra"]))
		return "pairs", nil
	}, func(g *gallery) (string, error) {
		m, err := g.unlearnedFrom()
		if err != nil {
			return "", err
		}
		source := fmt.Sprintf("Of %s beside %s and the reference %s, on the pairs of %s.", ra, plain, a.Model, pairs)
		if f, err = unlearningOf(m, g.Seed, source, map[string]any{"reference": a.Model, "plain": plain, "ra": ra, "pairs": pairs}); err != nil {
			return "", err
		}
		dir := filepath.Join(g.store.Dir(), "result")
		return dir, os.MkdirAll(dir, 0o777)
	})
	return f, err
}

// checkScored refuses pairs that are not plain or whose answers have no score
// or no prompt's text.
func checkScored(path string) error {
	for p, err := range sound(table.ReadPairs(path), nil) {
		switch {
		case err != nil:
			return err
		case p.Kind != table.KindPlain:
			return fmt.Errorf("%s: pair %s is conditioned on a goal: give plain pairs, as radpo augment --set augment.method=none makes them", path, p.ID)
		case p.RewardRejected != p.RewardRejected || p.RewardChosen != p.RewardChosen:
			return fmt.Errorf("%s: pair %s has no score_chosen and score_rejected, by which answers are told apart", path, p.ID)
		case len(p.Messages) == 0:
			return fmt.Errorf("%s: pair %s has ids but no prompt's text, which a goal is put into", path, p.ID)
		}
	}
	return nil
}
