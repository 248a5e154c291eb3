package eval

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"gonum.org/v1/gonum/stat"
)

// An Arena is what Arena-Hard measures models by.
type Arena struct {
	Rules     ArenaRules
	Questions []ArenaQuestion
	Judgments []ArenaJudgment              // of all models
	Answers   map[string]map[string]string // by model and question, for their lengths; may lack any
	// Styles are by model and question, Base the baseline's by question.
	Styles  map[string]map[string]ArenaStyle
	Base    map[string]ArenaStyle
	Control []string // of length and markdown; empty: no style control
	// UpstreamCI draws single games, as often as they count, as if they were
	// independent; else questions are drawn.
	UpstreamCI bool
	Settings   map[string]any
}

// An ArenaScore is one model's result with its items, one a question.
type ArenaScore struct {
	Result Result
	Items  []Item
}

// Scores has a result a model, in the order of the judgments.
//
//	win_rate           percent of games won, those with >> three times: what Bradley–Terry's fit is where all play one baseline
//	elo                the same as a rating, the baseline's 1000
//	style_win_rate     the same at the baseline's style
//	style/FEATURE      what one deviation of the feature adds, in logits
//	question_win_rate  mean over questions of their own rate
//	inconsistent       share of questions whose two games favour different answers
//	failed_games       games without a verdict, a question
//	length             characters of an answer
//
// Where questions are of several categories, the first four are by category,
// NAME/CATEGORY: each has a baseline of its own.
func (a Arena) Scores() ([]ArenaScore, error) {
	if len(a.Judgments) == 0 {
		return nil, errors.New("arena-hard: there are no judgments")
	}
	of := map[string]string{}
	var categories, models []string
	for _, q := range a.Questions {
		of[q.Key()] = q.Category
	}
	by := map[string][]battle{}
	for _, j := range a.Judgments {
		category, known := of[j.Key()]
		if !known {
			return nil, fmt.Errorf("arena-hard: a judgment is of question %s, which the questions do not have", j.Key())
		}
		if !slices.Contains(models, j.Model) {
			models = append(models, j.Model)
		}
		if !slices.Contains(categories, category) {
			categories = append(categories, category)
		}
		by[category] = append(by[category], a.Rules.battles(j)...)
	}
	out := make([]ArenaScore, len(models))
	for m, name := range models {
		out[m] = a.score(name)
	}
	for _, category := range categories {
		suffix := ""
		if len(categories) > 1 {
			suffix = "/" + category
		}
		if err := a.rate(by[category], models, suffix, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// score is a result with what is a mean over questions.
func (a Arena) score(model string) ArenaScore {
	var items []Item
	ids := roll{}
	judge := ""
	for _, j := range a.Judgments {
		if j.Model != model {
			continue
		}
		judge = j.Judge
		i := Item{ID: ids.once(j.Key()), Cluster: j.Key(), Values: map[string]float64{}}
		games := a.Rules.decided(j)
		i.Values["failed_games"] = float64(len(j.Games) - len(games))
		if len(games) == 2 {
			i.Values["inconsistent"] = math.Abs(sign(sign(games[0].score-0.5) - sign(games[1].score-0.5)))
		}
		if kept := a.Rules.battles(j); len(kept) > 0 {
			i.Values["question_win_rate"] = 100 * winRate(kept)(ones(len(kept)))
		}
		if text, ok := a.Answers[model][j.Key()]; ok {
			i.Values["length"] = float64(utf8.RuneCountInString(text))
		}
		items = append(items, i)
	}
	return ArenaScore{Result{
		Benchmark: "arena_hard", Version: string(a.Rules), Model: model, Judge: judge, Seed: judgeSeed, Metrics: MetricsOf(items, judgeSeed), Settings: a.Settings,
	}, items}
}

// winRate is the share of games won.
func winRate(bs []battle) statistic {
	return func(w []float64) float64 {
		var won, all float64
		for i, b := range bs {
			won += w[i] * b.weight * b.score
			all += w[i] * b.weight
		}
		return won / all
	}
}

// rate adds the metrics of one category's games to the models' results.
func (a Arena) rate(all []battle, models []string, suffix string, out []ArenaScore) error {
	if a.UpstreamCI {
		all = copies(all)
	}
	for m, name := range models {
		own := slices.DeleteFunc(slices.Clone(all), func(b battle) bool { return b.model != name })
		if len(own) == 0 {
			continue
		}
		values, draws := a.resampled(own, func(w []float64) []float64 {
			p := winRate(own)(w)
			return []float64{100 * p, 1000 + 400*math.Log10(p/(1-p))}
		})
		mean := func(sorted []float64) float64 { return stat.Mean(sorted, nil) }
		out[m].Result.Metrics["win_rate"+suffix] = a.metric(values[0], draws[0], mean, len(own))
		out[m].Result.Metrics["elo"+suffix] = a.metric(values[1], draws[1], mean, len(own))
	}
	if len(a.Control) == 0 {
		return nil
	}
	return a.rateStyled(all, models, suffix, out)
}

// rateStyled adds what style control makes of them.
func (a Arena) rateStyled(all []battle, models []string, suffix string, out []ArenaScore) error {
	models = slices.DeleteFunc(slices.Clone(models), func(m string) bool {
		return !slices.ContainsFunc(all, func(b battle) bool { return b.model == m })
	})
	if len(models) == 0 {
		return nil
	}
	var names []string
	for i := range all {
		model, ok := a.Styles[all[i].model][all[i].question]
		base, also := a.Base[all[i].question]
		if !ok || !also {
			return fmt.Errorf("arena-hard: style control needs the answers of %s and of the baseline to question %s", all[i].model, all[i].question)
		}
		all[i].style = nil
		names = nil
		for k, v := range a.Rules.difference(model, base) {
			if slices.Contains(a.Control, "length") && k == 0 || slices.Contains(a.Control, "markdown") && k > 0 {
				all[i].style, names = append(all[i].style, v), append(names, styleNames[k])
			}
		}
	}
	a.Rules.standardise(all)
	s := newStyled(a.Rules, models, all)
	s.last = s.theta(ones(len(all)))
	values, draws := a.resampled(all, s.fit)
	median := func(sorted []float64) float64 { return stat.Quantile(0.5, stat.LinInterp, sorted, nil) }
	for k := range out {
		m := slices.Index(models, out[k].Result.Model)
		if m < 0 {
			continue
		}
		out[k].Result.Metrics["style_win_rate"+suffix] = a.metric(values[m], draws[m], median, len(all))
		for f, name := range names {
			f += len(models)
			out[k].Result.Metrics["style/"+name+suffix] = a.metric(values[f], draws[f], median, len(all))
		}
	}
	return nil
}

// copies are games as often as they count, each to be drawn alone.
func copies(bs []battle) []battle {
	var out []battle
	for _, b := range bs {
		for range int(b.weight) {
			c := b
			c.weight = 1
			out = append(out, c)
		}
	}
	return out
}

// upstreamDraws is how often upstream resamples.
const upstreamDraws = 100

// resampled are several statistics of games, and their draws in ascending order.
func (a Arena) resampled(bs []battle, f func(w []float64) []float64) (values []float64, draws [][]float64) {
	n := resamples
	clusters := make([]string, len(bs))
	for i, b := range bs {
		clusters[i] = b.question
		if a.UpstreamCI {
			clusters[i] = fmt.Sprint(i)
		}
	}
	if a.UpstreamCI {
		n = upstreamDraws
	}
	values = f(ones(len(bs)))
	draws = make([][]float64, len(values))
	(&sheet{seed: judgeSeed}).resample(n, clusters, func(w []float64) {
		for k, v := range f(w) {
			if finite(v) {
				draws[k] = append(draws[k], v)
			}
		}
	})
	for _, d := range draws {
		slices.Sort(d)
	}
	return values, draws
}

// metric is a value with the interval that its draws give. Upstream's v2 has the
// middle of the draws as the value, and 90 % of them as the interval.
func (a Arena) metric(value float64, draws []float64, middle func([]float64) float64, n int) Metric {
	lo, hi := bounds(value, draws)
	if a.UpstreamCI && a.Rules == ArenaV2 && len(draws) > 0 {
		value = middle(draws)
		lo, hi = stat.Quantile(0.05, stat.LinInterp, draws, nil), stat.Quantile(0.95, stat.LinInterp, draws, nil)
	}
	return Metric{value, deviation(draws), [2]float64{lo, hi}, int64(n)}
}
