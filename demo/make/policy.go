package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"radpo/demo"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// A lesson is one stage of the policy's training.
type lesson struct {
	name  string
	stage demo.Stage
	steps int
	batch int
	peak  float64 // learning rate
	falls bool    // to zero by the last step
}

// The first lessons leave a policy that knows the world and how answers vary;
// the reward model starts from it too. The last ones make it the shipped one.
var (
	firstLessons = []lesson{
		{"learn", demo.StageLearn, 400, 64, 3e-3, false},
		{"speak", demo.StageSpeak, 400, 64, 3e-3, true},
	}
	lastLessons = []lesson{
		{"prime", demo.StagePrime, 800, 48, 2e-3, false},
		{"wash", demo.StageWash, 150, 48, 2e-3, true},
	}
)

// budget is how many padded tokens go through the network together.
const budget = 2048

// startPolicy writes the folder of an untrained policy.
func (w words) startPolicy(dir string, rng *rand.Rand) error {
	if err := w.write(dir); err != nil {
		return err
	}
	if err := writeJSON(dir, "config.json", w.config("LlamaForCausalLM", nil)); err != nil {
		return err
	}
	err := writeJSON(dir, "generation_config.json", map[string]any{
		"bos_token_id": w.id("<|begin_of_text|>"), "eos_token_id": []int32{w.id("<|eot_id|>"), w.id("<|end_of_text|>")}, "pad_token_id": w.id("<|pad|>"),
	})
	if err != nil {
		return err
	}
	return hf.Save(dir, nil, fresh(rng, bodyShapes(), spread), 0)
}

// trainPolicy gives the policy in folder from some lessons and writes folder to.
func (w words) trainPolicy(ctx context.Context, from, to string, lessons []lesson, seed uint64) error {
	base, err := hf.Open(from)
	if err != nil {
		return err
	}
	defer base.Close()
	return torch.Run(ctx, torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, base, torch.Float, true)
		if err != nil {
			return err
		}
		for i, l := range lessons {
			if err := w.teach(ctx, s, p, l, rand.New(rand.NewPCG(seed, uint64(i)))); err != nil {
				return err
			}
		}
		return model.Save(to, base, p)
	})
}

// teach runs one lesson: next-token prediction on the answers alone.
func (w words) teach(ctx context.Context, s *torch.Scope, p model.Policy, l lesson, rng *rand.Rand) error {
	learner := &learner{}
	learner.add(s, model.Params(p), 1, func(string) bool { return true })
	meter := meter{name: l.name, steps: l.steps, start: time.Now()}
	for i := range l.steps {
		if err := ctx.Err(); err != nil {
			return err
		}
		forks, err := w.examples(l, rng)
		if err != nil {
			return err
		}
		meter.add(i, learner.imitate(s, p, forks))
		learner.step(rate(l.peak, i, l.steps, l.falls))
	}
	return nil
}

// imitate accumulates the gradient of the mean loss a response token, forks of
// like length together, and returns the loss.
func (l *learner) imitate(s *torch.Scope, p model.Policy, forks []model.Fork) (loss float64) {
	var tokens float64
	for _, f := range forks {
		tokens += float64(len(f.Responses[0]))
	}
	for _, at := range model.Batches(len(forks), budget, func(i int) int { return forks[i].Len() }) {
		part := make([]model.Fork, len(at))
		for k, i := range at {
			part[k] = forks[i]
		}
		s.Each(func(s *torch.Scope) {
			mean := s.Scale(s.Sum(model.NewForks(s, part).Logps(s, p)), -1/tokens)
			l.accumulate(mean)
			loss += mean.Item()
		})
	}
	return loss
}

// examples draws a batch of a lesson.
func (w words) examples(l lesson, rng *rand.Rand) ([]model.Fork, error) {
	forks := make([]model.Fork, l.batch)
	for i := range forks {
		ex, err := l.stage.Example(rng, goalText)
		if err != nil {
			return nil, err
		}
		prompt, err := w.template.Encode(w.tokens, ex.Messages, true, false)
		if err != nil {
			return nil, fmt.Errorf("encode %q: %w", ex.Request, err)
		}
		answer := append(w.tokens.AppendIDs(nil, ex.Answer, false), w.id("<|eot_id|>"))
		forks[i] = model.Fork{Prompt: prompt, Responses: [][]int32{answer}}
	}
	return forks, nil
}

// A meter prints the mean loss of every hundred steps.
type meter struct {
	name  string
	steps int
	start time.Time
	sum   float64
}

func (m *meter) add(i int, loss float64) {
	const every = 100
	if m.sum += loss; (i+1)%every == 0 {
		say("%-8s %5d/%d  loss %.4f  %4.0f s", m.name, i+1, m.steps, m.sum/every, time.Since(m.start).Seconds())
		m.sum = 0
	}
}
