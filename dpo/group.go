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
	if c.Device != "cpu" {
		return fmt.Errorf("%d processes and device %s: several processes train on the CPU only; start one, or set device=cpu", g.Size(), c.Device)
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
		t.group = torch.GroupOf(ctx)
		return t.resume(ctx, s, j.From, func() error { return nil })
	})
}

// join calls fn with a trainer as the job has it, before its first step.
func (j job) join(ctx context.Context, fn func(*torch.Scope, *trainer) error) error {
	c := TrainConfig(j.Config)
	o, rows, _, err := prepare(c, read(j.Inputs[2:]), j.Inputs[1])
	if err != nil {
		return err
	}
	return withPolicy(ctx, j.Inputs[0], c.DType, c.Device, c.LoRA.Rank == 0, func(s *torch.Scope, _ *hf.Folder, p model.Policy) error {
		params, err := trainable(s, p, c)
		if err != nil {
			return err
		}
		t := &trainer{objective: o, seed: c.Seed, policy: p, params: params, rows: rows, opt: newOptimizer(s, params, c.DPO)}
		t.attributes = attributes(j.Inputs[2:])
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

// mine are the places of the rows that this process takes: the longest first,
// dealt in turn, so that all have about the same work.
func (t *trainer) mine(rows []row) []int {
	places := make([]int, len(rows))
	for i := range places {
		places[i] = i
	}
	size := t.group.Size()
	if size == 1 {
		return places
	}
	slices.SortStableFunc(places, func(i, j int) int { return rows[j].fork().Len() - rows[i].fork().Len() })
	var mine []int
	for i := t.group.Rank(); i < len(places); i += size {
		mine = append(mine, places[i])
	}
	return mine
}

// parts are this process's micro-batches of a step, as places of rows.
func (t *trainer) parts(rows []row) [][]int {
	mine := t.mine(rows)
	parts := model.Batches(len(mine), t.config.MicroTokens, func(i int) int { return rows[mine[i]].fork().Len() })
	for i, part := range parts {
		parts[i] = pick(mine, part)
	}
	return parts
}

// values are g's sums of all rows, [2·rows] each, each process taking its share.
func (t *trainer) values(ctx context.Context, s *torch.Scope, g gauge, rows []row) (logps, spreads []float32, err error) {
	mine, n := t.mine(rows), len(rows)
	all := make([]float32, 4*n)
	own, apart, err := g.values(ctx, s, t.policy, pick(rows, mine), t.config.MicroTokens, nil)
	if err == nil {
		for k, i := range mine {
			all[i], all[n+i] = own[k], own[len(mine)+k]
			all[2*n+i], all[3*n+i] = apart[k], apart[len(mine)+k]
		}
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
		t.group.Sum(sum)
		stopped = sum.Floats()[len(values)]
		copy(values, sum.Floats())
	})
	if err == nil && stopped > 0 {
		err = fmt.Errorf("%w (a signal reached another process)", flow.ErrInterrupted)
	}
	return err
}
