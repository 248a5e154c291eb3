package dpo

import (
	"context"
	"fmt"

	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/torch"
)

// A gauge says what is summed over the tokens of responses.
type gauge struct {
	tail    float64 // what a token behind the shorter response's length counts: 1 but for LD-DPO
	spreads bool    // also log Σ_v p_v², which WPO's weights compare log-probabilities with
}

// sums is, of chosen [0] and of rejected [1], the log-probability of each
// row's response, [2,B] fp32. Spreads, if wanted, are likewise. The layers are
// put on tape, unless that is nil.
func (g gauge) sums(s *torch.Scope, p model.Policy, tape *torch.Tape, rows []row) (logps, spreads torch.Tensor) {
	forks := make([]model.Fork, len(rows))
	var segments []int64 // of each response token: row for chosen, B + row for rejected
	for i, r := range rows {
		forks[i] = r.fork()
		segments = appendN(segments, int64(i), len(r.chosen))
		segments = appendN(segments, int64(len(rows)+i), len(r.rejected))
	}
	n := int64(len(rows))
	places := s.Longs(segments, int64(len(segments)))
	sum := func(tokens torch.Tensor) torch.Tensor { return s.View(s.SegmentSum(tokens, places, 2*n), 2, n) }

	batch := model.NewForks(s, forks)
	batch.Tape = tape
	var states, ids, tokens torch.Tensor
	s.BigProducts(func(s *torch.Scope) {
		states, ids = batch.Predictors(s, p)
		tokens = p.Logps(s, states, ids)
	})
	if g.spreads {
		spreads = sum(tokenSpreads(s, p, states))
	}
	if g.tail != 1 {
		tokens = s.Mul(tokens, s.Floats(tailWeights(rows, float32(g.tail)), int64(len(segments))))
	}
	return sum(tokens), spreads
}

// tokenSpreads is log Σ_v p_v² of the prediction at each hidden state, [N]
// without gradient, some rows of logits at a time.
func tokenSpreads(s *torch.Scope, p model.Policy, states torch.Tensor) torch.Tensor {
	const most = 512
	n := states.Dim(0)
	all := s.Zeros(torch.Float, n)
	for from := int64(0); from < n; from += most {
		rows := min(most, n-from)
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) {
				s.Narrow(all, 0, from, rows).Set(s.TokenSpreads(p.Logits(s, s.Narrow(states, 0, from, rows))))
			})
		})
	}
	return all
}

// tailWeights is, in the order of the tokens, 1 up to the length of the row's
// shorter response and tail behind it.
func tailWeights(rows []row, tail float32) []float32 {
	var weights []float32
	for _, r := range rows {
		shared := min(len(r.chosen), len(r.rejected))
		for _, response := range [][]int32{r.chosen, r.rejected} {
			weights = appendN(weights, 1, shared)
			weights = appendN(weights, tail, len(response)-shared)
		}
	}
	return weights
}

func appendN[E any](dst []E, v E, n int) []E {
	for range n {
		dst = append(dst, v)
	}
	return dst
}

// values are the sums of all rows on the host, [2·len(rows)] each, in
// micro-batches of at most budget tokens. Nothing is kept for a gradient.
func (g gauge) values(ctx context.Context, s *torch.Scope, p model.Policy, rows []row, budget int, bar *progress.Bar) (logps, spreads []float32, err error) {
	n := len(rows)
	logps, spreads = make([]float32, 2*n), make([]float32, 2*n)
	for _, batch := range model.Batches(n, budget, func(i int) int { return rows[i].fork().Len() }) {
		if err := ctx.Err(); err != nil {
			return nil, nil, err
		}
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) {
				l, d := g.sums(s, p, nil, pick(rows, batch))
				scatter(logps, l, batch)
				if g.spreads {
					scatter(spreads, d, batch)
				}
			})
		})
		bar.Add(int64(len(batch)))
	}
	return logps, spreads, nil
}

// scatter puts a tensor [2,B] of the rows at the given places among all.
func scatter(all []float32, part torch.Tensor, at []int) {
	values, n := part.Floats(), len(all)/2
	for k, i := range at {
		all[i], all[n+i] = values[k], values[len(at)+k]
	}
}

// reference fills the rows' reference log-probabilities with those of p, and
// those of unrelated responses where they are wanted.
func reference(ctx context.Context, s *torch.Scope, p model.Policy, rows []row, c RefsConfig, bar *progress.Bar) error {
	n := len(rows)
	logps, _, err := gauge{tail: c.Tail}.values(ctx, s, p, rows, c.MicroTokens, bar)
	if err != nil {
		return err
	}
	unrelated := make([]float32, 2*n)
	if c.Unrelated {
		if unrelated, _, err = (gauge{tail: 1}).values(ctx, s, p, mismatched(rows), c.MicroTokens, nil); err != nil {
			return err
		}
	}
	for i := range rows {
		r := &rows[i]
		r.refChosen, r.refRejected, r.refUnrelated = logps[i], logps[n+i], [2]float32{unrelated[i], unrelated[n+i]}
		if good, bad, other := float64(r.refChosen), float64(r.refRejected), float64(unrelated[i]+unrelated[n+i]); !torch.Finite(good + bad + other) {
			return fmt.Errorf("pair %s: the reference's log-probabilities are %v for chosen and %v for rejected: "+
				"its weights or dtype are at fault, or ids of the pair", r.id, good, bad)
		}
	}
	return nil
}
