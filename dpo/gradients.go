package dpo

import (
	"context"
	"fmt"

	"radpo/internal/torch"
)

// gradients adds those of the mean loss of a step's rows, micro-batch by
// micro-batch, and fills the step's metrics. A loss that couples pairs is first
// taken of all rows together, without the policy's graph; then each
// log-probability is pulled by its slope. Either way neither the split into
// micro-batches nor that into processes shows.
func (t *trainer) gradients(ctx context.Context, s *torch.Scope, rows []row, m *Step) error {
	common, err := t.common(ctx, s, rows)
	if err != nil {
		return err
	}
	m.KL = common.KL
	turns := t.turns(rows)
	seen := newOutcomes(len(rows))
	var slopes []float32
	if t.needs&Whole != 0 && (len(turns) > 1 || t.group.Size() > 1) {
		if slopes, err = t.slopes(ctx, s, rows, common, seen); err != nil {
			return err
		}
	}
	for _, turn := range turns {
		if err = t.agree(ctx, s); err != nil {
			break
		}
		t.turn(s, &torch.Tape{Recompute: t.config.GradientCheckpointing}, func(s *torch.Scope, tape *torch.Tape) {
			logps, spreads := t.gauge().sums(s, t.policy, tape, pick(rows, turn.rows))
			if slopes != nil {
				pull := s.Floats(gather(slopes, turn.rows), 2, int64(len(turn.rows)))
				t.opt.accumulate(s, tape, s.Scale(s.Sum(s.Mul(logps, pull)), turn.counts))
				return
			}
			losses := t.each(s, t.look(s, pick(rows, turn.rows), logps, spreads, common))
			if turn.counts > 0 {
				seen.note(turn.rows, losses.Floats(), logps.Floats())
			}
			t.opt.accumulate(s, tape, s.Scale(s.Sum(losses), turn.counts/float64(len(rows))))
		})
	}
	if slopes != nil {
		err = t.share(s, nil, err) // what is seen is seen by all
	} else {
		err = t.share(s, seen, err)
	}
	if err != nil {
		return err
	}
	return t.count(rows, seen, common, m)
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
	logps, _, err := t.values(ctx, s, gauge{tail: 1}, mismatched(rows))
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
		if m.Skipped {
			continue
		}
		first := i % t.perEpoch() * t.config.Batch
		pairs := float64(min(t.config.Batch, len(t.rows)-first))
		sum, n = sum+pairs*(m.Chosen+m.Rejected)/2, n+pairs
	}
	return sum / max(1, n)
}

// slopes is by how much the step's mean loss rises with each row's
// log-probabilities, chosen and then rejected.
func (t *trainer) slopes(ctx context.Context, s *torch.Scope, rows []row, common Batch, seen outcomes) (slopes []float32, err error) {
	values, spread, err := t.values(ctx, s, t.gauge(), rows)
	if err != nil {
		return nil, err
	}
	s.Each(func(s *torch.Scope) {
		n := int64(len(rows))
		logps := s.Trainable(s.Floats(values, 2, n))
		losses := t.each(s, t.look(s, rows, logps, s.Floats(spread, 2, n), common))
		for i, loss := range losses.Floats() {
			seen.note([]int{i}, []float32{loss}, gather(values, []int{i}))
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

// outcomes are the loss of each row of a step and its log-probabilities of
// chosen and of rejected, [3·rows].
type outcomes []float32

func newOutcomes(rows int) outcomes { return make(outcomes, 3*rows) }

// note takes the losses [B] and log-probabilities [2,B] of the rows at the
// given places.
func (o outcomes) note(at []int, losses, logps []float32) {
	n := len(o) / 3
	for k, i := range at {
		o[i], o[n+i], o[2*n+i] = losses[k], logps[k], logps[len(at)+k]
	}
}

// count fills the step's metrics, or names the first row whose loss is not
// finite.
func (t *trainer) count(rows []row, seen outcomes, common Batch, m *Step) error {
	scale, n := t.scale(), len(rows)
	all := tally{}
	for i, r := range rows {
		good, bad := float64(seen[n+i]), float64(seen[2*n+i])
		if !torch.Finite(float64(seen[i])) {
			return t.complain(r, seen[i], good, bad)
		}
		m.Tokens += int64(r.fork().Len())
		m.NLL -= good * common.PerToken / float64(n)
		x := result{loss: float64(seen[i]), chosen: good, rejected: bad, lift: good - float64(r.refChosen), fall: bad - float64(r.refRejected)}
		if t.mean() {
			x.chosen, x.rejected = good/float64(len(r.chosen)), bad/float64(len(r.rejected))
			x.lift, x.fall = x.chosen, x.rejected
		}
		x.good, x.bad = scale*x.lift, scale*x.fall
		m.add(x, float64(n))
		all.row(r, x, t.needs, t.attributes)
	}
	m.More = all.means()
	return nil
}

func (t *trainer) complain(r row, loss float32, chosen, rejected float64) error {
	if t.needs&Whole != 0 {
		return notFinite(fmt.Sprintf("a loss of the step's pairs is %v: lower dpo.learning_rate, or look at the pairs' log-probabilities", loss))
	}
	return notFinite(fmt.Sprintf("pair %s: the loss is %v, with log-probabilities %v for chosen and %v for rejected: "+
		"lower dpo.learning_rate, or look at this pair", r.id, loss, chosen, rejected))
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
