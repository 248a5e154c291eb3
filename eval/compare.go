package eval

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"radpo/internal/table"
)

// A Ranking is one ranker's raw scores of samples that other rankers score too.
type Ranking struct {
	Name       string // a part of measures' names, as in [Input]
	Attributes []string
	Scores     []table.Score
}

// Compare says how far rankings of the same samples agree, without training on
// any of them. Samples may be nil: then nothing is said of length, and responses
// count as different even where their texts are equal. A and B are rankings.
//
//	ranker/A/unscored                 share of responses without a finite score
//	ranker/A/ties                     share of pairs of different responses to a prompt that score alike
//	ranker/A/length-tokens            Spearman of score and length over all responses
//	ranker/A/length-tokens-within     mean over prompts of the same among a prompt's responses
//	ranker/A/length-characters[…]     the same in characters
//	compare/A/B/spearman              of the scores of all responses
//	compare/A/B/kendall               the same, τ-b
//	compare/A/B/spearman-within       means over prompts, of those that neither ranker gives one score throughout
//	compare/A/B/kendall-within
//	compare/A/B/best, worst, either   share of prompts whose best, worst, or one of these changes
//	compare/A/B/flips                 share of A's best-worst pairs that B orders the other way
//	compare/A/B/flips-back            share of B's that A does
//	compare/A/B/flips-all             of all pairs that both order, the share they order differently
//	compare/A/B/attribute/N           Spearman of the scores of an attribute that both have
//
// Of responses that tie for best or worst the first counts.
func Compare(rankings []Ranking, samples []table.Sample) ([]table.Measure, error) {
	c := comparison{sheet: &sheet{seed: compareSeed}, samples: samples}
	if err := c.check(rankings); err != nil {
		return nil, err
	}
	c.prompts = make([]string, len(rankings[0].Scores))
	for i, s := range rankings[0].Scores {
		c.prompts[i] = s.PromptID
	}
	for _, r := range rankings {
		c.alone(r)
	}
	for i, a := range rankings {
		for _, b := range rankings[i+1:] {
			c.pair(a, b)
		}
	}
	return c.sheet.rows, nil
}

// compareSeed is of the bootstrap.
const compareSeed = 42

// A comparison is under way.
type comparison struct {
	*sheet
	samples []table.Sample
	prompts []string // of each row
}

// check holds rankings to one another and to the samples, row by row.
func (c comparison) check(rankings []Ranking) error {
	if len(rankings) < 2 {
		return errors.New("compare: want two rankings at least")
	}
	seen := map[string]bool{}
	for _, r := range rankings {
		if !validName.MatchString(r.Name) {
			return fmt.Errorf("compare: ranking %q: a name has lower-case letters, digits, '-', '_' and '.' only", r.Name)
		}
		if seen[r.Name] {
			return fmt.Errorf("compare: two rankings have the name %s", r.Name)
		}
		seen[r.Name] = true
		if err := sameRows(rankings[0], r); err != nil {
			return err
		}
	}
	if first := rankings[0]; c.samples != nil {
		of := Ranking{Name: "the samples table"}
		for _, s := range c.samples {
			of.Scores = append(of.Scores, table.Score{PromptID: s.PromptID, Sample: s.Sample})
		}
		return sameRows(first, of)
	}
	return nil
}

// sameRows reports whether two rankings are of the same samples.
func sameRows(a, b Ranking) error {
	const way = "score one samples table with both rankers"
	if len(a.Scores) != len(b.Scores) {
		return fmt.Errorf("compare: %s has %d rows and %s %d: %s", a.Name, len(a.Scores), b.Name, len(b.Scores), way)
	}
	for i, s := range a.Scores {
		if t := b.Scores[i]; s.PromptID != t.PromptID || s.Sample != t.Sample {
			return fmt.Errorf("compare: row %d is sample %d of prompt %s in %s and sample %d of prompt %s in %s: %s",
				i, s.Sample, s.PromptID, a.Name, t.Sample, t.PromptID, b.Name, way)
		}
	}
	return nil
}

// same says whether two responses to a prompt are one text.
func (c comparison) same(i, j int) bool {
	return i == j || c.samples != nil && c.samples[i].Text == c.samples[j].Text
}

