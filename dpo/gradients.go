package dpo

import (
	"context"
	"fmt"

	"radpo/internal/model"
	"radpo/internal/torch"
)

// gradients adds those of the mean loss of a step's rows, micro-batch by
// micro-batch, and fills the step's metrics. A loss that couples pairs is first
// taken of all rows together, without the policy's graph; then each
// log-probability is pulled by its slope. Either way the split into
// micro-batches does not show.
func (t *trainer) gradients(ctx context.Context, s *torch.Scope, rows []row, m *Step) error {
	common, err := t.common(ctx, s, rows)
	if err != nil {
		return err
	}
	m.KL = common.KL
	parts := model.Batches(len(rows), t.config.MicroTokens, func(i int) int { return rows[i].fork().Len() })
	var slopes []float32
	if t.needs&Whole != 0 && len(parts) > 1 {
		if slopes, err = t.slopes(ctx, s, rows, common, m); err != nil {
			return err
		}
	}
	for _, part := range parts {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.Each(func(s *torch.Scope) {
			logps, spreads := t.gauge().sums(s, t.policy, pick(rows, part))
			if slopes != nil {
				t.opt.accumulate(s.Sum(s.Mul(logps, s.Floats(gather(slopes, part), 2, int64(len(part))))))
				return
			}
			var losses torch.Tensor
			losses, err = t.losses(s, pick(rows, part), logps, spreads, common, m, float64(len(rows)))
			if err == nil {
				t.opt.accumulate(s.Scale(s.Sum(losses), 1/float64(len(rows))))
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// gauge is what the losses want summed.
func (t *trainer) gauge() gauge {
	g := gauge{tail: 1, spreads: t.config.Weighting == "wpo"}
	if t.needs&Tail != 0 {
		g.tail = t.config.Alpha
	}
	return g
}

// common is what all pairs of a step share.
func (t *trainer) common(ctx context.Context, s *torch.Scope, rows []row) (Batch, error) {
	b := Batch{Shift: t.shift()}
	tokens := 0
	for _, r := range rows {
		tokens += len(r.chosen)
	}
	b.PerToken = float64(len(rows)) / float64(tokens)
	if t.needs&Unrelated == 0 {
		return b, nil
	}
	logps, _, err := gauge{tail: 1}.values(ctx, s, t.policy, mismatched(rows), t.config.MicroTokens, nil)
	if err != nil {
		return b, err
	}
	for i, r := range rows {
		b.KL += float64(logps[i]-r.refUnrelated[0]+logps[len(rows)+i]-r.refUnrelated[1]) / float64(2*len(rows))
	}
	b.KL = max(0, b.KL)
	return b, nil
}

// shift is the mean reward over all pairs of the steps before.
func (t *trainer) shift() float64 {
	var sum, n float64
	for i, m := range t.history {
		first := i % t.perEpoch() * t.config.Batch
		pairs := float64(min(t.config.Batch, len(t.rows)-first))
		sum, n = sum+pairs*(m.Chosen+m.Rejected)/2, n+pairs
	}
	return sum / max(1, n)
}

// slopes is by how much the step's mean loss rises with each row's
// log-probabilities, chosen and then rejected.
func (t *trainer) slopes(ctx context.Context, s *torch.Scope, rows []row, common Batch, m *Step) (slopes []float32, err error) {
	values, spread, err := t.gauge().values(ctx, s, t.policy, rows, t.config.MicroTokens, nil)
	if err != nil {
		return nil, err
	}
	s.Each(func(s *torch.Scope) {
		n := int64(len(rows))
		logps := s.Trainable(s.Floats(values, 2, n))
		var losses torch.Tensor
		if losses, err = t.losses(s, rows, logps, s.Floats(spread, 2, n), common, m, float64(n)); err != nil {
			return
		}
		into := s.Zeros(torch.Float, 2, n)
		torch.Gradients(s.Mean(losses), []torch.Tensor{logps}, []torch.Tensor{into})
		slopes = into.Floats()
	})
	return slopes, err
}

// gather is the chosen and the rejected values of the rows at the given places.
func gather(all []float32, at []int) []float32 {
	n := len(all) / 2
	return append(pick(all[:n], at), pick(all[n:], at)...)
}

// losses is the loss of each of rows, some of the step's n, from their
// log-probabilities [2,B]. It counts them in the step's metrics.
func (t *trainer) losses(s *torch.Scope, rows []row, logps, spreads torch.Tensor, common Batch, m *Step, n float64) (torch.Tensor, error) {
	b := t.look(s, rows, logps, spreads, common)
	each := t.each(s, b)
	losses, values := each.Floats(), logps.Floats()
	scale := t.config.Beta
	if scale == 0 {
		scale = 1 // the loss reads no beta, and none was set
	}
	for i, r := range rows {
		good, bad := float64(values[i]), float64(values[len(rows)+i])
		if !torch.Finite(float64(losses[i])) {
			return each, t.notFinite(r, losses[i], good, bad)
		}
		m.Tokens += int64(r.fork().Len())
		m.NLL -= good * common.PerToken / n
		if t.mean() {
			good, bad = good/float64(len(r.chosen)), bad/float64(len(r.rejected))
		}
		m.add(scale, float64(losses[i]), good, bad, float64(r.refChosen), float64(r.refRejected), n)
	}
	return each, nil
}

func (t *trainer) notFinite(r row, loss float32, chosen, rejected float64) error {
	if t.needs&Whole != 0 {
		return fmt.Errorf("a loss of the step's pairs is %v: lower dpo.learning_rate, or look at the pairs' log-probabilities", loss)
	}
	return fmt.Errorf("pair %s: the loss is %v, with log-probabilities %v for chosen and %v for rejected: "+
		"lower dpo.learning_rate, or look at this pair", r.id, loss, chosen, rejected)
}

// look is the batch of rows that the losses see.
func (t *trainer) look(s *torch.Scope, rows []row, logps, spreads torch.Tensor, common Batch) Batch {
	b := common
	column := func(of func(row) float32) torch.Tensor {
		values := make([]float32, len(rows))
		for i, r := range rows {
			values[i] = of(r)
		}
		return s.Floats(values, int64(len(rows)))
	}
	b.Chosen, b.Rejected = s.Select(logps, 0, 0), s.Select(logps, 0, 1)
	b.ChosenTokens = column(func(r row) float32 { return float32(len(r.chosen)) })
	b.RejectedTokens = column(func(r row) float32 { return float32(len(r.rejected)) })
	if t.needs&Reference != 0 {
		b.RefChosen = column(func(r row) float32 { return r.refChosen })
		b.RefRejected = column(func(r row) float32 { return r.refRejected })
	}
	if t.needs&Rewards != 0 {
		b.Gap = column(func(r row) float32 { return r.gap })
		b.Good = column(func(r row) float32 {
			if r.good {
				return 1
			}
			return 0
		})
		b.WinChosen = column(func(r row) float32 { return r.win })
		b.WinRejected = column(func(r row) float32 { return r.winNot })
	}
	if t.config.Weighting == "wpo" {
		b.Weight = wpo(s, logps, spreads, b)
	}
	return b
}

// wpo is the weight of each pair (arXiv:2406.11827, eq. 2): how likely its
// responses are under the policy, exp of the mean over tokens of
// log p − log Σ_v p_v², chosen's times rejected's, without gradient.
func wpo(s *torch.Scope, logps, spreads torch.Tensor, b Batch) torch.Tensor {
	excess := s.Sub(s.Detach(logps), spreads)
	chosen, rejected := s.Div(s.Select(excess, 0, 0), b.ChosenTokens), s.Div(s.Select(excess, 0, 1), b.RejectedTokens)
	return s.Exp(s.Add(chosen, rejected))
}
