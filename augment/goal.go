package augment

import (
	"strconv"

	"radpo/configs"
	"radpo/internal/table"
)

// A variant is a row still to be written: who wins, and at which goal.
type variant struct {
	kind             string
	chosen, rejected response
	goal             []float64 // 1–10, one an attribute; nil for none
}

// variants lists the rows that p becomes.
//
// Under the goal g a response is worth −|g − r|, so at the worse response's own
// score the order turns round (paper, section 4).
func variants(c configs.Augment, p pair) []variant {
	switch {
	case c.BothGoals():
		return []variant{
			{table.KindGoalChosen, p.better, p.worse, goal(c, p.better)},
			{table.KindGoalRejected, p.worse, p.better, goal(c, p.worse)},
		}
	case c.Method == "ra-plus":
		return []variant{{table.KindGoalChosen, p.better, p.worse, goal(c, p.better)}}
	}
	return []variant{{table.KindPlain, p.better, p.worse, nil}}
}

// goal is what asking for r's own quality means: its overall score, or its
// level in each attribute.
func goal(c configs.Augment, r response) []float64 {
	if len(c.Attributes) == 0 {
		return []float64{printed(r.score.Score, c.Decimals)}
	}
	levels := make([]float64, len(r.score.Levels))
	for i, x := range r.score.Levels {
		levels[i] = printed(x, c.Decimals)
	}
	return levels
}

// printed is x as a reader of the prompt sees it.
func printed(x float64, decimals int) float64 {
	y, err := strconv.ParseFloat(strconv.FormatFloat(x, 'f', decimals, 64), 64)
	if err != nil {
		return x // unreachable: what was formatted parses
	}
	return y + 0 // never -0
}
