package pipeline

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/goccy/go-yaml"

	"radpo/eval"
	"radpo/internal/table"
	"radpo/sampler"
)

// Eval answers prompts at no goal and at every goal of the configuration,
// scores the answers, and writes a folder of samples, scores, report.json,
// report.html and report.md; the measures go to w too. Scores map to 1–10 by their own
// range, or by the maps of the scores table at fitted.
func (a Alone) Eval(ctx context.Context, reward, fitted string, w io.Writer) error {
	return a.run(ctx, a.answering(reward, fitted), func(g *gallery) (string, error) { return g.judge(a.Model, w) })
}

// answering plans answers to the prompts at all goals, with their scores.
func (a Alone) answering(reward, fitted string) plot {
	return func(l *loop) (string, error) {
		policy, err := a.policy(l, checkPolicy)
		if err != nil {
			return "", err
		}
		ranker := a
		ranker.Model = reward
		by, err := ranker.reward(l)
		if err != nil {
			return "", err
		}
		prompts, err := a.prompts(l)
		if err != nil {
			return "", err
		}
		first := ""
		if fitted != "" {
			if first, err = tableSource[table.Score](l, "fitted", fitted); err != nil {
				return "", err
			}
		}
		if l.naming("scores") != "" && first == "" {
			return "", errNameless
		}
		c := sampler.Config{Sampler: l.Sampler, Split: everyPrompt, Goals: l.goals(), Seed: l.Seed}
		c.N, c.Temperature, c.TopP, c.TopK = l.Eval.N, l.Eval.Temperature, 1, 0
		samples := l.add(sampler.Stage.With(l.sampling(c), "samples", prompts, policy, l.naming(first)))
		return l.scale("scores", l.rank("raw", prompts, samples, by), first), nil
	}
}

// judge measures the answers of a stage alone and gathers all in a new folder.
func (g *gallery) judge(model string, w io.Writer) (string, error) {
	in, err := g.answers()
	if err != nil {
		return "", err
	}
	measures, err := eval.Measures(in)
	if err != nil {
		return "", err
	}
	result, items, err := eval.ResultOf(in, "reward", g.Ranker.Kind)
	if err != nil {
		return "", err
	}
	result.Model = model
	dir := filepath.Join(g.store.Dir(), "result")
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o777)); err != nil {
		return "", err
	}
	return dir, errors.Join(
		replace(filepath.Join(dir, "report.json"), func(w io.Writer) error { return eval.WriteJSON(w, measures) }),
		replace(filepath.Join(dir, "report.html"), func(w io.Writer) error { return eval.WriteHTML(w, in, measures) }),
		replace(filepath.Join(dir, "report.md"), func(w io.Writer) error { return eval.WriteMarkdown(w, in, measures) }),
		result.Write(filepath.Join(dir, "result.json"), items),
		os.Rename(g.path("samples"), filepath.Join(dir, "samples")),
		os.Rename(g.path("scores"), filepath.Join(dir, "scores")),
		eval.WriteJSON(w, measures))
}

// answers are those of the one policy of a stage alone.
func (g *gallery) answers() (eval.Input, error) {
	text, err := yaml.Marshal(g.Config)
	if err != nil {
		return eval.Input{}, err
	}
	p := eval.Policy{Name: "policy"}
	if g.Sampler.Goal == "max" {
		p.Goal = g.goal(g.Scale.High)
	}
	in := eval.Input{Title: "policy", Config: string(text), Seed: g.Seed}
	var errs [4]error
	in.Attributes, errs[3] = g.attributes("scores")
	in.Prompts, errs[0] = table.ReadAll[table.Prompt](g.path("prompts"))
	p.Samples, errs[1] = table.ReadAll[table.Sample](g.path("samples"))
	p.Scores, errs[2] = table.ReadAll[table.Score](g.path("scores"))
	in.Policies = []eval.Policy{p}
	return in, errors.Join(errs[:]...)
}
