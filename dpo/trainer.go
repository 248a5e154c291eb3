package dpo

import (
	"context"
	"errors"
	"fmt"

	"radpo/internal/flow"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/torch"
)

// A trainer moves a policy over rows. What it has done so far is the
// optimizer's state and its history: everything else is a function of the
// configuration and the step's number.
type trainer struct {
	objective
	seed    int64
	policy  model.Policy
	params  []model.Param // what is trained of it: its weights, or factors of a change
	rows    []row
	opt     *optimizer
	group   *torch.Group // the processes that share each step
	history []Step
	report  func(rows []row, step int, why error) error // keeps a step that is not finite; nil: nobody does
	publish func(Step) error                            // shows a step that is taken; nil: nobody does

	attributes []string // what the numbers of goals are called, where they have several
}

// total is the number of steps of the whole training.
func (t *trainer) total() int {
	return t.config.Epochs * t.perEpoch()
}

func (t *trainer) perEpoch() int { return (len(t.rows) + t.config.Batch - 1) / t.config.Batch }

// run takes the steps that are left and calls save every SaveEvery of them.
// When ctx ends it saves what there is first: at most the step under way is
// lost. A step that fails is not saved.
func (t *trainer) run(ctx context.Context, s *torch.Scope, save func() error) error {
	bar := progress.Start(ctx, int64(t.total()), "steps")
	defer bar.Done()
	bar.Skip(int64(len(t.history)))
	saved := len(t.history)
	for _, m := range t.history {
		if t.publish != nil {
			if err := t.publish(m); err != nil {
				return err
			}
		}
	}
	var stopped error
	for len(t.history) < t.total() {
		m, err := t.step(ctx, s, len(t.history))
		if err != nil && (ctx.Err() != nil || errors.Is(err, flow.ErrInterrupted)) {
			stopped = err
			break
		}
		if err != nil {
			return fmt.Errorf("step %d of %d: %w", len(t.history)+1, t.total(), err)
		}
		m.Warnings = t.warnings(m)
		t.history = append(t.history, m)
		if err := t.show(ctx, m); err != nil {
			return err
		}
		bar.Add(1)
		if done := len(t.history); done%t.config.SaveEvery == 0 && done < t.total() {
			if err := save(); err != nil {
				return err
			}
			saved = done
		}
	}
	switch done := len(t.history); {
	case done == t.total():
		return nil
	case done > saved:
		return errors.Join(stopped, save())
	}
	return stopped
}

// step takes step i, from 0: gradients over micro-batches of similar length,
// then one move. After an error nothing has moved.
func (t *trainer) step(ctx context.Context, s *torch.Scope, i int) (Step, error) {
	rows := t.batch(i)
	m := Step{Step: int64(i + 1), Epoch: float64(i+1) / float64(t.perEpoch())}
	if len(t.history) > 0 {
		m.Tokens = t.history[len(t.history)-1].Tokens
	}
	m.LearningRate = learningRate(t.config.Schedule, t.config.LearningRate, t.config.Warmup, i, t.total())
	blank := m
	err := t.gradients(ctx, s, rows, &m)
	if err == nil {
		if m.GradNorm = t.opt.step(s, m.LearningRate); torch.Finite(m.GradNorm) {
			return m, nil
		}
		err = notFinite(fmt.Sprintf("the gradient's norm is %v, of a loss of %v: lower dpo.learning_rate or dpo.beta", m.GradNorm, m.Loss))
	}
	if why := notFinite(""); !errors.As(err, &why) {
		return m, err
	}
	if t.report != nil {
		if failed := t.report(rows, i+1, err); failed != nil {
			return m, errors.Join(err, failed)
		}
	}
	if t.config.NonFinite != "skip" {
		return m, err
	}
	if n := t.skipped(); n >= t.config.MaxSkipped {
		return m, fmt.Errorf("%w; %d steps before it were skipped, and dpo.max_skipped is %d", err, n, t.config.MaxSkipped)
	}
	t.opt.forget(s)
	blank.Skipped = true
	return blank, nil
}

// skipped is how many steps so far were not finite.
func (t *trainer) skipped() (n int) {
	for _, m := range t.history {
		if m.Skipped {
			n++
		}
	}
	return n
}

// A notFinite says what of a step is NaN or infinite.
type notFinite string

func (n notFinite) Error() string { return string(n) }

// batch is the rows of step i.
func (t *trainer) batch(i int) []row {
	epoch, first := i/t.perEpoch(), i%t.perEpoch()*t.config.Batch
	numbers := order(len(t.rows), t.seed, epoch, t.config.Order != "given")
	return pick(t.rows, numbers[first:min(first+t.config.Batch, len(numbers))])
}
