package eval

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"radpo/internal/table"
)

// Result is the row as a result, with an item an annotation. Length control is
// a fit to all of them, so that items have no part of it.
func (r AlpacaRow) Result(in Alpaca) (Result, []Item) {
	var items []Item
	ids := roll{}
	for _, a := range in.Rows {
		sum := sha256.Sum256([]byte(a.Instruction))
		i := Item{ID: ids.once(hex.EncodeToString(sum[:])[:12]), Values: map[string]float64{"length": float64(utf8.RuneCountInString(a.Output2))}}
		if p := a.Preference; finite(p) {
			i.Values["win_rate"] = 100 * (p - 1)
			i.Values["discrete_win_rate"] = 50 * (1 + sign(p-1.5))
		}
		items = append(items, i)
	}
	out := Result{
		Benchmark: "alpaca_eval", Version: "2", Model: r.Model, Judge: in.Rows[0].Annotator, Seed: alpacaSeed, Metrics: MetricsOf(items, alpacaSeed),
		Settings: map[string]any{"baseline": r.Baseline, "lc_c": r.C, "lc_glm": r.GLM, "lc_align_instruction": in.ByInstruction, "bootstrap": resamples, "lc_bootstrap": in.Draws},
	}
	out.Metrics["length_controlled_winrate"] = r.LCBootstrap.Metric(r.Controlled, len(in.Rows))
	return out, items
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}

// Result is the report as a result, with an item a question. The score weighs
// subsets; accuracy is the plain mean over questions.
func (r BenchReport) Result(model, judge string, questions []table.BenchItem) (Result, []Item) {
	var items []Item
	ids := roll{}
	for i, q := range questions {
		value := BenchResult(q)
		item := Item{ID: ids.once(q.Subset + "/" + q.ID), Values: map[string]float64{"accuracy": value}}
		if q.Subset == tiesSubset {
			item.Cluster = clusterOf(i, q)
		} else {
			item.Values["subset/"+q.Subset] = value
		}
		items = append(items, item)
	}
	out := Result{
		Benchmark: "rewardbench", Version: fmt.Sprint(r.Version), Model: model, Judge: judge, Seed: benchSeed, Metrics: MetricsOf(items, benchSeed),
		Settings: map[string]any{"bootstrap": resamples},
	}
	add := func(name string, s BenchScore) {
		out.Metrics[name] = Metric{s.Value, s.SE, [2]float64{s.Lo, s.Hi}, s.N}
	}
	for name, s := range r.Subsets {
		add("subset/"+name, s)
	}
	for name, s := range r.Sections {
		add("section/"+name, s)
	}
	if r.Score != nil {
		add("score", *r.Score)
	}
	return out, items
}

// ResultOf is the measures of an input with one policy as a result of a
// benchmark, with an item an answer: its reward and its length at its goal.
func ResultOf(in Input, benchmark, judge string) (Result, []Item, error) {
	s, err := in.sheet()
	if err != nil || len(in.Policies) != 1 {
		return Result{}, nil, fmt.Errorf("eval: %d policies, want one: %w", len(in.Policies), err)
	}
	p := in.Policies[0]
	out := Result{Benchmark: benchmark, Version: "1", Model: in.Title, Judge: judge, Seed: in.Seed, Settings: map[string]any{"config": in.Config, "bootstrap": resamples}, Metrics: map[string]Metric{}}
	for name, m := range s.metrics() {
		out.Metrics[strings.Replace(name, "/"+p.Name, "", 1)] = m
	}
	var items []Item
	ids := roll{}
	for _, g := range p.groups() {
		for _, row := range g.rows {
			sample := p.Samples[row]
			items = append(items, Item{
				ID: ids.once(fmt.Sprint(sample.PromptID, "/", g.name, "/", sample.Sample)), Cluster: sample.PromptID,
				Values: map[string]float64{"reward/" + g.name: p.reward(row), "length/" + g.name: p.tokens(row)},
			})
		}
	}
	return out, items, nil
}

// A roll numbers names that come again.
type roll map[string]int

func (r roll) once(id string) string {
	if r[id]++; r[id] > 1 {
		return fmt.Sprint(id, "#", r[id])
	}
	return id
}
