package eval_test

import (
	"fmt"
	"math"
	"math/rand/v2"

	"radpo/eval"
	"radpo/internal/table"
)

// synthetic is a run of made-up numbers in the shape of the built-in one: a
// base, plain DPO and two iterations on 64 prompts, goals 2 to 10.
func synthetic() eval.Input {
	rng := rand.New(rand.NewPCG(7, 7))
	in := eval.Input{
		Title: "radpo: synthetic run", Seed: 42,
		Config: "model: demo\niterations: 2\ndpo: {loss: sigmoid, beta: 0.1}\n",
		Attributes: []eval.Attribute{
			{Name: "complexity", Ranker: 0, Rule: 0}, {Name: "instruction_following", Ranker: 1, Rule: 1},
			{Name: "honesty", Ranker: 2, Rule: 2}, {Name: "helpfulness", Ranker: 3, Rule: 3}, {Name: "intellectual_depth", Ranker: 4, Rule: 4},
		},
		Artifacts: []eval.Artifact{{Name: "policy of iteration 2", Path: "artifacts/policy-2"}, {Name: "pairs of iteration 1", Path: "artifacts/pairs-1"}},
		Scales: []eval.Scale{
			{Name: "iter-1", Low: 0.12, High: 0.81, Rows: 1280, ClippedLow: 38, ClippedHigh: 38, Raw: eval.Spread{0.44, 0.14, 0.45, 0.8}, Mapped: eval.Spread{5.1, 1.3, 5.2, 9.9}, Pairs: 511, Ties: 1},
			{Name: "iter-2", Low: 0.12, High: 0.81, Rows: 1280, ClippedLow: 20, ClippedHigh: 402, Unscored: 3, Raw: eval.Spread{0.69, 0.3, 0.7, 0.95}, Mapped: eval.Spread{7.9, 3.3, 8.4, 10}, Pairs: 498, Ties: 14},
		},
	}
	for i := range 64 {
		text := fmt.Sprintf("Describe the color and the use of thing %d in two sentences.", i)
		in.Prompts = append(in.Prompts, table.Prompt{ID: fmt.Sprintf("p%02d", i), Messages: []table.Message{{Role: "user", Content: text}}})
	}
	flat := func(at float64) func(float64) float64 { return func(g float64) float64 { return at + 0.05*g } }
	step := func(g float64) float64 { return 2.2 + 4.4/(1+math.Exp(-1.5*(g-5))) }
	steep := func(g float64) float64 { return 1.5 + 6/(1+math.Exp(-1.6*(g-4.8))) }
	in.Policies = []eval.Policy{
		answersOf(rng, in, "base", nil, flat(4.6), 0.3, 1),
		answersOf(rng, in, "plain-1", nil, flat(7.6), 0.6, 1),
		answersOf(rng, in, "iter-1", []float64{10}, step, 0.7, 0.6),
		answersOf(rng, in, "iter-2", []float64{10}, steep, 1.1, 0.2),
	}
	in.Unlearning = []eval.Unlearning{
		logpsOf(rng, "base", table.KindPlain, -19.8), logpsOf(rng, "plain", table.KindPlain, -28), logpsOf(rng, "ra", table.KindGoalRejected, -25.3),
	}
	for i, name := range []string{"plain-1", "iter-1", "iter-2"} {
		in.Curves = append(in.Curves, curveOf(rng, name, 48*(i+1)))
	}
	for i := range in.Scales {
		for range 400 {
			v := rng.Float64()
			in.Scales[i].RawScores, in.Scales[i].Scores = append(in.Scales[i].RawScores, v), append(in.Scales[i].Scores, 1+9*v)
		}
	}
	in.Drawn = []eval.Draw{drawOf(in.Policies[0].Samples)}
	in.Facts = []eval.Fact{{"configuration", "0123abcd"}, {"seed", "42"}}
	for i, stage := range []string{"prompts", "samples-1", "scores-1", "pairs-1", "refs-1", "plain-1", "policy-1", "samples-2", "scores-2", "pairs-2", "refs-2", "policy-2", "trial", "report"} {
		in.Timings = append(in.Timings, eval.Timing{Stage: stage, Seconds: []float64{0.1, 3.2, 1.1, 0.2, 0.9, 8.4, 15.7, 4.8, 1.2, 0.3, 1.4, 24.5, 6.1, 0.8}[i], Reused: i < 2})
	}
	return in
}

