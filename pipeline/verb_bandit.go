package pipeline

import (
	"context"
	"fmt"
	"math"

	"gonum.org/v1/gonum/floats"

	"radpo/configs"
	"radpo/dpo"
	"radpo/eval"
	"radpo/internal/torch"
)

// Bandit trains the policies of the paper's Table 2 and holds them to their
// closed forms.
func Bandit(ctx context.Context) (Finding, error) {
	var runs []eval.BanditRun
	var course []eval.BanditTime
	err := torch.Run(ctx, torch.CPU, func(s *torch.Scope) error {
		for _, task := range eval.Bandits {
			for _, ref := range references[len(task.Rewards)] {
				for _, loss := range eval.BanditLosses {
					if loss.Sampled && len(task.Pairs) > 1 {
						continue // its closed form has a shift a pair
					}
					learnt, err := learn(ctx, s, task, loss, ref)
					if err != nil {
						return err
					}
					runs = append(runs, learnt...)
				}
			}
		}
		var err error
		course, err = timeCourse(ctx, s)
		return err
	})
	if err != nil {
		return Finding{}, err
	}
	page, result, items := eval.BanditPage(runs, course)
	return Finding{page, result, items}, nil
}

// references are where policies of two and of three arms start.
var references = map[int][][]float64{
	2: {{0.5, 0.5}, {0.3, 0.7}},
	3: {{1. / 3, 1. / 3, 1. / 3}, {0.2, 0.5, 0.3}},
}

// learn trains the policies of all goals of a task by gradient descent.
func learn(ctx context.Context, s *torch.Scope, task eval.Bandit, loss eval.BanditLoss, ref []float64) ([]eval.BanditRun, error) {
	const steps = 400
	var t tabular
	goals := task.Goals()
	for _, g := range goals {
		t.policy(ref, g.Pairs, 1)
		if loss.Sampled {
			t.sample(task.Rewards[0] - task.Rewards[1])
		}
	}
	rate := 1 / (loss.Beta * loss.Beta)
	if loss.Loss == "ipo_sum" {
		rate = 0.2 // its curvature does not depend on τ
	}
	if err := t.settle(loss); err != nil {
		return nil, err
	}
	for range steps {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		floats.AddScaled(t.logits, -rate, t.gradient(s))
	}
	var runs []eval.BanditRun
	for i, g := range goals {
		runs = append(runs, eval.BanditRun{Task: task, Loss: loss, Reference: ref, Goal: g, Reached: softmax(t.logits[i*t.arms : (i+1)*t.arms])})
	}
	return runs, nil
}

// timeCourse follows the gradient of one pair without smoothing by the classic
// Runge–Kutta method, in a hundred steps from one time to the next.
func timeCourse(ctx context.Context, s *torch.Scope) ([]eval.BanditTime, error) {
	loss := eval.BanditLosses[0]
	var t tabular
	t.policy(references[2][0], [][2]int{{0, 1}}, 1)
	if err := t.settle(loss); err != nil {
		return nil, err
	}
	var out []eval.BanditTime
	now := 0.0
	for _, until := range []float64{10, 100, 1000, 10_000, 100_000} {
		const steps = 100
		for h := (until - now) / steps; now < until-h/2; now += h {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			t.flow(s, h)
		}
		out = append(out, eval.BanditTime{Beta: loss.Beta, Time: until, Reached: loss.Beta * (t.logits[0] - t.logits[1])})
	}
	return out, nil
}

// A tabular policy has a logit an arm, for each of some goals.
type tabular struct {
	arms             int
	logits           []float64 // goal by goal, as are the reference's
	reference        []float32 // log π_ref
	chosen, rejected []int64   // arms of the pairs, numbered over all goals
	weights          []float32 // of pairs
	config           configs.DPO
	loss             dpo.Loss
}

// policy adds a goal whose policy starts at ref and learns from pairs.
func (t *tabular) policy(ref []float64, pairs [][2]int, weight float32) {
	first := int64(len(t.logits))
	t.arms = len(ref)
	for _, p := range ref {
		t.logits = append(t.logits, math.Log(p))
		t.reference = append(t.reference, float32(math.Log(p)))
	}
	for _, p := range pairs {
		t.chosen, t.rejected = append(t.chosen, first+int64(p[0])), append(t.rejected, first+int64(p[1]))
		t.weights = append(t.weights, weight)
	}
}

// sample puts the last pair in both orders, as often as Bradley and Terry say
// of rewards that differ by lead.
func (t *tabular) sample(lead float64) {
	last := len(t.weights) - 1
	p := 1 / (1 + math.Exp(-lead))
	t.weights[last] = float32(p)
	t.chosen, t.rejected = append(t.chosen, t.rejected[last]), append(t.rejected, t.chosen[last])
	t.weights = append(t.weights, float32(1-p))
}

// settle names the loss, a row of the table that trains models.
func (t *tabular) settle(l eval.BanditLoss) error {
	sets := []string{"dpo.loss=" + l.Loss, fmt.Sprint("dpo.beta=", l.Beta)}
	if l.Loss == "sigmoid" {
		sets = append(sets, fmt.Sprint("dpo.label_smoothing=", l.Epsilon))
	}
	c, err := configs.Override(configs.Default(), sets)
	t.config, t.loss = c.DPO, dpo.Losses[l.Loss]
	return err
}

// gradient is that of the weighted sum of the pairs' losses by the logits.
func (t *tabular) gradient(s *torch.Scope) []float64 {
	out := make([]float64, len(t.logits))
	s.Each(func(s *torch.Scope) {
		n, pairs := int64(len(t.logits)), int64(len(t.weights))
		shape := []int64{n / int64(t.arms), int64(t.arms)}
		now := make([]float32, n)
		for i, v := range t.logits {
			now[i] = float32(v)
		}
		logits := s.Trainable(s.Floats(now, shape...))
		logps, reference := s.View(s.LogSoftmax(logits), n), s.Floats(t.reference, n)
		chosen, rejected := s.Longs(t.chosen, pairs), s.Longs(t.rejected, pairs)
		each := t.loss.Each(s, dpo.Batch{
			Chosen: s.Index(logps, 0, chosen), Rejected: s.Index(logps, 0, rejected),
			RefChosen: s.Index(reference, 0, chosen), RefRejected: s.Index(reference, 0, rejected),
		}, t.config)
		into := s.Zeros(torch.Float, shape...)
		torch.Gradients(s.Sum(s.Mul(each, s.Floats(t.weights, pairs))), []torch.Tensor{logits}, []torch.Tensor{into})
		for i, g := range into.Floats() {
			out[i] = float64(g)
		}
	})
	return out
}

// flow goes down the gradient for a time h.
func (t *tabular) flow(s *torch.Scope, h float64) {
	start := append([]float64(nil), t.logits...)
	moved := make([]float64, len(start))
	var slope []float64
	for _, stage := range []struct{ at, weight float64 }{{0, 1. / 6}, {0.5, 1. / 3}, {0.5, 1. / 3}, {1, 1. / 6}} {
		copy(t.logits, start)
		if slope != nil {
			floats.AddScaled(t.logits, -stage.at*h, slope)
		}
		slope = t.gradient(s)
		floats.AddScaled(moved, -stage.weight*h, slope)
	}
	copy(t.logits, start)
	floats.Add(t.logits, moved)
}

func softmax(logits []float64) []float64 {
	out := make([]float64, len(logits))
	total := floats.LogSumExp(logits)
	for i, v := range logits {
		out[i] = math.Exp(v - total)
	}
	return out
}
