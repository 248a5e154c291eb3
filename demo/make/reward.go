package main

import (
	"context"
	"math/rand/v2"
	"strings"
	"time"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// How the reward model trains.
const (
	rewardSteps   = 3000
	rewardPrompts = 16   // a step
	rewardPeak    = 3e-3 // learning rate
	headPace      = 3    // the heads' rate beside the network's
	soundShare    = 0.3  // of the steps, at first, on answers that are not corrupted
	rivalWeight   = 0.02 // of the rivals' loss beside the heads' squared error
	startScale    = 20   // of the gate: rewards differ by tenths, preferences are clear
)

// closing opens the answer's turn: the gate reads its first token.
const closing = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"

// trainReward makes a reward model from the policy in folder from, in folder
// to; start is a folder for its beginnings.
func (w words) trainReward(ctx context.Context, from, start, to string, seed uint64) error {
	if err := w.startReward(start, from, rand.New(rand.NewPCG(seed, 0))); err != nil {
		return err
	}
	base, err := hf.Open(start)
	if err != nil {
		return err
	}
	defer base.Close()
	return torch.Run(ctx, torch.CPU, func(s *torch.Scope) error {
		m, err := model.OpenArmoRM(s, base, torch.Float, true)
		if err != nil {
			return err
		}
		if err := w.teachReward(ctx, s, m, rand.New(rand.NewPCG(seed, 1))); err != nil {
			return err
		}
		if err := w.check(s, m, rand.New(rand.NewPCG(seed, 2))); err != nil {
			return err
		}
		return model.Save(to, base, m)
	})
}

// startReward writes the folder of an untrained reward model on the network of
// the policy in from.
func (w words) startReward(dir, from string, rng *rand.Rand) error {
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
	f, err := hf.Open(from)
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
	tensors = append(tensors, tensor("reward_transform_matrix", identity, objectives, objectives), tensor("gating.logit_scale", []float32{startScale}, 1))
	return hf.Save(dir, nil, tensors, 0)
}

// teachReward fits heads and gate together on several answers a prompt.
// The heads learn the rule's marks at the end of every sentence and of the
// answer: with the end alone, facts are not learnt, for one mark says too
// little about which of several sentences was false. The gate learns which of
// two answers the rule prefers (Bradley–Terry).
func (w words) teachReward(ctx context.Context, s *torch.Scope, m *model.ArmoRM, rng *rand.Rand) error {
	learner := &learner{}
	body := func(name string) bool { return strings.HasPrefix(name, "model.") }
	learner.add(s, model.Params(m), 1, body)
	learner.add(s, model.Params(m), headPace, func(name string) bool { return !body(name) && name != "reward_transform_matrix" })
	meter := meter{name: "reward", steps: rewardSteps, start: time.Now()}
	for i := range rewardSteps {
		if err := ctx.Err(); err != nil {
			return err
		}
		of := draw
		if float64(i) < soundShare*rewardSteps {
			of = sound
		}
		batch, err := w.rivals(rng, rewardPrompts, of)
		if err != nil {
			return err
		}
		s.Each(func(s *torch.Scope) {
			loss := rewardLoss(s, m, batch)
			learner.accumulate(loss)
			meter.add(i, loss.Item())
		})
		learner.step(rate(rewardPeak, i, rewardSteps, true))
	}
	return nil
}

// rewardLoss is the mean squared error of the heads at all ends, and the
// weighted loss of the rivals, [].
func rewardLoss(s *torch.Scope, m *model.ArmoRM, batch []answer) torch.Tensor {
	l := lay(s, batch, rivalry)
	hidden := l.Flat(s, m.Body)
	var ends []int64
	var targets []float32
	for i, a := range batch {
		for k, end := range a.ends {
			ends, targets = append(ends, l.at(i, end)), append(targets, a.rewards[k]...)
		}
	}
	n := int64(len(ends))
	marks := m.Rewards(s, s.Index(hidden, 0, s.Longs(ends, n)))
	errors := s.Mean(s.Square(s.Sub(marks, s.Floats(targets, n, objectives))))

	rewards, gate := read(s, m, l, hidden, batch)
	scores := s.View(m.Score(s, rewards, gate), -1, rivalry)
	margin := s.Sub(s.Narrow(scores, 1, 0, 2), s.Narrow(scores, 1, 2, 2))
	return s.Add(errors, s.Scale(s.Mean(s.LogSigmoid(margin)), -rivalWeight))
}

// read is the raw rewards at the end of each answer and the gate at the end of
// its prompt, each [N, objectives].
func read(s *torch.Scope, m *model.ArmoRM, l layout, hidden torch.Tensor, batch []answer) (rewards, gate torch.Tensor) {
	var last, closing []int64
	for i, a := range batch {
		last, closing = append(last, l.at(i, len(a.ids)-1)), append(closing, l.at(i, a.closing))
	}
	n := int64(len(batch))
	rewards = m.Rewards(s, s.Index(hidden, 0, s.Longs(last, n)))
	return rewards, m.Gate(s, s.Index(hidden, 0, s.Longs(closing, n)))
}
