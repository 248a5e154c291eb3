package model

import (
	"context"

	"radpo/internal/torch"
)

// Logps calls take with the log-probabilities under p of each item's response
// tokens, a list a response in the order of its forks, without gradient. Items are
// computed in [Batches] of at most budget tokens. ctx is checked at each batch.
func Logps(ctx context.Context, s *torch.Scope, p Policy, n, budget int, forks func(item int) []Fork, take func(item int, logps [][]float32)) error {
	cost := func(i int) (tokens int) {
		for _, f := range forks(i) {
			tokens += f.Len()
		}
		return tokens
	}
	for _, batch := range Batches(n, budget, cost) {
		if err := ctx.Err(); err != nil {
			return err
		}
		var all []Fork
		for _, i := range batch {
			all = append(all, forks(i)...)
		}
		var logps []float32
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) { logps = NewForks(s, all).Logps(s, p).Floats() })
		})
		for _, i := range batch {
			var lists [][]float32
			for _, f := range forks(i) {
				for _, r := range f.Responses {
					n := len(r)
					lists, logps = append(lists, logps[:n:n]), logps[n:]
				}
			}
			take(i, lists)
		}
	}
	return nil
}
