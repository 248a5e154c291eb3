package dpo

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// Several processes train one policy. Rank 0 runs the stages; when it comes to
// a training it announces it, and the others, which wait in [Follow], take
// their share of every step. All have all rows and the same weights, bit for
// bit, since they move them by the same sum of gradients.

// A job is what a training announces to the other processes; they read the same
// folders.
type job struct {
	Config wholeConfig
	Inputs []string // policy, reference's log-probabilities or "", pairs tables
	From   string   // checkpoint to go on from, or ""
}

// A wholeConfig is written with what no fingerprint has, too.
type wholeConfig TrainConfig

func announce(ctx context.Context, g *torch.Group, c TrainConfig, in flow.In, from string) error {
	if g == nil {
		return nil
	}
	data, err := json.Marshal(job{wholeConfig(c), inputs(in), from})
	if err != nil {
		return err
	}
	return g.Announce(ctx, data)
}

// Dismiss ends [Follow] in the other processes of the context's group.
func Dismiss(ctx context.Context) error { return torch.GroupOf(ctx).Announce(ctx, nil) }

// Follow takes part in the trainings that rank 0 of the context's group
// announces, until it is dismissed. It writes no file.
func Follow(ctx context.Context) error {
	group := torch.GroupOf(ctx)
	for {
		data, err := group.Await(ctx)
		if err == nil && len(data) > 0 {
			var j job
			if err = json.Unmarshal(data, &j); err == nil {
				err = j.follow(ctx)
			}
		}
		if err != nil && (ctx.Err() != nil || group.Left()) {
			return fmt.Errorf("%w (%w)", flow.ErrInterrupted, err)
		}
		if err != nil || len(data) == 0 {
			return err
		}
	}
}

func (j job) follow(ctx context.Context) error {
	return j.join(ctx, func(s *torch.Scope, t *trainer) error {
		t.report = func([]row, int, error) error { return t.savePolicyAs("", nil) }
		if err := t.resume(ctx, s, j.From, func() error { return t.save("") }); err != nil {
			return err
		}
		if err := t.checkWeights(); err != nil {
			return err
		}
		return t.savePolicy("", nil)
	})
}

// join calls fn with a trainer as the job has it, before its first step.
func (j job) join(ctx context.Context, fn func(*torch.Scope, *trainer) error) error {
	c := TrainConfig(j.Config)
	o, rows, _, err := prepare(c, read(j.Inputs[2:]), j.Inputs[1])
	if err != nil {
		return err
	}
	return withTrained(ctx, j.Inputs[0], c, func(s *torch.Scope, _ *hf.Folder, t *trainer) error {
		t.objective, t.rows, t.attributes = o, rows, attributes(j.Inputs[2:])
		return fn(s, t)
	})
}

// resume goes on from a checkpoint, unless that is "", to the end.
func (t *trainer) resume(ctx context.Context, s *torch.Scope, from string, save func() error) error {
	if from != "" {
		if err := t.load(s, from); err != nil {
			return err
		}
	}
	return t.run(ctx, s, save)
}

// deal is the places of the rows that the process of a rank takes: the longest
// first, dealt in turn, so that all have about the same work.
func (t *trainer) deal(rows []row, rank int) []int {
	places := make([]int, len(rows))
	for i := range places {
		places[i] = i
	}
	size := t.group.Size()
	if size == 1 {
		return places
	}
	slices.SortStableFunc(places, func(i, j int) int { return rows[j].fork().Len() - rows[i].fork().Len() })
	var own []int
	for i := rank; i < len(places); i += size {
		own = append(own, places[i])
	}
	return own
}

// A turn is a micro-batch of a step, as places of rows.
type turn struct {
	rows   []int
	counts float64 // 1; 0 for one that only keeps the others company
}

// turns are this process's. Where processes meet in every micro-batch, those
// that have fewer fill up with some that do not count.
func (t *trainer) turns(rows []row) []turn {
	var own []turn
	most := 0
	for rank := range t.group.Size() {
		places := t.deal(rows, rank)
		parts := model.Batches(len(places), t.config.MicroTokens, func(i int) int { return rows[places[i]].fork().Len() })
		most = max(most, len(parts))
		if rank != t.group.Rank() {
			continue
		}
		for _, part := range parts {
			own = append(own, turn{pick(places, part), 1})
		}
	}
	for t.opt.stage >= shareGradients && len(own) < most {
		own = append(own, turn{[]int{0}, 0})
	}
	return own
}

// turn calls fn for a micro-batch, with the weights that are outside of layers
// at hand.
func (t *trainer) turn(s *torch.Scope, tape *torch.Tape, fn func(*torch.Scope, *torch.Tape)) {
	tape.Keeper = t.opt.keeper
	tape.Keeper.Fetch(torch.Outside)
	defer tape.Keeper.Drop(torch.Outside)
	s.Each(func(s *torch.Scope) { fn(s, tape) })
}

// agree is ctx's error: where processes meet in every micro-batch, that of any.
func (t *trainer) agree(ctx context.Context, s *torch.Scope) error {
	if t.opt.stage >= shareGradients {
		return t.share(s, nil, ctx.Err())
	}
	return ctx.Err()
}

// values are g's sums of all rows, [2·rows] each, each process taking its share.
func (t *trainer) values(ctx context.Context, s *torch.Scope, g gauge, rows []row) (logps, spreads []float32, err error) {
	n := len(rows)
	all := make([]float32, 4*n)
	for _, turn := range t.turns(rows) {
		if err = t.agree(ctx, s); err != nil {
			break
		}
		t.turn(s, &torch.Tape{Silent: true}, func(s *torch.Scope, tape *torch.Tape) {
			s.NoGrad(func(s *torch.Scope) {
				l, d := g.sums(s, t.policy, tape, pick(rows, turn.rows))
				if turn.counts == 0 {
					return
				}
				scatter(all[:2*n], l, turn.rows)
				if g.spreads {
					scatter(all[2*n:], d, turn.rows)
				}
			})
		})
	}
	err = t.share(s, all, err)
	return all[:2*n], all[2*n:], err
}

// share fills in what the other processes have where this one has 0. An err in
// one ends the step in all.
func (t *trainer) share(s *torch.Scope, values []float32, err error) error {
	if t.group.Size() == 1 {
		return err
	}
	stopped := float32(0)
	if err != nil {
		stopped = 1
	}
	s.Each(func(s *torch.Scope) {
		sum := s.Floats(append(slices.Clone(values), stopped), int64(len(values)+1))
		t.group.Sum(s, sum)
		stopped = sum.Floats()[len(values)]
		copy(values, sum.Floats())
	})
	if err == nil && stopped > 0 {
		err = fmt.Errorf("%w (a signal reached another process)", flow.ErrInterrupted)
	}
	return err
}
