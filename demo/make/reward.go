package main

import (
	"context"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"time"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// How the reward model trains: the network and the regression heads together,
// then the gate alone.
const (
	markSteps = 1200
	markBatch = 64
	markPeak  = 2e-3
	headPace  = 5    // the heads' rate beside the network's
	markNoise = 0.03 // standard deviation of what is added to targets

	gateSteps = 300
	gatePairs = 48
	gatePeak  = 3e-3
)

// closing opens the answer's turn: the gate reads its first token.
const closing = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"

// makeReward trains the reward model from work/spoken and writes work/reward.
func makeReward(ctx context.Context, w words, work string, seed uint64) error {
	start := filepath.Join(work, "start-reward")
	if err := w.startReward(start, filepath.Join(work, "spoken"), rand.New(rand.NewPCG(seed, 2))); err != nil {
		return err
	}
	base, err := hf.Open(start)
	if err != nil {
		return err
	}
	defer base.Close()
	return torch.Run(ctx, torch.CPU, func(s *torch.Scope) error {
		m, err := model.OpenArmoRM(s, base, torch.Float)
		if err != nil {
			return err
		}
		if err := w.teachMarks(ctx, s, m, rand.New(rand.NewPCG(seed, 20))); err != nil {
			return err
		}
		if err := w.teachGate(ctx, s, m, rand.New(rand.NewPCG(seed, 21))); err != nil {
			return err
		}
		if err := w.check(s, m, rand.New(rand.NewPCG(seed, 22))); err != nil {
			return err
		}
		return model.Save(filepath.Join(work, "reward"), base, m)
	})
}

// startReward writes the folder of an untrained reward model on the network in
// spoken.
func (w words) startReward(dir, spoken string, rng *rand.Rand) error {
	if err := w.write(dir); err != nil {
		return err
	}
	err := writeJSON(dir, "config.json", w.config("LlamaForRewardModelWithGating", map[string]any{
		"num_objectives": objectives, "gating_hidden_dim": gateWidth, "gating_n_hidden": gateHidden,
		"gating_temperature": temperature, "gating_token_pattern": w.tokens.AppendIDs(nil, closing, true),
	}))
	if err != nil {
		return err
	}
	f, err := hf.Open(spoken)
	if err != nil {
		return err
	}
	defer f.Close()
	tensors, err := f.Tensors()
	if err != nil {
		return err
	}
	identity := make([]float32, objectives*objectives)
	for i := range objectives {
		identity[i*objectives+i] = 1 // no reward is corrected for length
	}
	tensors = append(tensors, fresh(rng, headShapes(), 0.1)...)
	tensors = append(tensors, tensor("reward_transform_matrix", identity, objectives, objectives), tensor("gating.logit_scale", []float32{1}, 1))
	return hf.Save(dir, nil, tensors, 0)
}

// teachMarks fits the regression heads to the rule at the end of every
// sentence and of the answer. With the end alone, facts are not learnt: one
// mark says too little about which of several sentences was false.
func (w words) teachMarks(ctx context.Context, s *torch.Scope, m *model.ArmoRM, rng *rand.Rand) error {
	learner := &learner{}
	learner.add(s, model.Params(m), 1, func(name string) bool { return strings.HasPrefix(name, "model.") })
	learner.add(s, model.Params(m), headPace, func(name string) bool { return strings.HasPrefix(name, "regression") })
	meter := meter{name: "marks", steps: markSteps, start: time.Now()}
	for i := range markSteps {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := w.answers(rng, markBatch, func() kind { return draw(rng) })
		if err != nil {
			return err
		}
		s.Each(func(s *torch.Scope) {
			loss := markLoss(s, m, batch, rng)
			learner.accumulate(loss)
			meter.add(i, loss.Item())
		})
		learner.step(rate(markPeak, i, markSteps, true))
	}
	return nil
}

// markLoss is the mean squared error of all heads at all ends, [].
func markLoss(s *torch.Scope, m *model.ArmoRM, batch []answer, rng *rand.Rand) torch.Tensor {
	forks := lay(s, batch)
	var at []int64
	var targets []float32
	for i, a := range batch {
		for k, end := range a.ends {
			at = append(at, forks.At(i, 0, end))
			for _, v := range a.rewards[k] {
				targets = append(targets, v+float32(markNoise*rng.NormFloat64()))
			}
		}
	}
	n := int64(len(at))
	rewards := m.Rewards(s, s.Index(forks.Flat(s, m.Body), 0, s.Longs(at, n)))
	return s.Mean(s.Square(s.Sub(rewards, s.Floats(targets, n, objectives))))
}

// teachGate fits the gate to which of two answers the rule prefers
// (Bradley–Terry), the network and the regression heads at rest.
func (w words) teachGate(ctx context.Context, s *torch.Scope, m *model.ArmoRM, rng *rand.Rand) error {
	for _, p := range model.Params(m) {
		p.Weight.Tensor = s.Detach(p.Weight.Tensor)
	}
	learner := &learner{}
	learner.add(s, model.Params(m), 1, func(name string) bool { return strings.HasPrefix(name, "gating") })
	meter := meter{name: "gate", steps: gateSteps, start: time.Now()}
	for i := range gateSteps {
		if err := ctx.Err(); err != nil {
			return err
		}
		batch, err := w.rivals(rng, gatePairs)
		if err != nil {
			return err
		}
		s.Each(func(s *torch.Scope) {
			scores := s.View(score(s, m, batch), gatePairs, 2) // better, worse
			margin := s.Sub(s.Select(scores, 1, 0), s.Select(scores, 1, 1))
			loss := s.Neg(s.Mean(s.LogSigmoid(margin)))
			learner.accumulate(loss)
			meter.add(i, loss.Item())
		})
		learner.step(rate(gatePeak, i, gateSteps, true))
	}
	return nil
}

// score is the reward model's word on each answer, [N].
func score(s *torch.Scope, m *model.ArmoRM, batch []answer) torch.Tensor {
	rewards, gate := read(s, m, batch)
	return m.Score(s, rewards, gate)
}

// read is the raw rewards at the end of each answer and the gate at the end of
// its prompt, each [N, objectives].
func read(s *torch.Scope, m *model.ArmoRM, batch []answer) (rewards, gate torch.Tensor) {
	forks := lay(s, batch)
	var last, closing []int64
	for i, a := range batch {
		last, closing = append(last, forks.At(i, 0, len(a.ids)-1)), append(closing, forks.At(i, 0, a.closing))
	}
	n := int64(len(batch))
	hidden := forks.Flat(s, m.Body)
	rewards = m.Rewards(s, s.Index(hidden, 0, s.Longs(last, n)))
	return rewards, m.Gate(s, s.Index(hidden, 0, s.Longs(closing, n)))
}
