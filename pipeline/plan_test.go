package pipeline

import (
	"slices"
	"testing"

	"radpo/configs"
	"radpo/dpo"
	"radpo/internal/flow"
)

// TestReference: what each iteration's log-probabilities are those of, and that
// a loss without a reference has none.
func TestReference(t *testing.T) {
	tests := map[string]struct {
		set   func(*configs.DPO)
		reads [2]string // of the iterations' refs; empty: there is no such stage
		ema   bool      // in the second iteration
	}{
		"previous": {func(*configs.DPO) {}, [2]string{"model", "policy-iter-1"}, false},
		"base":     {func(c *configs.DPO) { c.Reference = "base" }, [2]string{"model", "model"}, false},
		"average":  {func(c *configs.DPO) { c.Reference, c.EMA = "ema", 0.9 }, [2]string{"model", "policy-iter-1"}, true},
		"none":     {func(c *configs.DPO) { c.Loss = "simpo" }, [2]string{}, false},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			c := configs.Default()
			c.Iterations = 2
			tt.set(&c.DPO)
			stages := plan(c, inputs{model: "m", prompts: "p"}).stages
			for i, want := range tt.reads {
				at := slices.IndexFunc(stages, func(s flow.Stage) bool { return s.Name == []string{"refs-iter-1", "refs-iter-2"}[i] })
				if at < 0 {
					if want != "" {
						t.Errorf("iteration %d has no reference, want %s", i+1, want)
					}
					continue
				}
				if s := stages[at]; s.Reads[0] != want || s.Config.(dpo.RefsConfig).EMA != (tt.ema && i == 1) {
					t.Errorf("iteration %d: reference %s by %+v, want %s", i+1, s.Reads[0], s.Config, want)
				}
			}
		})
	}
}

// TestImplicitRelabelling: IRA trains a first policy on plain pairs, relabels
// them by what that one implies, and starts again where it started.
func TestImplicitRelabelling(t *testing.T) {
	c := configs.Default()
	c.Iterations, c.Augment.Method, c.Eval.Baseline = 2, "ira", true
	stages := map[string]flow.Stage{}
	for _, s := range plan(c, inputs{model: "m", prompts: "p"}).stages {
		stages[s.Name] = s
	}
	for name, want := range map[string][]string{
		"pairs-first-1":     {"prompts", "samples-1", "scores-1", "model"},
		"policy-first-1":    {"model", "refs-first-1", "pairs-first-1"},
		"logps-first-1":     {"policy-first-1", "pairs-first-1"},
		"logps-reference-1": {"model", "pairs-first-1"},
		"implied-1":         {"pairs-first-1", "logps-first-1", "logps-reference-1"},
		"implied-scores-1":  {"implied-1", ""},
		"pairs-1":           {"prompts", "pairs-first-1", "implied-scores-1", "model"},
		"policy-iter-1":     {"model", "refs-iter-1", "pairs-1"},
		"policy-first-2":    {"policy-iter-1", "refs-first-2", "pairs-first-2"},
		"logps-reference-2": {"policy-iter-1", "pairs-first-2"},
		"implied-scores-2":  {"implied-2", ""},
		"policy-iter-2":     {"policy-iter-1", "refs-iter-2", "pairs-2"},
		"marks-iter-2":      {"trial-raw-iter-2", "scores-1"},
	} {
		if got := stages[name].Reads; !slices.Equal(got, want) {
			t.Errorf("%s reads %v, want %v", name, got, want)
		}
	}
}

// TestStartAndData: what each iteration's training starts from and reads.
func TestStartAndData(t *testing.T) {
	tests := map[string]struct {
		set   func(*configs.DPO)
		third []string // reads of the third iteration's training
	}{
		"defaults": {func(*configs.DPO) {}, []string{"policy-iter-2", "refs-iter-3", "pairs-3"}},
		"base":     {func(c *configs.DPO) { c.Start = "base" }, []string{"model", "refs-iter-3", "pairs-3"}},
		"all":      {func(c *configs.DPO) { c.Data = "all" }, []string{"policy-iter-2", "refs-iter-3", "pairs-1", "pairs-2", "pairs-3"}},
		"first":    {func(c *configs.DPO) { c.Data = "first" }, []string{"policy-iter-2", "refs-iter-3", "pairs-1"}},
	}
	for name, tt := range tests {
		c := configs.Default()
		tt.set(&c.DPO)
		stages := plan(c, inputs{model: "m", prompts: "p"}).stages
		at := slices.IndexFunc(stages, func(s flow.Stage) bool { return s.Name == "policy-iter-3" })
		if got := stages[at].Reads; !slices.Equal(got, tt.third) {
			t.Errorf("%s: training reads %v, want %v", name, got, tt.third)
		}
	}
}

// TestSubject: a report's title says which choices of the loop are not the defaults.
func TestSubject(t *testing.T) {
	c := configs.Default()
	c.Model, c.Iterations, c.Augment.Method = configs.BuiltIn, 3, "ra"
	if got := subject(c); got != "the built-in policy, RA, 3 iterations" {
		t.Errorf("got %s", got)
	}
	c.Augment.Method = "ira"
	c.DPO.LoRA.Rank, c.DPO.Start, c.DPO.Reference, c.DPO.Data = 4, "base", "ema", "all"
	want := "the built-in policy, IRA, 3 iterations, LoRA of rank 4, each training from the base, reference the average of the previous policy's weights, on all iterations' data"
	if got := subject(c); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
