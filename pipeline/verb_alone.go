package pipeline

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/rs/zerolog"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/ranker"
	"radpo/sampler"
)

// Settings are the defaults with overrides such as "dpo.beta=0.05" for stages
// run alone. The dtype is that of the model folder unless an override says
// otherwise; model may be empty.
func Settings(model string, sets []string) (configs.Config, error) {
	c := configs.Default()
	c.DType = "float32"
	if model != "" && model != configs.BuiltIn {
		f, err := hf.OpenAdapted(model, "")
		if err != nil {
			return c, &InputError{err}
		}
		defer f.Close()
		if c.DType, err = (Model{}).dtype(f); err != nil {
			return c, &InputError{err}
		}
	}
	return configs.Override(c, sets)
}

// Alone is a stage of the loop that is run by itself. It works in OUT.work,
// continues there after an interruption, and at the end moves what it made to
// Out, which must not exist, and removes OUT.work.
type Alone struct {
	Config  configs.Config
	Out     string
	Model   string // folder, name in the cache, or "builtin"
	Adapter string // folder of an adapter on it; empty: none, unless Model is one
	Prompts string // JSONL, Parquet or Arrow file, or a prompts table
	SkipBad bool   // bad rows of files are left out and kept in OUT.bad.jsonl
}

// workOf is where a stage alone keeps what it has done so far.
func workOf(out string) string { return filepath.Clean(out) + ".work" }

// everyPrompt is the split of all prompts in a stage alone.
const everyPrompt = "train"

// A plot fills a plan and returns the name of the stage whose artifact is
// wanted.
type plot func(l *loop) (string, error)

// run makes the artifact that the plot wants, and puts it at Out. Finish may
// make another folder of it; nil takes it as it is.
func (a Alone) run(ctx context.Context, fill plot, finish func(*gallery) (string, error)) error {
	if _, err := os.Lstat(a.Out); err == nil {
		return inputError("%s exists: choose another --out, or remove it", a.Out)
	}
	c, err := onDevice(a.Config)
	if err != nil {
		return err
	}
	l := &loop{Config: c}
	last, err := fill(l)
	if err != nil {
		return &InputError{err}
	}
	store, err := flow.Open(workOf(a.Out))
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Run(ctx, l.stages); err != nil {
		return err
	}
	g, err := newGallery(store, l)
	if err != nil {
		return err
	}
	for _, s := range l.stages {
		if err := keepBad(ctx, g.path(s.Name), a.Out); err != nil {
			return err
		}
	}
	dir := g.path(last)
	if finish != nil {
		if dir, err = finish(g); err != nil {
			return err
		}
	}
	return settle(store, dir, a.Out)
}

// settle moves dir out of the store and removes the store. A kill in between
// leaves either the store to continue with, or what was wanted.
func settle(store *flow.Store, dir, out string) error {
	if err := os.Rename(dir, out); err != nil {
		return fmt.Errorf("put the result in place: %w", err)
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(out)))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close(), os.RemoveAll(store.Dir()))
}

// policy adds the model folder as a source, or as what it is with its adapter.
func (a Alone) policy(l *loop, check func(*hf.Folder) error) (string, error) {
	p, err := a.place(check)
	if err != nil {
		return "", err
	}
	return l.model("model", p), nil
}

func (a Alone) place(check func(*hf.Folder) error) (place, error) {
	return resolveAdapted(a.Model, a.Adapter, filepath.Join(workOf(a.Out), "builtin", "policy"), check)
}

// prompts adds the prompt file and the table that is made of it.
func (a Alone) prompts(l *loop) (string, error) {
	source := ""
	if a.Prompts != configs.BuiltIn {
		c := a.Config.Prompts
		c.Path, c.SkipBad = a.Prompts, a.SkipBad
		if err := checkPrompts(c); err != nil {
			return "", err
		}
		source = l.source("prompts-file", a.Prompts)
	}
	return l.add(promptStage.With(promptConfig{Column: a.Config.Prompts.Column, Iterations: 1, SkipBad: a.SkipBad}, "prompts", source)), nil
}

// tableSource adds a table folder, which must hold rows R, as a source.
func tableSource[R any](l *loop, name, dir string) (string, error) {
	if _, err := table.Open[R](dir); err != nil {
		return "", err
	}
	return l.source(name, dir), nil
}

// errNameless is of goals whose attributes a stage alone cannot know.
var errNameless = errors.New("augment.auto_attributes: no scores at hand name the attributes of a goal; list them in augment.attributes")

