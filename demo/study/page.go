package main

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// A spread is a mean over seeds with its standard deviation.
type spread struct {
	mean, sd float64
	n        int
}

func (s spread) String() string {
	if s.n == 0 {
		return "—"
	}
	return strings.ReplaceAll(fmt.Sprintf("%.2f ± %.2f", s.mean, s.sd), "-", "−")
}

// over is a measure over seeds; a seed whose report lacks it is left out.
func over(runs []measures, name string) spread {
	return each(runs, func(m measures) (float64, bool) { v, ok := m[name]; return v, ok })
}

// between is the difference of two measures over seeds, each of its own runs.
func between(a []measures, high string, b []measures, low string) spread {
	i := -1
	return each(a, func(m measures) (float64, bool) {
		i++
		x, ok := m[high]
		y, also := b[i][low]
		return x - y, ok && also
	})
}

func each(runs []measures, value func(measures) (float64, bool)) spread {
	var values []float64
	for _, m := range runs {
		if v, ok := value(m); ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return spread{}
	}
	mean, sd := stat.MeanStdDev(values, nil)
	if len(values) < 2 {
		sd = math.NaN()
	}
	return spread{mean, sd, len(values)}
}

// A claim is a sentence and the number that decides it.
type claim struct {
	text  string
	value spread
	holds bool
}

var goals = []string{"no-goal", "goal-2", "goal-4", "goal-6", "goal-8", "goal-10"}

var attributes = []string{"complexity", "instruction_following", "honesty", "helpfulness", "intellectual_depth"}

// write is the page.
func write(results map[string][]measures, seeds int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# The built-in experiment over %d seeds\n\nWritten by `make study`. Every number is the mean over seeds ± their standard deviation; each seed has its own\nprompts, draws and order of data, and all share one policy and one reward model. Reward is the exact rule's, 1–10.\n", seeds)
	writeClaims(&b, claims(results))
	writeRewards(&b, results)
	writeUnlearning(&b, results)
	writeDials(&b, results["attributes"])
	writeText(&b, results)
	return b.String()
}

// claims are what the run is for; each is decided by its number alone.
func claims(results map[string][]measures) []claim {
	ra, plus, same := results["ra"], results["ra-plus"], results["same-data"]
	at := func(s spread, least float64) bool { return s.n > 0 && s.mean >= least }
	above := func(s spread) bool { return s.n > 1 && s.mean > 2*s.sd/math.Sqrt(float64(s.n)) }
	spearman, width := over(ra, "goal/iter-1/spearman"), over(ra, "goal/iter-1/range")
	kept := over(ra, "unlearning/ra/over-plain")
	one := between(ra, "reward/iter-1/goal-10", ra, "reward/base")
	two := between(ra, "reward/iter-2/goal-10", ra, "reward/base")
	plain := between(ra, "reward/iter-1/goal-10", ra, "reward/plain-1")
	fresh := between(ra, "reward/iter-2/goal-10", same, "reward/iter-2/goal-10")
	more := between(ra, "reward/iter-2/goal-10", ra, "reward/iter-1/goal-10")
	dial := between(plus, "goal/iter-1/range", ra, "goal/iter-1/range")
	return []claim{
		{"Dial after iteration 1: Spearman of goal asked and reward reached is at least 0.9", spearman, at(spearman, 0.9)},
		{"Dial after iteration 1: reward at goal 10 minus goal 2 is at least 3", width, at(width, 3)},
		{"RA keeps more log-probability of well-scored rejected answers than plain DPO (nats)", kept, above(kept)},
		{"Reward at goal 10 is above base after iteration 1", one, above(one)},
		{"Reward at goal 10 is above base after iteration 2", two, above(two)},
		{"Iteration 2 raises the reward at goal 10 over iteration 1", more, above(more)},
		{"RA at goal 10 beats plain DPO in reward, both after iteration 1", plain, above(plain)},
		{"Fresh samples in iteration 2 beat the same epochs, about as many steps, on iteration 1's rows", fresh, above(fresh)},
		{"RA+ has a wider dial than RA", dial, above(dial)},
	}
}

