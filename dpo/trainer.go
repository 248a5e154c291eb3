package dpo

import (
	"context"
	"fmt"

	"radpo/configs"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/torch"
)

// A trainer moves a policy over rows. What it has done so far is the
// optimizer's state and its history: everything else is a function of the
// configuration and the step's number.
type trainer struct {
	config  configs.DPO
	seed    int64
	policy  model.Policy
	rows    []row
	opt     *optimizer
	history []Step
}

// total is the number of steps of the whole training.
func (t *trainer) total() int {
	return t.config.Epochs * t.perEpoch()
}

func (t *trainer) perEpoch() int { return (len(t.rows) + t.config.Batch - 1) / t.config.Batch }

// run takes the steps that are left and calls save every SaveEvery of them.
func (t *trainer) run(ctx context.Context, s *torch.Scope, save func() error) error {
	bar := progress.Start(ctx, int64(t.total()), "steps")
	defer bar.Done()
	bar.Skip(int64(len(t.history)))
	for i := len(t.history); i < t.total(); i++ {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m, err := t.step(s, i)
		if err != nil {
			return err
		}
		t.history = append(t.history, m)
		bar.Add(1)
		if done := i + 1; done%t.config.SaveEvery == 0 && done < t.total() {
			if err := save(); err != nil {
				return err
			}
		}
	}
	return nil
}

// step takes step i, from 0: gradients over micro-batches of similar length,
// then one move.
func (t *trainer) step(s *torch.Scope, i int) (Step, error) {
	rows := t.batch(i)
	m := Step{Step: int64(i + 1), Epoch: float64(i+1) / float64(t.perEpoch())}
	if len(t.history) > 0 {
		m.Tokens = t.history[len(t.history)-1].Tokens
	}
	for _, micro := range model.Batches(len(rows), t.config.MicroTokens, func(i int) int { return rows[i].fork().Len() }) {
		part := make([]row, len(micro))
		for k, at := range micro {
			part[k] = rows[at]
			m.Tokens += int64(part[k].fork().Len())
		}
		s.Each(func(s *torch.Scope) { t.micro(s, part, &m, float64(len(rows))) })
	}
	if !torch.Finite(m.Loss) {
		return m, fmt.Errorf("step %d: the loss is %v: lower dpo.learning_rate, or look at the rows of this step", m.Step, m.Loss)
	}
	m.LearningRate = learningRate(t.config.Schedule, t.config.LearningRate, t.config.Warmup, i, t.total())
	m.GradNorm = t.opt.step(m.LearningRate)
	if !torch.Finite(m.GradNorm) {
		return m, fmt.Errorf("step %d: the gradient's norm is %v: lower dpo.learning_rate or dpo.beta", m.Step, m.GradNorm)
	}
	return m, nil
}

// batch is the rows of step i.
func (t *trainer) batch(i int) []row {
	epoch, at := i/t.perEpoch(), i%t.perEpoch()
	numbers := order(len(t.rows), t.seed, epoch, t.config.Order != "given")
	numbers = numbers[at*t.config.Batch : min((at+1)*t.config.Batch, len(numbers))]
	rows := make([]row, len(numbers))
	for k, n := range numbers {
		rows[k] = t.rows[n]
	}
	return rows
}

// micro adds the gradient of part's share of the step's mean loss over n pairs.
func (t *trainer) micro(s *torch.Scope, part []row, m *Step, n float64) {
	refs := make([]float32, 2*len(part))
	for i, r := range part {
		refs[i], refs[len(part)+i] = r.refChosen, r.refRejected
	}
	k := int64(len(part))
	both := s.Floats(refs, 2, k)
	p := Logps{RefChosen: s.Select(both, 0, 0), RefRejected: s.Select(both, 0, 1)}
	p.Chosen, p.Rejected = sums(s, t.policy, part)
	loss := Losses[t.config.Loss](s, p, Hyper{Beta: t.config.Beta, Smoothing: t.config.LabelSmoothing})
	total := s.Scale(s.Sum(loss), 1/n)
	t.opt.accumulate(total)
	m.Loss += total.Item()
	good, bad := s.Detach(p.Chosen).Floats(), s.Detach(p.Rejected).Floats()
	for i, r := range part {
		m.add(t.config.Beta, float64(good[i]), float64(bad[i]), r, n)
	}
}
