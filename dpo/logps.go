package dpo

import (
	"context"
	"fmt"

	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/torch"
)

// sums is the summed log-probability of each row's responses, chosen and
// rejected, each [B] fp32.
func sums(s *torch.Scope, p model.Policy, rows []row) (chosen, rejected torch.Tensor) {
	forks := make([]model.Fork, len(rows))
	var segments []int64 // of each response token: row for chosen, B + row for rejected
	for i, r := range rows {
		forks[i] = r.fork()
		segments = appendN(segments, int64(i), len(r.chosen))
		segments = appendN(segments, int64(len(rows)+i), len(r.rejected))
	}
	n := int64(len(rows))
	tokens := model.NewForks(s, forks).Logps(s, p)
	both := s.SegmentSum(tokens, s.Longs(segments, int64(len(segments))), 2*n)
	return s.Narrow(both, 0, 0, n), s.Narrow(both, 0, n, n)
}

func appendN(dst []int64, v int64, n int) []int64 {
	for range n {
		dst = append(dst, v)
	}
	return dst
}

// reference fills the rows' reference log-probabilities with those of p, in
// micro-batches of at most budget tokens.
func reference(ctx context.Context, s *torch.Scope, p model.Policy, rows []row, budget int, bar *progress.Bar) error {
	for _, batch := range model.Batches(len(rows), budget, func(i int) int { return rows[i].fork().Len() }) {
		if err := ctx.Err(); err != nil {
			return err
		}
		part := pick(rows, batch)
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) {
				chosen, rejected := sums(s, p, part)
				good, bad := chosen.Floats(), rejected.Floats()
				for k, i := range batch {
					rows[i].refChosen, rows[i].refRejected = good[k], bad[k]
				}
			})
		})
		for _, r := range pick(rows, batch) {
			if good, bad := float64(r.refChosen), float64(r.refRejected); !torch.Finite(good + bad) {
				return fmt.Errorf("pair %s: the reference's log-probabilities are %v for chosen and %v for rejected: "+
					"its weights or dtype are at fault, or ids of the pair", r.id, good, bad)
			}
		}
		bar.Add(int64(len(batch)))
	}
	return nil
}
