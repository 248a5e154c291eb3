package pipeline

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"

	"radpo/augment"
	"radpo/configs"
	"radpo/demo"
	"radpo/dpo"
	"radpo/eval"
	"radpo/internal/flow"
	"radpo/internal/table"
	"radpo/ranker"
	"radpo/sampler"
)

// report writes report.html, report.md and report.json from a store's artifacts,
// and the summary to w.
func (r Run) report(store *flow.Store, l *loop, w io.Writer) error {
	g, err := newGallery(store, l)
	if err != nil {
		return err
	}
	in, err := g.input()
	if err != nil {
		return err
	}
	measures, err := eval.Measures(in)
	if err != nil {
		return err
	}
	page := filepath.Join(store.Dir(), "report.html")
	err = errors.Join(
		replace(page, func(w io.Writer) error { return eval.WriteHTML(w, in, measures) }),
		replace(filepath.Join(store.Dir(), "report.md"), func(w io.Writer) error { return eval.WriteMarkdown(w, in, measures) }),
		replace(filepath.Join(store.Dir(), "report.json"), func(w io.Writer) error { return eval.WriteJSON(w, measures) }),
		eval.Summary(w, in, measures))
	if err = errors.Join(err, writeSums(store.Dir())); err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "\nreport: %s\n", page)
	return err
}

// A gallery reads the artifacts that a report shows.
type gallery struct {
	*loop
	store *flow.Store
	steps map[string]flow.Step
}

func newGallery(store *flow.Store, l *loop) (*gallery, error) {
	steps, err := store.Plan(l.stages)
	if err != nil {
		return nil, err
	}
	g := &gallery{loop: l, store: store, steps: map[string]flow.Step{}}
	for _, s := range steps {
		if !s.Done {
			return nil, inputError("%s is not finished: stage %s has not run; continue it with radpo run", store.Dir(), s.Name)
		}
		g.steps[s.Name] = s
	}
	return g, nil
}

// path is the folder of the artifact of a stage.
func (g *gallery) path(name string) string {
	path, _ := g.store.Path(g.steps[name].Fingerprint)
	return path
}

func (g *gallery) input() (eval.Input, error) {
	text, err := yaml.Marshal(g.Config)
	if err != nil {
		return eval.Input{}, err
	}
	in := eval.Input{Title: filepath.Base(g.store.Dir()), Subject: subject(g.Config), Config: string(text), Seed: g.Seed}
	if in.Attributes, err = g.attributes(g.show.scales[0].first); err != nil {
		return eval.Input{}, err
	}
	for _, load := range []func(*eval.Input) error{g.prompts, g.policies, g.unlearned, g.curves, g.gaps, g.scales, g.drawn, g.artifacts, g.facts} {
		if err := load(&in); err != nil {
			return in, err
		}
	}
	return in, nil
}

// subject is what a run trains and how, in a line.
func subject(c configs.Config) string {
	model := c.Model
	switch {
	case model == configs.BuiltIn:
		model = "the built-in policy"
	case filepath.IsAbs(model):
		model = filepath.Base(model)
	}
	method := map[string]string{"ra": "RA", "ra-plus": "RA+", "half-ra": "half-RA", "ira": "IRA", "none": "plain pairs"}[c.Augment.Method]
	times := "one iteration"
	if c.Iterations > 1 {
		times = fmt.Sprintf("%d iterations", c.Iterations)
	}
	return strings.Join(append([]string{model, method, times}, choices(c.DPO)...), ", ")
}

// choices are those of the loop that are not the defaults.
func choices(d configs.DPO) (list []string) {
	if d.LoRA.Rank > 0 {
		list = append(list, fmt.Sprintf("LoRA of rank %d", d.LoRA.Rank))
	}
	if d.Start != "previous" {
		list = append(list, "each training from the "+d.Start)
	}
	switch d.Reference {
	case "base":
		list = append(list, "reference the base")
	case "ema":
		list = append(list, "reference the average of the previous policy's weights")
	}
	if d.Data != "newest" {
		list = append(list, map[string]string{"all": "on all iterations' data", "first": "on the first iteration's data"}[d.Data])
	}
	return list
}