func writeClaims(b *strings.Builder, list []claim) {
	b.WriteString("\n## What shows and what does not\n\n| | number | shows |\n|---|---|---|\n")
	for _, c := range list {
		word := "no"
		if c.holds {
			word = "yes"
		}
		fmt.Fprintf(b, "| %s | %v | %s |\n", c.text, c.value, word)
	}
	b.WriteString("\n\"Above\" and \"more\" mean by over two standard errors of the mean over seeds.\n")
}

func writeRewards(b *strings.Builder, results map[string][]measures) {
	b.WriteString("\n## Reward by goal asked\n\n| policy | none | 2 | 4 | 6 | 8 | 10 | Spearman | 10 − 2 |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, row := range []struct{ label, variant, policy string }{
		{"base", "ra", "base"}, {"plain DPO", "ra", "plain-1"}, {"RA, iteration 1", "ra", "iter-1"}, {"RA, iteration 2", "ra", "iter-2"},
		{"RA, iteration 2 on iteration 1's rows", "same-data", "iter-2"}, {"RA+, iteration 1", "ra-plus", "iter-1"},
	} {
		fmt.Fprintf(b, "| %s |", row.label)
		for _, g := range goals {
			fmt.Fprintf(b, " %v |", over(results[row.variant], "reward/"+row.policy+"/"+g))
		}
		fmt.Fprintf(b, " %v | %v |\n", over(results[row.variant], "goal/"+row.policy+"/spearman"), over(results[row.variant], "goal/"+row.policy+"/range"))
	}
}

func writeUnlearning(b *strings.Builder, results map[string][]measures) {
	b.WriteString("\n## Log-probability of rejected answers with a score of at least 5 (nats a response)\n\n| policy | log π |\n|---|---|\n")
	for _, row := range []struct{ label, variant, name string }{
		{"base", "ra", "base"}, {"plain DPO", "ra", "plain"}, {"RA at the answer's own score", "ra", "ra"},
	} {
		fmt.Fprintf(b, "| %s | %v |\n", row.label, over(results[row.variant], "unlearning/"+row.name+"/rejected_logp"))
	}
}

// writeDials is the matrix of one dial turned and every attribute's change.
func writeDials(b *strings.Builder, runs []measures) {
	b.WriteString("\n## Five dials: change of each attribute when one dial goes from lowest to highest goal, the others in the middle\n\n| dial |")
	for _, a := range attributes {
		fmt.Fprintf(b, " %s |", strings.ReplaceAll(a, "_", " "))
	}
	b.WriteString("\n|---|---|---|---|---|---|\n")
	for _, dial := range attributes {
		fmt.Fprintf(b, "| %s |", strings.ReplaceAll(dial, "_", " "))
		for _, a := range attributes {
			name := "goal/iter-1/" + dial + "/range/" + a
			if a == dial {
				name = "goal/iter-1/" + dial + "/range"
			}
			fmt.Fprintf(b, " %v |", over(runs, name))
		}
		b.WriteString("\n")
	}
}

func writeText(b *strings.Builder, results map[string][]measures) {
	b.WriteString("\n## Is it still text: share of answers that end and that parse whole; ranker against the exact rule\n\n| policy | ends | parses | parses at goal 2 | Spearman of ranker and rule |\n|---|---|---|---|---|\n")
	for _, p := range []string{"base", "plain-1", "iter-1", "iter-2"} {
		runs := results["ra"]
		fmt.Fprintf(b, "| %s | %v | %v | %v | %v |\n", p, over(runs, "finish/"+p), over(runs, "parse/"+p), over(runs, "parse/"+p+"/goal-2"), over(runs, "ranker/"+p+"/spearman"))
	}
}
