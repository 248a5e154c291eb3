package eval

import (
	"fmt"
	"math"
)

// A dial is a row of goals that differ in one entry only.
type dial struct {
	entry  int
	at     []float64 // that entry, ascending
	groups []group   // the answers to each
}

// dialOf returns the longest dial of an entry among goals of one length, the
// first of equals. With one-valued goals it holds them all.
func dialOf(groups []group, length, entry int) dial {
	var best dial
	byRest := map[string]*dial{}
	for _, g := range groups {
		if len(g.goal) != length {
			continue
		}
		rest := append([]float64(nil), g.goal...)
		rest[entry] = math.Inf(1)
		key := fmt.Sprint(rest)
		d := byRest[key]
		if d == nil {
			d = &dial{entry: entry}
			byRest[key] = d
		}
		// Groups come sorted, so equal rests come by ascending entry.
		d.at, d.groups = append(d.at, g.goal[entry]), append(d.groups, g)
		if len(d.groups) > len(best.groups) {
			best = *d
		}
	}
	return best
}

// dials adds the measures of the overall goal's dial and of each attribute's.
func (s *sheet) dials(p Policy, attributes []Attribute) {
	groups := p.groups()
	s.dial(p, "goal/"+p.Name, dialOf(groups, 1, 0), always(p.reward))
	if len(attributes) < 2 {
		return
	}
	for k, a := range attributes {
		d := dialOf(groups, len(attributes), k)
		s.dial(p, "goal/"+p.Name+"/"+a.Name, d, p.level(a, k))
		for j, other := range attributes {
			if j != k {
				s.turn(p, "goal/"+p.Name+"/"+a.Name+"/range/"+other.Name, d, p.level(other, j))
			}
		}
	}
}

// dial adds how what was reached follows what was asked for.
func (s *sheet) dial(p Policy, name string, d dial, reached func(row int) (float64, bool)) {
	if len(d.groups) < 2 {
		return
	}
	var prompts []string
	var asked, got []float64
	var means []statistic
	for i, g := range d.groups {
		ps, vs := p.column(g.rows, reached)
		means = append(means, mean(vs, len(got)))
		prompts, got = append(prompts, ps...), append(got, vs...)
		for range vs {
			asked = append(asked, d.at[i])
		}
	}
	s.add(name+"/spearman", prompts, overGoals(means, func(reached []float64) float64 {
		return spearman(d.at, reached)(ones(len(reached)))
	}))
	s.add(name+"/spearman-answers", prompts, spearman(asked, got))
	s.turn(p, name+"/range", d, reached)
	s.add(name+"/rises", prompts, overGoals(means, func(reached []float64) float64 {
		rises := 0.0
		for i, r := range reached[1:] {
			rises += truth(r > reached[i]) / float64(len(reached)-1)
		}
		return rises
	}))
	s.add(name+"/error", prompts, overGoals(means, func(reached []float64) float64 {
		sum := 0.0
		for i, r := range reached {
			sum += math.Abs(r-d.at[i]) / float64(len(reached))
		}
		return sum
	}))
}

// turn adds the mean at the dial's highest goal less the mean at its lowest.
func (s *sheet) turn(p Policy, name string, d dial, reached func(row int) (float64, bool)) {
	if len(d.groups) < 2 {
		return
	}
	highPrompts, high := p.column(d.groups[len(d.groups)-1].rows, reached)
	lowPrompts, low := p.column(d.groups[0].rows, reached)
	s.add(name, append(highPrompts, lowPrompts...), difference(high, low))
}

// overGoals is a number of the goals' means; undefined where one of them is.
func overGoals(means []statistic, f func(reached []float64) float64) statistic {
	reached := make([]float64, len(means))
	return func(w []float64) float64 {
		for i, m := range means {
			if reached[i] = m(w); math.IsNaN(reached[i]) {
				return math.NaN()
			}
		}
		return f(reached)
	}
}
