package main

import (
	"cmp"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"radpo/demo"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// paperHeads are the heads that stand for the five attributes.
var paperHeads = [5]int{14, 6, 8, 9, 3}

// check prints how the reward model ranks fresh answers of each kind: Spearman
// with the rule, overall and by attribute.
func (w words) check(s *torch.Scope, m *model.ArmoRM, rng *rand.Rand) error {
	for _, k := range []kind{drawn, even, stark, broken} {
		batch, err := w.answers(rng, 500, k)
		if err != nil {
			return err
		}
		var scores, rewards []float32
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) {
				l := lay(s, batch, 1)
				r, gate := read(s, m, l, l.Flat(s, m.Body), batch)
				scores, rewards = m.Score(s, r, gate).Floats(), r.Floats()
			})
		})
		say("Spearman with the rule, %-6s: overall %.3f", k, spearman(len(batch), func(i int) (float64, float64) {
			return float64(scores[i]), batch[i].overall
		}))
		for a, head := range paperHeads {
			say("  %-22s %.3f", demo.Attributes[a], spearman(len(batch), func(i int) (float64, float64) {
				end := len(batch[i].rewards) - 1
				return float64(rewards[i*objectives+head]), float64(batch[i].rewards[end][head])
			}))
		}
	}
	return nil
}

// spearman is the rank correlation of n pairs.
func spearman(n int, pair func(i int) (float64, float64)) float64 {
	x, y := make([]float64, n), make([]float64, n)
	for i := range n {
		x[i], y[i] = pair(i)
	}
	return stat.Correlation(ranks(x), ranks(y), nil)
}

// ranks gives equal values the mean of their places.
func ranks(values []float64) []float64 {
	order := make([]int, len(values))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(values[a], values[b]) })
	out := make([]float64, len(values))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && values[order[j]] == values[order[i]] {
			j++
		}
		for _, k := range order[i:j] {
			out[k] = float64(i+j-1) / 2
		}
		i = j
	}
	return out
}
