package dpo

import (
	"encoding/json"
	"math"
	"strconv"

	"radpo/internal/table"
)

// GoodScore parts good rejected answers from poor ones, on 1–10.
const GoodScore = 5

// Groups of rows, whose measures a step has apart under ra/GROUP/:
//
//   - plain, goal_chosen, goal_rejected: the row's kind;
//   - goal-7: its goal, to the nearest whole number; complexity-7 for each
//     attribute of a goal that has several;
//   - rejected-high, rejected-low: the score of the answer that the ranker likes
//     less. It alone counts there: where the goal is its own score, which makes
//     it the chosen one, under logps/chosen, else under logps/rejected (the paper's
//     figure 3).
const (
	rejectedHigh = "rejected-high"
	rejectedLow  = "rejected-low"
)

// An origin is how a row came about.
type origin struct {
	kind string
	goal []float64
	lost float64 // score of the answer that the ranker likes less; NaN: unknown
}

func originOf(p table.Pair) origin {
	o := origin{kind: p.Kind, goal: p.Goal, lost: p.RewardRejected}
	if o.swapped() {
		o.lost = p.RewardChosen
	}
	return o
}

// swapped says whether chosen is what the ranker likes less.
func (o origin) swapped() bool { return o.kind == table.KindGoalRejected }

// groups of a row by kind and goal. Attributes are the names of the numbers of
// a goal with several.
func (o origin) groups(attributes []string) []string {
	out := []string{o.kind}
	for i, g := range o.goal {
		name := "goal"
		if len(o.goal) > 1 {
			name = "attribute" + strconv.Itoa(i+1)
			if i < len(attributes) {
				name = attributes[i]
			}
		}
		out = append(out, name+"-"+strconv.FormatFloat(math.Round(g)+0, 'f', -1, 64)) // +0: not "-0"
	}
	return out
}

// attributes are the names of the goal's numbers in the first of the pairs
// tables that has any.
func attributes(dirs []string) (names []string) {
	for _, dir := range dirs {
		if t, err := table.Open[table.Pair](dir); err == nil && len(names) == 0 {
			_ = json.Unmarshal([]byte(t.Meta()[table.GoalNames]), &names) // absent: the goals have one number
		}
	}
	return names
}

// A result is what one row of a step came to.
type result struct {
	loss             float64
	chosen, rejected float64 // log π, as the metrics show it
	good, bad        float64 // rewards
	lift, fall       float64 // log π/π_ref of chosen and of rejected, sums over tokens
}

// A tally is sums and numbers of measures by their names.
type tally map[string][2]float64

func (t tally) add(name string, value float64) {
	t[name] = [2]float64{t[name][0] + value, t[name][1] + 1}
}

// count adds a row to those that the measures of a group are of.
func (t tally) count(group string) {
	name := "ra/" + group + "/pairs"
	t[name] = [2]float64{t[name][0] + 1, 1}
}

// row adds r's result to what all rows and what its groups have.
func (t tally) row(r row, x result, needs Need, attributes []string) {
	if needs&Reference != 0 {
		for _, d := range []float64{x.lift, x.fall} {
			t.add("kl/k1", -d)
			t.add("kl/k2", d*d/2)
		}
	}
	t.add("completions/chosen/mean_length", float64(len(r.chosen)))
	if needs&Rejected != 0 {
		t.add("completions/rejected/mean_length", float64(len(r.rejected)))
	}
	side := func(group, side string, logp, reward float64) {
		t.add("ra/"+group+"/logps/"+side, logp)
		if needs&Reference != 0 {
			t.add("ra/"+group+"/rewards/"+side, reward)
		}
	}
	for _, g := range r.groups(attributes) {
		t.count(g)
		side(g, "chosen", x.chosen, x.good)
		if needs&Rejected != 0 {
			side(g, "rejected", x.rejected, x.bad)
		}
	}
	group := rejectedLow
	if r.lost >= GoodScore {
		group = rejectedHigh
	}
	switch {
	case math.IsNaN(r.lost) || !r.swapped() && needs&Rejected == 0:
		return
	case r.swapped():
		side(group, "chosen", x.chosen, x.good)
	default:
		side(group, "rejected", x.rejected, x.bad)
	}
	t.count(group)
}

func (t tally) means() map[string]float64 {
	out := map[string]float64{}
	for name, v := range t {
		out[name] = v[0] / v[1]
	}
	return out
}
