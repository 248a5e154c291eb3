package dpo

import (
	"context"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"radpo/configs"
	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// goldenConfig is the setting of tools/golden/dpo.py.
func goldenConfig() configs.DPO {
	c := configs.Default().DPO
	c.Beta, c.LearningRate, c.LabelSmoothing = 0.1, 1e-3, 0
	c.Epochs, c.Batch, c.MicroTokens, c.Order = 2, 4, 64, "given"
	c.SaveEvery = 1000
	return c
}

// withTrainer calls fn with a trainer on the golden policy and pairs.
func withTrainer(t *testing.T, c configs.DPO, d torch.DType, fn func(*torch.Scope, *trainer)) {
	t.Helper()
	rows, dropped, err := readRows(table.ReadPairs("testdata/pairs.jsonl"), c.MaxLength)
	if err != nil || dropped != (Dropped{}) {
		t.Fatal(err, dropped)
	}
	f, err := hf.Open("testdata/policy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, d, true)
		if err != nil {
			return err
		}
		if err := reference(context.Background(), s, p, rows, c.MicroTokens, nil); err != nil {
			return err
		}
		fn(s, &trainer{config: c, policy: p, rows: rows, opt: newOptimizer(s, p, c)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestTenStepsEqualTRL compares ten steps of DPO, DPO with weight decay and
// cDPO with the reference of tools/golden/dpo.py: every metric of every step
// and every parameter after the last.
func TestTenStepsEqualTRL(t *testing.T) {
	tests := map[string]func(*configs.DPO){
		"plain":  func(*configs.DPO) {},
		"decay":  func(c *configs.DPO) { c.WeightDecay = 0.1 },
		"smooth": func(c *configs.DPO) { c.LabelSmoothing = 0.3 },
	}
	for name, set := range tests {
		t.Run(name, func(t *testing.T) {
			ref := golden.Open(t, filepath.Join("testdata", name+".safetensors"))
			c := goldenConfig()
			set(&c)
			withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
				if err := tr.run(context.Background(), s, nil); err != nil {
					t.Fatal(err)
				}
				columns := map[string]func(Step) float64{
					"loss": func(m Step) float64 { return m.Loss }, "grad_norm": func(m Step) float64 { return m.GradNorm },
					"learning_rate":  func(m Step) float64 { return m.LearningRate },
					"rewards/chosen": func(m Step) float64 { return m.Chosen }, "rewards/rejected": func(m Step) float64 { return m.Rejected },
					"rewards/accuracies": func(m Step) float64 { return m.Accuracy }, "rewards/margins": func(m Step) float64 { return m.Margin },
					"logps/chosen": func(m Step) float64 { return m.ChosenLogp }, "logps/rejected": func(m Step) float64 { return m.RejectedLogp },
				}
				for column, value := range columns {
					var got []float32
					for _, m := range tr.history {
						got = append(got, float32(value(m)))
					}
					ref.Check(column, got, golden.Steps)
				}
				for i, name := range tr.opt.names {
					ref.Check("param."+name, tr.opt.masters[i].Floats(), golden.Steps)
				}
			})
		})
	}
}

// TestMicroBatchesDoNotShow: one micro-batch or one a pair, the step is the same.
func TestMicroBatchesDoNotShow(t *testing.T) {
	loss := func(budget int) (out Step) {
		c := goldenConfig()
		c.MicroTokens = budget
		withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
			for i := range 3 {
				m, err := tr.step(s, i)
				if err != nil {
					t.Fatal(err)
				}
				tr.history, out = append(tr.history, m), m
			}
		})
		return out
	}
	whole, single := loss(1<<20), loss(1)
	if math.Abs(whole.Loss-single.Loss) > 1e-6 || math.Abs(whole.GradNorm-single.GradNorm) > 1e-5*whole.GradNorm {
		t.Errorf("one micro-batch: %+v\none a pair: %+v", whole, single)
	}
}

// TestResumeIsExact stops after every step k, goes on in a fresh trainer and
// compares weights, moments and metrics with an unbroken run, bit for bit.
func TestResumeIsExact(t *testing.T) {
	for _, d := range []torch.DType{torch.Float, torch.BFloat16} {
		c := goldenConfig()
		c.Order = "shuffled"
		final := func(t *testing.T, stop int) string {
			dir := t.TempDir()
			for _, until := range []int{stop, 10} {
				withTrainer(t, c, d, func(s *torch.Scope, tr *trainer) {
					if _, err := os.Stat(filepath.Join(dir, "part")); err == nil {
						if err := tr.load(s, filepath.Join(dir, "part")); err != nil {
							t.Fatal(err)
						}
					}
					for i := len(tr.history); i < until; i++ {
						m, err := tr.step(s, i)
						if err != nil {
							t.Fatal(err)
						}
						tr.history = append(tr.history, m)
					}
					name := map[bool]string{true: "end", false: "part"}[until == 10]
					if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
						t.Fatal(err)
					}
					if err := tr.save(filepath.Join(dir, name)); err != nil {
						t.Fatal(err)
					}
				})
				if until == 10 {
					break
				}
			}
			var all string
			for _, name := range []string{stateFile, MetricsFile} {
				data, err := os.ReadFile(filepath.Join(dir, "end", name))
				if err != nil {
					t.Fatal(err)
				}
				all += string(data)
			}
			return all
		}
		want := final(t, 10)
		for _, stop := range []int{1, 4, 5, 9} {
			t.Run(fmt.Sprint(d, " stopped after ", stop), func(t *testing.T) {
				if final(t, stop) != want {
					t.Error("the resumed run ends in other bytes")
				}
			})
		}
	}
}

// TestSmallRateMovesBFloat16: 200 steps at 5e-7, each far below the spacing of
// bf16, still move the model, because the masters are fp32.
func TestSmallRateMovesBFloat16(t *testing.T) {
	c := goldenConfig()
	c.LearningRate, c.Schedule, c.Warmup, c.Epochs = 5e-7, "constant", 0, 40
	withTrainer(t, c, torch.BFloat16, func(s *torch.Scope, tr *trainer) {
		before := tr.opt.masters[0].Floats()
		if err := tr.run(context.Background(), s, nil); err != nil {
			t.Fatal(err)
		}
		var moved float64
		for i, x := range tr.opt.masters[0].Floats() {
			moved = max(moved, math.Abs(float64(x-before[i])))
		}
		if want := 20 * 5e-7; moved < want {
			t.Errorf("the masters moved by at most %.3g in 200 steps, want over %.3g", moved, want)
		}
		if first, last := tr.history[0].Loss, tr.history[len(tr.history)-1].Loss; last >= first {
			t.Errorf("loss went from %v to %v", first, last)
		}
	})
}

// TestSmoothedFloor: identical policy and reference give ln 2; no smoothed
// loss is under H(0.3).
func TestSmoothedFloor(t *testing.T) {
	run := func(margin float32) float64 {
		var got float64
		err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
			zero := s.Floats([]float32{0}, 1)
			p := Logps{Chosen: s.Floats([]float32{margin}, 1), Rejected: zero, RefChosen: zero, RefRejected: zero}
			got = s.Mean(Sigmoid(s, p, Hyper{Beta: 0.01, Smoothing: 0.3})).Item()
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := run(0); math.Abs(got-math.Ln2) > 1e-6 {
		t.Errorf("step 0: %v, want ln 2", got)
	}
	floor := -.3*math.Log(.3) - .7*math.Log(.7)
	if got := run(float32(math.Log(.7/.3) / 0.01)); math.Abs(got-floor) > 1e-6 {
		t.Errorf("optimum: %v, want %v", got, floor)
	}
}