// alone adds what one ranking shows by itself.
func (c comparison) alone(r Ranking) {
	name := "ranker/" + r.Name
	score := func(i int) float64 { return r.Scores[i].Raw }
	var lost []float64
	for i := range r.Scores {
		lost = append(lost, truth(!finite(score(i))))
	}
	c.share(name+"/unscored", c.prompts, lost)
	var ties ratio
	for prompt, rows := range c.groups(score) {
		tied, all := 0, 0
		for k, i := range rows {
			for _, j := range rows[:k] {
				if !c.same(i, j) {
					all++
					tied += int(truth(score(i) == score(j)))
				}
			}
		}
		ties.add(prompt, tied, all)
	}
	c.add(name+"/ties", ties.prompts, ties.of)
	if c.samples == nil {
		return
	}
	c.correlate(name+"/length-tokens", score, func(i int) float64 { return float64(len(c.samples[i].ResponseIDs)) })
	c.correlate(name+"/length-characters", score, func(i int) float64 { return float64(utf8.RuneCountInString(c.samples[i].Text)) })
}

// correlate adds the rank correlation of two values over all responses and as
// the mean over prompts.
func (c comparison) correlate(name string, x, y func(row int) float64) {
	prompts, xs, ys := c.columns(x, y)
	c.add(name, prompts, spearman(xs, ys))
	c.within(name+"-within", spearman, x, y)
}

// within adds the mean over prompts of a correlation among their responses.
func (c comparison) within(name string, correlation func(x, y []float64) statistic, x, y func(row int) float64) {
	var prompts []string
	var values []float64
	for prompt, rows := range c.groups(x, y) {
		xs, ys := make([]float64, len(rows)), make([]float64, len(rows))
		for k, i := range rows {
			xs[k], ys[k] = x(i), y(i)
		}
		if v := correlation(xs, ys)(ones(len(rows))); finite(v) {
			prompts, values = append(prompts, prompt), append(values, v)
		}
	}
	c.add(name, prompts, mean(values, 0))
}

// pair adds what two rankings have to do with each other.
func (c comparison) pair(a, b Ranking) {
	name := "compare/" + a.Name + "/" + b.Name
	x, y := func(i int) float64 { return a.Scores[i].Raw }, func(i int) float64 { return b.Scores[i].Raw }
	prompts, xs, ys := c.columns(x, y)
	c.add(name+"/spearman", prompts, spearman(xs, ys))
	c.add(name+"/kendall", prompts, kendall(xs, ys))
	c.within(name+"/spearman-within", spearman, x, y)
	c.within(name+"/kendall-within", kendall, x, y)
	c.changes(name, x, y)
	c.flips(name+"/flips", x, y)
	c.flips(name+"/flips-back", y, x)
	c.discordance(name+"/flips-all", x, y)
	for k, attribute := range a.Attributes {
		if j := slices.Index(b.Attributes, attribute); j >= 0 {
			prompts, xs, ys := c.columns(level(a, k), level(b, j))
			c.add(name+"/attribute/"+attribute, prompts, spearman(xs, ys))
		}
	}
}

// level is an attribute's raw score, NaN where there is none.
func level(r Ranking, k int) func(row int) float64 {
	return func(row int) float64 {
		if v, ok := entry(r.Scores[row].Attributes, k); ok {
			return v
		}
		return math.NaN()
	}
}

// changes adds how often the best or the worst response is another one.
func (c comparison) changes(name string, x, y func(row int) float64) {
	var prompts []string
	var best, worst, either []float64
	for prompt, rows := range c.groups(x, y) {
		a, b := ends(rows, x), ends(rows, y)
		top, bottom := !c.same(a[1], b[1]), !c.same(a[0], b[0])
		prompts, best, worst = append(prompts, prompt), append(best, truth(top)), append(worst, truth(bottom))
		either = append(either, truth(top || bottom))
	}
	c.share(name+"/best", prompts, best)
	c.share(name+"/worst", prompts, worst)
	c.share(name+"/either", prompts, either)
}

// flips adds how often y orders x's best and worst responses the other way.
func (c comparison) flips(name string, x, y func(row int) float64) {
	var prompts []string
	var values []float64
	for prompt, rows := range c.groups(x, y) {
		if e := ends(rows, x); x(e[0]) < x(e[1]) && !c.same(e[0], e[1]) {
			prompts, values = append(prompts, prompt), append(values, truth(y(e[0]) > y(e[1])))
		}
	}
	c.share(name, prompts, values)
}

// discordance adds the share of pairs of a prompt's responses that x and y order
// differently, of those that both order.
func (c comparison) discordance(name string, x, y func(row int) float64) {
	var r ratio
	for prompt, rows := range c.groups(x, y) {
		against, all := 0, 0
		for k, i := range rows {
			for _, j := range rows[:k] {
				switch cmp.Compare(x(i), x(j)) * cmp.Compare(y(i), y(j)) {
				case -1:
					against, all = against+1, all+1
				case 1:
					all++
				}
			}
		}
		r.add(prompt, against, all)
	}
	c.add(name, r.prompts, r.of)
}
