package pipeline

import (
	"context"
	"fmt"
	"io"
	"slices"

	"radpo/eval"
	"radpo/internal/flow"
)

// Control shows, on the built-in task, what policies reach at the goals that
// they are asked for.
func (st Study) Control(ctx context.Context) (Finding, error) {
	arms := []arm{{name: "ra"}}
	at := func(label, policy string, goal bool) eval.Subject {
		return eval.Subject{Label: label, Arm: "ra", Policy: policy, Goal: goal}
	}
	plain := at("plain DPO", "plain-1", false)
	subjects := []eval.Subject{at("base", "base", false), plain, at("RA, iteration 1", "iter-1", true), at("RA, iteration 2", "iter-2", true)}
	return st.find(ctx, arms, func(o eval.Outcomes) (eval.Page, eval.Result, []eval.Item) {
		return eval.ControlPage(o, []float64{2, 4, 6, 8, 10}, subjects, plain, builtInTask, st.settings(arms))
	})
}

// Control shows the same of a finished run's policies, over its held-out prompts.
func (r Run) Control() (f Finding, err error) {
	err = r.with(func(store *flow.Store, l *loop) error {
		if err := l.oneGoal(); err != nil {
			return err
		}
		g, err := newGallery(store, l)
		if err != nil {
			return err
		}
		in, err := g.input()
		if err != nil {
			return err
		}
		f, err = controlOf(l, in, fmt.Sprintf("Of the run %s, over its %d held-out prompts.", in.Title, len(in.Prompts)))
		return err
	})
	return f, err
}

// Control answers prompts at no goal and at every goal of the configuration,
// scores the answers and shows what is reached. Its folder is as Eval's.
func (a Alone) Control(ctx context.Context, reward, fitted string) (f Finding, err error) {
	err = a.run(ctx, func(l *loop) (string, error) {
		if err := l.oneGoal(); err != nil {
			return "", err
		}
		return a.answering(reward, fitted)(l)
	}, func(g *gallery) (string, error) {
		in, err := g.answers()
		if err != nil {
			return "", err
		}
		in.Policies[0].Goal = g.goal(slices.Max(g.Eval.Goals))
		if f, err = controlOf(g.loop, in, fmt.Sprintf("Of the model %s, over %d prompts; answers scored by %s.", a.Model, len(in.Prompts), g.Ranker.Kind)); err != nil {
			return "", err
		}
		f.Result.Model = a.Model
		return g.judge(a.Model, io.Discard)
	})
	return f, err
}

// oneGoal refuses goals that are no single dial.
func (l *loop) oneGoal() error {
	if l.Augment.Numbers() > 1 {
		return inputError("the goals are of %d attributes: each has a dial of its own, which report.html shows and radpo eval attributes tries", l.Augment.Numbers())
	}
	if len(l.Eval.Goals) < 2 {
		return inputError("eval.goals: want two goals at least, to turn from one to the other")
	}
	return nil
}

// controlOf is the page of one run's policies.
func controlOf(l *loop, in eval.Input, source string) (Finding, error) {
	m, err := eval.MetricsOfRun(in)
	if err != nil {
		return Finding{}, err
	}
	o := eval.Outcomes{Seeds: []int64{in.Seed}, Arms: map[string][]map[string]eval.Metric{"run": {m}}}
	var subjects []eval.Subject
	var plain eval.Subject
	for _, p := range in.Policies {
		s := eval.Subject{Label: p.Name, Arm: "run", Policy: p.Name, Goal: len(p.Goal) > 0}
		if subjects = append(subjects, s); p.Name == "plain-1" {
			plain = s
		}
	}
	goals := slices.Sorted(slices.Values(l.Eval.Goals))
	page, result, items := eval.ControlPage(o, goals, subjects, plain, source, map[string]any{"config": in.Config})
	return Finding{page, result, items}, nil
}
