package dpo

import (
	"math"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/torch"
)

// history is n steps that are all like m.
func history(n int, m Step) []Step {
	steps := make([]Step, n)
	for i := range steps {
		steps[i] = m
		steps[i].Step = int64(i + 1)
	}
	return steps
}

// TestWatches: each warning has steps that show it, with words that name the
// way out, and steps close by that do not.
func TestWatches(t *testing.T) {
	lengths := map[string]float64{"completions/chosen/mean_length": 100}
	fine := Step{Loss: 0.6, GradNorm: 1, Accuracy: 0.8, Chosen: 0.1, More: lengths}
	like := func(set func(*Step)) Step { m := fine; set(&m); return m }
	plain := func(*configs.DPO) {}
	smooth := func(c *configs.DPO) { c.LabelSmoothing = 0.3 }
	free := func(c *configs.DPO) { c.Loss, c.Gamma = "simpo", 1 }
	tests := []struct {
		name string
		set  func(*configs.DPO)
		bad  []Step
		good []Step
		want string
	}{
		{"stuck", plain, history(20, like(func(m *Step) { m.Loss = math.Ln2 - 9e-5 })), history(20, like(func(m *Step) { m.Loss = math.Ln2 - 2e-4 })), "Raise dpo.learning_rate (0.001)"},
		{"stuck", plain, history(20, like(func(m *Step) { m.Loss = math.Ln2 })), history(19, like(func(m *Step) { m.Loss = math.Ln2 })), "for 10 steps"}, // 10 warm up
		{"stuck", plain, history(20, like(func(m *Step) { m.Loss = math.Ln2 })), append(history(19, like(func(m *Step) { m.Loss = math.Ln2 })), fine), "does not leave its reference"},
		{"chosen-falling", plain, history(10, like(func(m *Step) { m.Chosen = -0.21 })), history(10, like(func(m *Step) { m.Chosen = -0.19 })), "by 2.1 nats each over the last 10 steps, 0.021 a token"},
		{"chosen-falling", free, append(history(10, fine), history(10, like(func(m *Step) { m.NLL = 0.11 }))...), append(history(10, fine), history(10, like(func(m *Step) { m.NLL = 0.09 }))...), "by 0.11 nats a token"},
		{"floor", smooth, history(10, like(func(m *Step) { m.Loss = 0.6109 + 0.0015 })), history(10, like(func(m *Step) { m.Loss = 0.6109 + 0.0018 })), "at the floor of dpo.label_smoothing 0.3, which is 0.6109"},
		{"floor", smooth, history(10, like(func(m *Step) { m.Loss = 0.611 })), history(9, like(func(m *Step) { m.Loss = 0.611 })), "0.6109"},
		{"undecided", plain, history(50, like(func(m *Step) { m.Accuracy = 0.5 })), history(50, like(func(m *Step) { m.Accuracy = 0.6 })), "does not tell chosen from rejected. Raise dpo.learning_rate"},
		{"undecided", plain, history(50, like(func(m *Step) { m.Accuracy, m.More = 0.5, map[string]float64{"ra/goal_rejected/pairs": 2} })), history(49, like(func(m *Step) { m.Accuracy = 0.5 })), "does not read the goal"},
		{"no-gradient", plain, history(3, like(func(m *Step) { m.GradNorm = 0 })), history(2, like(func(m *Step) { m.GradNorm = 0 })), "dpo.loss sigmoid is flat"},
		{"skipping", plain, append(history(20, fine), history(3, Step{Skipped: true})...), append(history(30, fine), history(3, Step{Skipped: true})...), "3 of 23 steps were skipped"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := goldenConfig()
			c.Epochs = 20 // of 5 steps
			tt.set(&c)
			o, err := newObjective(c)
			if err != nil {
				t.Fatal(err)
			}
			tr := &trainer{objective: o, rows: make([]row, 20)}
			warned := func(steps []Step) string {
				n := len(steps) - 1
				tr.history = steps[:n]
				return tr.warnings(steps[n])[tt.name]
			}
			if got := warned(tt.bad); !strings.Contains(got, tt.want) {
				t.Errorf("warned of %q, want %q", got, tt.want)
			}
			if got := warned(tt.good); got != "" {
				t.Errorf("warned for nothing: %s", got)
			}
			again := append(history(1, Step{Warnings: map[string]string{tt.name: "x"}}), tt.bad...)
			if got := warned(again); got != "" {
				t.Errorf("warned again: %s", got)
			}
		})
	}
}

// TestTrainingWarns: a rate that moves nothing is told of once; one that trains
// is not.
func TestTrainingWarns(t *testing.T) {
	for rate, want := range map[float64]int{1e-12: 1, 1e-3: 0} {
		c := goldenConfig()
		c.LearningRate, c.Epochs = rate, 4
		withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
			if err := tr.run(t.Context(), s, nil); err != nil {
				t.Fatal(err)
			}
			times := 0
			for _, m := range tr.history {
				if m.Warnings["stuck"] != "" {
					times++
				}
			}
			if times != want {
				t.Errorf("at %g it is called stuck %d times, want %d", rate, times, want)
			}
		})
	}
}