// answersOf draws one answer a prompt and goal whose reward is around mean.
func answersOf(rng *rand.Rand, in eval.Input, name string, goal []float64, mean func(float64) float64, noise, lowParse float64) eval.Policy {
	p := eval.Policy{Name: name, Goal: goal}
	for _, g := range []float64{0, 2, 4, 6, 8, 10} {
		for i, prompt := range in.Prompts {
			level := mean(g)
			if g == 0 {
				level = mean(5)
			}
			rule := min(10, max(1, level+1.2*math.Sin(float64(i))+rng.NormFloat64()))
			s := table.Sample{PromptID: prompt.ID, ResponseIDs: make([]int32, 14+rng.IntN(20)), Finish: table.FinishStop,
				Text: fmt.Sprintf("The humble thing number %d indeed tastes mild, because it is mostly water. The popular thing clearly comes from trees.", i)}
			if g > 0 {
				s.Goal = []float64{g}
			}
			if rng.Float64() < 0.04*noise {
				s.Finish = table.FinishLength
			}
			parsed := 2.0
			if g > 0 && g < 5 && rng.Float64() > lowParse {
				parsed = 1
			}
			ranker := min(10, max(1, rule+noise+noise*rng.NormFloat64()))
			attributes, guesses := make([]float64, 5), make([]float64, 5)
			for k := range attributes {
				attributes[k] = min(10, max(1, rule+rng.NormFloat64()+float64(k)/3))
				guesses[k] = attributes[k]/10 + 0.1*noise*float64(k)/2*rng.NormFloat64()
			}
			p.Samples = append(p.Samples, s)
			p.Scores = append(p.Scores, table.Score{PromptID: prompt.ID, Raw: ranker / 10, Score: ranker, Attributes: guesses})
			p.Rule = append(p.Rule, table.Score{PromptID: prompt.ID, Raw: rule, Attributes: attributes, Gating: []float64{2, parsed}})
		}
	}
	return p
}

// logpsOf draws pairs of one kind whose lower-scored answers lie around logp.
func logpsOf(rng *rand.Rand, name, kind string, logp float64) eval.Unlearning {
	u := eval.Unlearning{Name: name}
	for i := range 120 {
		score, value := 2+6*float64(i)/120, float32(logp+3*rng.NormFloat64())
		pair := table.Pair{ID: fmt.Sprint(name, i), PromptID: fmt.Sprint("t", i/2), Kind: kind, ChosenSample: 1000, RejectedSample: int32(i), RewardChosen: 9, RewardRejected: score}
		ref := table.Ref{PairID: pair.ID, Chosen: -15, Rejected: value}
		if kind == table.KindGoalRejected {
			pair.Goal, pair.RewardChosen, pair.RewardRejected = []float64{score}, score, 9
			pair.ChosenSample, pair.RejectedSample = pair.RejectedSample, pair.ChosenSample
			ref.Chosen, ref.Rejected = value, -40
		}
		u.Pairs, u.Refs = append(u.Pairs, pair), append(u.Refs, ref)
	}
	return u
}

func curveOf(rng *rand.Rand, name string, steps int) eval.Curve {
	c := eval.Curve{Name: name}
	for i := range steps {
		x := float64(i) / float64(steps)
		c.Steps = append(c.Steps, eval.Step{Step: int64(i + 1), Values: map[string]float64{
			"loss": 0.69 - 0.35*x + 0.05*rng.NormFloat64(), "grad_norm": 2 + math.Abs(rng.NormFloat64()),
			"learning_rate": 4e-4 * (1 + math.Cos(math.Pi*x)) / 2, "rewards/margins": 1.4*x + 0.1*rng.NormFloat64(),
			"rewards/accuracies": min(1, 0.5+0.35*x+0.05*rng.NormFloat64()),
			"logps/chosen":       -21 + x + rng.NormFloat64(), "logps/rejected": -22 - 8*x + rng.NormFloat64(),
		}})
	}
	return c
}

// drawOf is the samples as an iteration's, two a prompt.
func drawOf(samples []table.Sample) eval.Draw {
	d, _ := eval.ReadDraw("iter-1", func(yield func(table.Sample, error) bool) {
		for _, s := range samples[:64] {
			if !yield(s, nil) || !yield(s, nil) {
				return
			}
		}
	})
	return d
}