// Sample draws responses to prompts and writes a samples table: n for each
// goal, or n without any.
func (a Alone) Sample(ctx context.Context, goals [][]float64) error {
	if len(goals) == 0 {
		goals = [][]float64{nil}
	}
	return a.run(ctx, func(l *loop) (string, error) {
		if l.naming("scores") != "" && slices.ContainsFunc(goals, func(goal []float64) bool { return len(goal) > 0 }) {
			return "", errNameless
		}
		policy, err := a.policy(l, checkPolicy)
		if err != nil {
			return "", err
		}
		if l.in.fleet, err = resolveFleet(l.Sampler, workOf(a.Out)); err != nil {
			return "", err
		}
		prompts, err := a.prompts(l)
		return l.ask("samples", prompts, policy, everyPrompt, goals), err
	}, nil)
}

// ask samples a split at goals by the sampler's settings.
func (l *loop) ask(name, prompts, policy, split string, goals [][]float64) string {
	c := sampler.Config{Sampler: l.Sampler, Split: split, Goals: goals, Seed: l.Seed}
	return l.add(sampler.Stage.With(l.sampling(c), name, prompts, policy))
}

// Rank scores samples by the reward model, or by the built-in world's rule
// when there is no model. The table has raw scores and, by maps fitted to them
// or to the scores table at fitted, those on 1–10.
func (a Alone) Rank(ctx context.Context, samples, fitted string) error {
	return a.run(ctx, func(l *loop) (string, error) {
		reward, err := a.reward(l)
		if err != nil {
			return "", err
		}
		if l.readsTemplate() {
			if err := a.template(l); err != nil {
				return "", err
			}
		}
		prompts, err := a.prompts(l)
		if err != nil {
			return "", err
		}
		from, err := tableSource[table.Sample](l, "samples", samples)
		if err != nil {
			return "", err
		}
		first := ""
		if fitted != "" {
			if first, err = tableSource[table.Score](l, "fitted", fitted); err != nil {
				return "", err
			}
		}
		return l.scale("scores", l.rank("raw", prompts, from, reward), first), nil
	}, nil)
}

// template adds the policy in whose template prompts are ranked.
func (a Alone) template(l *loop) error {
	if l.Config.Model == "" {
		return inputError("ranker.pairrm.prompt_form chat needs the policy whose template it is: --set model=DIR")
	}
	path, err := resolveModel(l.Config.Model, filepath.Join(workOf(a.Out), "builtin", "policy"), checkText)
	if err != nil {
		return &InputError{err}
	}
	l.source("model", path)
	return nil
}

// reward sets the ranker's kind by its folder, unless it asks servers, and adds
// it as a source.
func (a Alone) reward(l *loop) (string, error) {
	if l.Ranker.Asks() {
		return a.asked(l)
	}
	if a.Model == "" {
		l.Ranker.Kind = "rule"
		return "", nil
	}
	path, err := resolveModel(a.Model, filepath.Join(workOf(a.Out), "builtin", "reward"), func(f *hf.Folder) (err error) {
		if l.Ranker.Kind, err = ranker.KindOf(f); err != nil {
			return err
		}
		return checkReward(l.Ranker.Kind)(f)
	})
	if err != nil {
		return "", err
	}
	return l.source("reward-model", path), nil
}

// asked readies a ranker that asks servers and adds the folder of its template.
func (a Alone) asked(l *loop) (reward string, err error) {
	if l.in.asking, err = resolveAsking(l.Ranker, workOf(a.Out)); err != nil || l.Ranker.Model == "" {
		return "", err
	}
	path, err := resolveModel(l.Ranker.Model, filepath.Join(workOf(a.Out), "builtin", "reward"), checkReward(l.Ranker.Kind))
	if err != nil {
		return "", err
	}
	return l.source("reward-model", path), nil
}

// Augment pairs scored samples and writes a pairs table.
func (a Alone) Augment(ctx context.Context, samples, scores string) error {
	return a.run(ctx, func(l *loop) (string, error) {
		if l.Config.Augment.Method == "ira" {
			return "", errors.New("augment.method: ira trains a first policy to get its scores; the whole loop does, radpo run")
		}
		policy, err := a.policy(l, checkText)
		if err != nil {
			return "", err
		}
		prompts, err := a.prompts(l)
		if err != nil {
			return "", err
		}
		drawn, err := tableSource[table.Sample](l, "samples", samples)
		if err != nil {
			return "", err
		}
		scored, err := tableSource[table.Score](l, "scores", scores)
		return l.augment("pairs", 1, l.Config.Augment.Method, prompts, drawn, scored, policy), err
	}, func(g *gallery) (string, error) {
		pairs, err := table.Open[table.Pair](g.path("pairs"))
		if err != nil {
			return "", err
		}
		counts, err := augment.ReadCounts(pairs.Meta())
		zerolog.Ctx(ctx).Info().Msg(counts.String())
		return g.path("pairs"), err
	})
}