// attributes are those that goals are made of, which scores name where the
// configuration does not, or those that both the ranker and the rule know.
func (g *gallery) attributes(scores string) ([]eval.Attribute, error) {
	entries := g.Augment.Attributes
	if g.Augment.AutoAttributes > 0 {
		var err error
		if entries, err = table.ReadLevelNames(g.path(scores)); err != nil {
			return nil, err
		}
	}
	if len(entries) == 0 && g.Eval.Rule {
		entries = demo.Attributes[:]
	}
	var out []eval.Attribute
	for _, entry := range entries {
		label, name := configs.Attribute(entry)
		a := eval.Attribute{Name: label, Ranker: -1, Rule: -1}
		if at, err := ranker.Column(g.Ranker.Kind, entry); err == nil {
			a.Ranker = at
		}
		if g.Eval.Rule {
			a.Rule = slices.Index(demo.Attributes[:], name)
		}
		out = append(out, a)
	}
	return out, nil
}

func (g *gallery) prompts(in *eval.Input) error {
	all, err := table.ReadAll[table.Prompt](g.path(g.show.prompts))
	for _, p := range all {
		if p.Split == heldOut {
			in.Prompts = append(in.Prompts, p)
		}
	}
	return err
}

func (g *gallery) policies(in *eval.Input) error {
	for _, t := range g.show.policies {
		p := eval.Policy{Name: t.policy, Goal: t.goal}
		samples, err := table.Open[table.Sample](g.path(t.samples))
		if err != nil {
			return err
		}
		p.Retokenised = sampler.ReadRetokenised(samples.Meta())
		var errs [3]error
		p.Samples, errs[0] = table.ReadAll[table.Sample](g.path(t.samples))
		p.Scores, errs[1] = table.ReadAll[table.Score](g.path(t.scores))
		if t.rule != "" {
			p.Rule, errs[2] = table.ReadAll[table.Score](g.path(t.rule))
		}
		if err := errors.Join(errs[:]...); err != nil {
			return err
		}
		in.Policies = append(in.Policies, p)
	}
	return nil
}

func (g *gallery) unlearned(in *eval.Input) error {
	for _, e := range g.show.unlearning {
		pairs, err := table.ReadAll[table.Pair](g.path(e.first))
		if err != nil {
			return err
		}
		refs, err := table.ReadAll[table.Ref](g.path(e.second))
		if err != nil {
			return err
		}
		in.Unlearning = append(in.Unlearning, eval.Unlearning{Name: e.name, Pairs: kept(pairs, refs), Refs: refs})
	}
	return nil
}

// kept is the pairs that have a row in refs: training drops some.
func kept(pairs []table.Pair, refs []table.Ref) []table.Pair {
	var out []table.Pair
	for _, p := range pairs {
		if len(out) < len(refs) && refs[len(out)].PairID == p.ID {
			out = append(out, p)
		}
	}
	return out
}

func (g *gallery) curves(in *eval.Input) error {
	for _, e := range g.show.curves {
		data, err := os.ReadFile(filepath.Join(g.path(e.first), dpo.MetricsFile))
		if err != nil {
			return err
		}
		curve, err := eval.ReadCurve(e.name, bytes.NewReader(data))
		if err != nil {
			return err
		}
		in.Curves = append(in.Curves, curve)
	}
	return nil
}

func (g *gallery) gaps(in *eval.Input) error {
	for _, e := range g.show.samples {
		gap, ok, err := sampler.ReadGap(g.path(e.first))
		if err != nil {
			return err
		}
		if ok {
			in.Gaps = append(in.Gaps, eval.Gap{Name: e.name, Tokens: int64(gap.Tokens), Mean: gap.Mean, Largest: gap.Largest})
		}
	}
	return nil
}

