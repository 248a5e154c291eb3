package eval

import (
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// An AlpacaPair compares two models that were judged against one baseline, on
// the instructions that both have. Paired, an instruction that is easy for both
// does not count as an advantage.
type AlpacaPair struct {
	First        AlpacaRow       `json:"first"`
	Second       AlpacaRow       `json:"second"`
	Instructions int             `json:"n_paired"`
	Correlation  *float64        `json:"correlation"` // of preferences; nil: one side is constant
	WinRate      AlpacaDiffering `json:"win_rate_difference"`
	Controlled   AlpacaDiffering `json:"length_controlled_winrate_difference"`
	P            float64         `json:"p_sign_flip"` // two-sided, of no difference in win rate
}

// An AlpacaDiffering is first minus second, in percent.
type AlpacaDiffering struct {
	Value     float64   `json:"value"`
	Bootstrap *Spread95 `json:"bootstrap,omitempty"`
}

// AlpacaCompare compares the models of a and b.
func AlpacaCompare(a, b Alpaca) (AlpacaPair, error) {
	var out AlpacaPair
	var err error
	if out.First, err = AlpacaEval(a); err != nil {
		return out, err
	}
	if out.Second, err = AlpacaEval(b); err != nil {
		return out, err
	}
	if out.First.Baseline != out.Second.Baseline {
		return out, fmt.Errorf("alpaca: the baselines are %q and %q: want one", out.First.Baseline, out.Second.Baseline)
	}
	// Each side is fitted to all its rows; the statistics are of those shared.
	one, other, err := paired(a, b)
	if err != nil {
		return out, err
	}
	out.Instructions = len(one.rows)
	out.WinRate = one.differing(a.Draws, other, (*contest).winRate)
	out.Controlled = one.differing(a.Draws, other, (*contest).controlled)
	x, y := one.preferences(), other.preferences()
	if r := stat.Correlation(x, y, nil); finite(r) {
		out.Correlation = &r
	}
	out.P = signFlip(floats.SubTo(make([]float64, len(x)), x, y))
	return out, nil
}

// paired are contests over the instructions with a preference on both sides, in
// the same order.
func paired(a, b Alpaca) (one, other *contest, err error) {
	at := map[string]int{}
	for i, row := range b.Rows {
		at[row.Instruction] = i
	}
	var left, right []int
	for i, row := range a.Rows {
		if k, ok := at[row.Instruction]; ok && !math.IsNaN(row.Preference) && !math.IsNaN(b.Rows[k].Preference) {
			left, right = append(left, i), append(right, k)
			delete(at, row.Instruction)
		}
	}
	if len(left) < folds {
		return nil, nil, fmt.Errorf("alpaca: the two files share %d instructions: the comparison needs %d or more", len(left), folds)
	}
	if one, err = newContest(a); err != nil {
		return nil, nil, err
	}
	if other, err = newContest(b); err != nil {
		return nil, nil, err
	}
	return one.only(left), other.only(right), nil
}

// only is the contest over some of its annotations, all with a preference, with
// their difficulties and lengths as they were.
func (c *contest) only(rows []int) *contest {
	out := *c
	out.rows, out.difficulty, out.of = nil, nil, nil
	out.glm.rows = append([]glmRow(nil), c.glm.rows[:c.glm.gamed]...)
	place := map[int]int{}
	for k, i := range c.of {
		place[i] = c.glm.gamed + k
	}
	for k, i := range rows {
		out.rows, out.difficulty, out.of = append(out.rows, c.rows[i]), append(out.difficulty, c.difficulty[i]), append(out.of, k)
		out.glm.rows = append(out.glm.rows, c.glm.rows[place[i]])
	}
	return &out
}

// differing is a statistic of c minus that of other, under the same draws.
func (c *contest) differing(n int, other *contest, f func(*contest, []float64) float64) AlpacaDiffering {
	difference := func(w []float64) float64 { return f(c, w) - f(other, w) }
	value := difference(ones(len(c.rows)))
	return AlpacaDiffering{value, c.spread(n, value, difference)}
}

// preferences are probabilities that the model is better.
func (c *contest) preferences() []float64 {
	out := make([]float64, len(c.rows))
	for i, a := range c.rows {
		out[i] = a.Preference - 1
	}
	return out
}