func (g *gallery) scales(in *eval.Input) error {
	for _, e := range g.show.scales {
		scores, err := table.Open[table.Score](g.path(e.first))
		if err != nil {
			return err
		}
		fitted, err := ranker.ReadScaling(scores.Meta())
		if err != nil {
			return err
		}
		pairs, err := table.Open[table.Pair](g.path(e.second))
		if err != nil {
			return err
		}
		counts, err := augment.ReadCounts(pairs.Meta())
		if err != nil {
			return err
		}
		all := scalesOf(e.name, fitted, counts)
		for s, err := range scores.Rows() {
			if err != nil {
				return err
			}
			all[0].RawScores, all[0].Scores = append(all[0].RawScores, s.Raw), append(all[0].Scores, s.Score)
		}
		if b, ok := ranker.ReadPositionBias(scores.Meta()); ok {
			all[0].Order = eval.Order{Pairs: int64(b.Pairs), Flipped: int64(b.Flipped), Mean: b.Mean}
		}
		in.Scales = append(in.Scales, all...)
	}
	return nil
}

// scalesOf is an iteration's map, and those of its attributes.
func scalesOf(name string, fitted ranker.Scaling, counts augment.Counts) []eval.Scale {
	out := make([]eval.Scale, len(fitted.Columns))
	for k, c := range fitted.Columns {
		out[k] = eval.Scale{
			Name: name, Attribute: c.Name, Low: math.NaN(), High: math.NaN(), Rows: fitted.Rows,
			ClippedLow: c.ClippedLow, ClippedHigh: c.ClippedHigh, Unscored: fitted.NonFinite(),
			Raw: spreadOf(c.Raw), Mapped: spreadOf(c.Mapped),
		}
		if k < len(fitted.Maps) {
			out[k].Low, out[k].High = fitted.Maps[k].From, fitted.Maps[k].To
		}
	}
	out[0].Attribute, out[0].Pairs, out[0].Ties = "", int64(counts.Pairs), int64(counts.Tie)
	return out
}

func spreadOf(s ranker.Spread) eval.Spread {
	return eval.Spread{Mean: s.Mean, P05: s.Low, P50: s.Median, P95: s.High}
}

// drawn reads the samples behind each iteration's scores.
func (g *gallery) drawn(in *eval.Input) error {
	for _, e := range g.show.drawn {
		samples, err := table.Open[table.Sample](g.path(e.first))
		if err != nil {
			return err
		}
		d, err := eval.ReadDraw(e.name, samples.Rows())
		if err != nil {
			return err
		}
		in.Drawn = append(in.Drawn, d)
	}
	return nil
}

// artifacts counts as reused what is older than config.yaml, which a run writes
// when it begins, and a second stage that wants what another has made.
func (g *gallery) artifacts(in *eval.Input) error {
	began, err := os.Stat(filepath.Join(g.store.Dir(), ConfigFile))
	if err != nil {
		return err
	}
	seen := map[flow.Fingerprint]bool{}
	for _, s := range g.stages {
		step, ok := g.steps[s.Name]
		if !ok {
			continue // a source
		}
		path, err := filepath.Rel(g.store.Dir(), g.path(s.Name))
		if err != nil {
			return err
		}
		made := g.store.Created(step.Fingerprint)
		reads := slices.DeleteFunc(slices.Clone(s.Reads), func(name string) bool { return name == "" })
		in.Artifacts = append(in.Artifacts, eval.Artifact{Name: s.Name, Path: path})
		in.Timings = append(in.Timings, eval.Timing{
			Stage: s.Name, Lane: laneOf(s.Name), Seconds: g.store.Seconds(step.Fingerprint), Reads: reads,
			Reused: made.Before(began.ModTime()) || seen[step.Fingerprint], Made: made.UTC().Format("2006-01-02 15:04:05 UTC"),
		})
		seen[step.Fingerprint] = true
	}
	return nil
}

// replace writes a file beside path and renames it: whole or as before.
func replace(path string, fn func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if err := errors.Join(fn(f), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
