package dpo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

func refsConfig(c configs.DPO) RefsConfig {
	return RefsConfig{MaxLength: c.MaxLength, MicroTokens: c.MicroTokens, DType: "float32", Device: "cpu", Tail: 1}.ForTraining(c)
}

// withTrainer calls fn with a trainer on the golden policy and pairs.
func withTrainer(t *testing.T, c configs.DPO, d torch.DType, fn func(*torch.Scope, *trainer)) {
	t.Helper()
	o, err := newObjective(c)
	if err != nil {
		t.Fatal(err)
	}
	rows, counts, err := readRows(table.ReadPairs("testdata/pairs.jsonl"), c.MaxLength, o.needs&Rejected == 0)
	if err != nil || counts != (Counts{Rows: 20}) {
		t.Fatal(err, counts)
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
		if err := reference(context.Background(), s, p, rows, refsConfig(c), nil); err != nil {
			return err
		}
		for i := range rows { // the file has no rewards
			rows[i].verdict = judge(table.Pair{RewardChosen: float64(3 + i%7), RewardRejected: float64(2 + i%5), WinChosen: math.NaN()})
		}
		params, err := trainable(s, p, TrainConfig{DPO: c})
		if err != nil {
			return err
		}
		fn(s, &trainer{objective: o, policy: p, rows: rows, opt: newOptimizer(s, params, c, sharing{})})
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
				checkSteps(t, s, tr, ref)
				var tokens int64 // of the 20 rows, seen twice
				for _, r := range tr.rows {
					tokens += 2 * int64(r.fork().Len())
				}
				if got := tr.history[len(tr.history)-1].Tokens; got != tokens {
					t.Errorf("num_tokens is %d, want %d", got, tokens)
				}
			})
		})
	}
}

// checkSteps trains and holds every metric of every step, and what was trained
// at the end, to a golden.
func checkSteps(t *testing.T, s *torch.Scope, tr *trainer, ref *golden.File) {
	t.Helper()
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
		ref.Check("param."+name, tr.opt.master(s, i).Floats(), golden.Steps)
	}
}

// master is weight i in fp32.
func (o *optimizer) master(s *torch.Scope, i int) torch.Tensor {
	if o.lows[i].Defined() {
		return s.Join(flat(s, o.weights[i]), o.lows[i])
	}
	return s.Detach(o.weights[i])
}

// lossConfig is the golden setting with a loss and its own defaults, at a beta
// and a reward scale that move this policy.
func lossConfig(t *testing.T, loss string) configs.DPO {
	t.Helper()
	sets := map[string]any{"loss": loss}
	c := settings(t, sets)
	if c.Beta > 0 && c.Beta < 0.1 {
		c.Beta = 0.1
	}
	g := goldenConfig()
	c.LearningRate, c.Epochs, c.Batch, c.MicroTokens, c.Order, c.SaveEvery = g.LearningRate, g.Epochs, g.Batch, g.MicroTokens, g.Order, g.SaveEvery
	return c
}

// TestEveryLossTrains takes two steps of each loss, in one micro-batch and in
// one a pair: the loss, its gradient and the weights are the same. The first
// loss is that of the log-probabilities which the policy had as reference; the
// reference is then moved, since some losses have a kink where both are one.
func TestEveryLossTrains(t *testing.T) {
	losses := append(configs.Losses(), "sigmoid+sft", "wpo")
	for _, loss := range losses {
		t.Run(loss, func(t *testing.T) {
			// A log-probability of 46 nats is known to 4e-6 in fp32; dpop takes it five times.
			exact := 1e-6
			if slices.Contains(strings.Fields("discopop dpop ipo_sum rpo_fwd_kl rpo_sq"), loss) {
				exact = 2e-5
			}
			var runs [2][]Step
			var weights [2][]float32
			for k, budget := range []int{1 << 20, 1} {
				c := lossConfig(t, strings.Replace(loss, "wpo", "sigmoid", 1))
				if c.MicroTokens = budget; loss == "wpo" {
					c.Weighting = "wpo"
				}
				withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
					by := float32(0.5)
					if tr.needs&Whole != 0 {
						by = 20 // enough to sort its pairs otherwise than the policy's
					}
					before, want := tr.opt.master(s, 0).Floats(), moveReference(s, tr, by)
					for i := range 2 {
						m, err := tr.step(t.Context(), s, i+1) // the rate of step 0 is 0
						if err != nil {
							t.Fatal(err)
						}
						tr.history = append(tr.history, m)
					}
					if got := tr.history[0].Loss; loss != "wpo" && !near(got, want, exact) {
						t.Errorf("the first loss is %v, want %v", got, want)
					}
					if m := tr.history[0]; loss == "sft" && !near(m.NLL, m.Loss, exact) {
						t.Errorf("nll_loss is %v, the loss %v", m.NLL, m.Loss)
					}
					if slices.Equal(tr.opt.master(s, 0).Floats(), before) {
						t.Error("nothing moved")
					}
					runs[k], weights[k] = tr.history, tr.opt.master(s, 0).Floats()
				})
			}
			for i := range runs[0] {
				if a, b := runs[0][i], runs[1][i]; !near(a.Loss, b.Loss, exact) || !near(a.GradNorm, b.GradNorm, 5*exact) || a.Tokens != b.Tokens {
					t.Errorf("one micro-batch: %+v\none a pair: %+v", a, b)
				}
			}
			if off := golden.MaxRel(weights[1], weights[0]); !(off < 1e-4) { // Adam turns a rounding of g near 0 into a step
				t.Errorf("weights differ by %v", off)
			}
		})
	}
}

// moveReference changes the reference by some nats up or down, and returns the
// loss of step 1's rows under a policy that is as the reference was.
func moveReference(s *torch.Scope, tr *trainer, by float32) float64 {
	policy := map[string][2]float32{}
	for i := range tr.rows {
		r := &tr.rows[i]
		policy[r.id] = [2]float32{r.refChosen, r.refRejected}
		up := by * float32(2*(i%2)-1)
		r.refChosen, r.refRejected = r.refChosen+up, r.refRejected-up/2
	}
	rows := tr.batch(1)
	tokens, values, n := 0, make([]float32, 2*len(rows)), len(rows)
	for i, r := range rows {
		values[i], values[n+i] = policy[r.id][0], policy[r.id][1]
		tokens += len(r.chosen)
	}
	logps := s.Floats(values, 2, int64(n))
	return s.Mean(tr.each(s, tr.look(s, rows, logps, logps, Batch{PerToken: float64(n) / float64(tokens)}))).Item()
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance*max(1, math.Abs(b)) }

// TestResumeIsExact stops after step k, goes on in a fresh trainer and compares
// weights, moments, averages and metrics with an unbroken run, bit for bit.
func TestResumeIsExact(t *testing.T) {
	const steps = 6 // the second epoch begins with the last
	plain := func(*configs.DPO) {}
	tests := []struct {
		name  string
		dtype torch.DType
		set   func(*configs.DPO)
		stops []int
	}{
		{"fp32", torch.Float, plain, []int{1, 4, 5}},
		{"bf16", torch.BFloat16, plain, []int{1, 4, 5}},
		{"moments in bf16", torch.BFloat16, func(c *configs.DPO) { c.Moments = "bfloat16" }, []int{3}},
		{"moments in 8 bit", torch.BFloat16, func(c *configs.DPO) { c.Moments = "8bit" }, []int{3}},
		{"moments in 8 bit, fp32", torch.Float, func(c *configs.DPO) { c.Moments = "8bit" }, []int{3}},
		{"LoRA", torch.BFloat16, func(c *configs.DPO) { c.LoRA.Rank = 4 }, []int{3}},
		{"average", torch.BFloat16, func(c *configs.DPO) { c.EMA = 0.9 }, []int{3}},
		{"sgd", torch.BFloat16, func(c *configs.DPO) { c.Optimizer = "sgd" }, []int{3}},
		{"sgd, momentum", torch.Float, func(c *configs.DPO) { c.Optimizer, c.Momentum, c.Moments = "sgd", 0.9, "bfloat16" }, []int{3}},
		{"rmsprop", torch.Float, func(c *configs.DPO) { c.Optimizer, c.Moments = "rmsprop", "8bit" }, []int{3}},
		{"rmsprop, momentum", torch.BFloat16, func(c *configs.DPO) { c.Optimizer, c.Momentum = "rmsprop", 0.9 }, []int{3}},
		{"bco's shift", torch.Float, func(c *configs.DPO) { c.Loss = "bco" }, []int{3}},
		{"kto's drift", torch.Float, func(c *configs.DPO) { c.Loss, c.DesirableWeight, c.UndesirableWeight = "kto", 1, 1 }, []int{3}},
	}
	for _, tt := range tests {
		c := goldenConfig()
		c.Order = "shuffled"
		tt.set(&c)
		want := content(t, trained(t, c, tt.dtype, "", steps))
		for _, stop := range tt.stops {
			t.Run(fmt.Sprint(tt.name, " stopped after ", stop), func(t *testing.T) {
				part := trained(t, c, tt.dtype, "", stop)
				if content(t, trained(t, c, tt.dtype, part, steps)) != want {
					t.Error("the resumed run ends in other bytes")
				}
			})
		}
	}
}

// TestNarrowMoments: with moments in 16 or 8 bit the loss falls as with fp32,
// by a few hundredths of it.
func TestNarrowMoments(t *testing.T) {
	for _, optimizer := range []string{"adamw", "rmsprop"} {
		last := map[string]float64{}
		for _, moments := range []string{"float32", "bfloat16", "8bit"} {
			c := goldenConfig()
			c.Optimizer, c.Moments, c.Epochs, c.LearningRate = optimizer, moments, 3, 3e-4
			withTrainer(t, c, torch.BFloat16, func(s *torch.Scope, tr *trainer) {
				if err := tr.run(t.Context(), s, nil); err != nil {
					t.Fatal(err)
				}
				for _, m := range tr.history[10:] {
					last[moments] += m.Loss / 5
				}
			})
		}
		want := last["float32"]
		for moments, got := range last {
			if want > 0.6 || math.Abs(got-want) > 0.03 {
				t.Errorf("%s, moments in %s: the loss falls to %v, with fp32 to %v", optimizer, moments, got, want)
			}
		}
	}
}

// TestAverage: the average of weights follows them at its rate, beginning with
// those of the start.
func TestAverage(t *testing.T) {
	c := goldenConfig()
	c.EMA = 0.75
	withTrainer(t, c, torch.BFloat16, func(s *torch.Scope, tr *trainer) {
		want := tr.opt.master(s, 0).Floats()
		for i := range 3 {
			if _, err := tr.step(t.Context(), s, i+1); err != nil {
				t.Fatal(err)
			}
			for k, w := range tr.opt.master(s, 0).Floats() {
				want[k] = 0.75*want[k] + 0.25*w
			}
		}
		if off := golden.MaxRel(tr.opt.averages[0].Floats(), want); !(off < 1e-6) {
			t.Errorf("the average is off by %v", off)
		}
	})
}

// trained goes on from the checkpoint at from, if any, takes all steps before
// the given one, and returns the checkpoint that it leaves.
func trained(t *testing.T, c configs.DPO, d torch.DType, from string, before int) string {
	t.Helper()
	dir := t.TempDir()
	withTrainer(t, c, d, func(s *torch.Scope, tr *trainer) {
		if from != "" {
			if err := tr.load(s, from); err != nil {
				t.Fatal(err)
			}
		}
		for i := len(tr.history); i < before; i++ {
			m, err := tr.step(t.Context(), s, i)
			if err != nil {
				t.Fatal(err)
			}
			tr.history = append(tr.history, m)
		}
		if err := tr.save(dir); err != nil {
			t.Fatal(err)
		}
	})
	return dir
}

// content is all that a checkpoint holds.
func content(t *testing.T, dir string) string {
	t.Helper()
	var all string
	for _, name := range []string{stateFile, MetricsFile} {
		data, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all += string(data)
	}
	return all
}

// A countdown is a context that ends when it has been asked n times.
type countdown struct {
	context.Context
	n int
}

func (c *countdown) Err() error {
	if c.n--; c.n < 0 {
		return context.Canceled
	}
	return nil
}

// TestInterruptLosesOneStep ends the context at every place where it is asked
// for, in the middle of steps too: what was saved goes on as if nothing had
// happened, and only the step under way is lost.
func TestInterruptLosesOneStep(t *testing.T) {
	c := goldenConfig()
	want := content(t, trained(t, c, torch.Float, "", 10))
	lengths := map[int]bool{}
	for _, n := range []int{0, 1, 2, 4, 7, 11, 18, 32, 33, 34, 60} {
		dir, saved := t.TempDir(), -1
		withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
			err := tr.run(&countdown{t.Context(), n}, s, func() error {
				saved = len(tr.history)
				return tr.save(dir)
			})
			taken := len(tr.history)
			if ok := errors.Is(err, context.Canceled) && (taken == 0 || saved == taken); !ok && (taken < 10 || err != nil) {
				t.Errorf("ended at call %d: %v, %d steps taken and %d saved", n, err, taken, saved)
			}
		})
		if saved < 0 || lengths[saved] {
			continue
		}
		lengths[saved] = true
		if content(t, trained(t, c, torch.Float, dir, 10)) != want {
			t.Errorf("ended at call %d after %d steps: it goes on to other bytes", n, saved)
		}
	}
	if len(lengths) < 4 {
		t.Errorf("interrupted after %v steps only: the test shows too little", lengths)
	}
}

// TestNotFiniteHalts: a loss or gradient that is not finite ends the run with
// the pair's or the step's name; nothing moves and nothing is saved after it.
func TestNotFiniteHalts(t *testing.T) {
	tests := []struct {
		name string
		harm func(*trainer)
		want string
		done int // steps before
	}{
		{"reference", func(tr *trainer) { tr.rows[9].refChosen = float32(math.Inf(1)) }, "step 3 of 10: pair 9: the loss is +Inf", 2},
		{"reference is nothing", func(tr *trainer) { tr.rows[0].refRejected = float32(math.NaN()) }, "step 1 of 10: pair 0: the loss is NaN", 0},
		{"beta", func(tr *trainer) { tr.config.Beta = 1e38 }, "step 1 of 10: the gradient's norm is", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := goldenConfig()
			c.SaveEvery = 1
			withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
				tt.harm(tr)
				saves, weights := 0, tr.opt.master(s, 0).Floats()
				err := tr.run(t.Context(), s, func() error {
					saves, weights = saves+1, tr.opt.master(s, 0).Floats()
					return nil
				})
				if err == nil || !strings.Contains(err.Error(), tt.want) {
					t.Errorf("got %v, want %s", err, tt.want)
				}
				if saves != tt.done || len(tr.history) != tt.done || !slices.Equal(tr.opt.master(s, 0).Floats(), weights) {
					t.Errorf("%d checkpoints and %d steps, want %d of each and no move after", saves, len(tr.history), tt.done)
				}
			})
		})
	}
}

// TestNotFiniteIsSkipped: the step of a pair without a finite loss moves
// nothing and is counted; the others train, and a checkpoint goes on from there
// to the bit.
func TestNotFiniteIsSkipped(t *testing.T) {
	c := goldenConfig()
	c.NonFinite = "skip"
	harm := func(tr *trainer) { tr.rows[9].refChosen = float32(math.Inf(1)) }
	var want string
	for _, stop := range []int{10, 4} {
		dir := t.TempDir()
		withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
			harm(tr)
			reported := 0
			tr.report = func(rows []row, step int, why error) error {
				reported++
				if !strings.Contains(why.Error(), "pair 9: the loss is +Inf") || len(rows) != 4 {
					t.Errorf("step %d of %d rows: %v", step, len(rows), why)
				}
				return nil
			}
			for i := range stop {
				before := tr.opt.master(s, 0).Floats()
				m, err := tr.step(t.Context(), s, i)
				if err != nil {
					t.Fatal(err)
				}
				tr.history = append(tr.history, m)
				if bad := i%5 == 2; m.Skipped != bad || bad && !slices.Equal(tr.opt.master(s, 0).Floats(), before) {
					t.Errorf("step %d: %+v", i+1, m)
				}
			}
			if reported != stop/4 {
				t.Errorf("%d steps reported of %d", reported, stop)
			}
			if err := tr.save(dir); err != nil {
				t.Fatal(err)
			}
		})
		if stop == 10 {
			want = content(t, dir)
			continue
		}
		end := t.TempDir()
		withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
			harm(tr)
			if err := errors.Join(tr.load(s, dir), tr.run(t.Context(), s, nil), tr.save(end)); err != nil {
				t.Fatal(err)
			}
		})
		if content(t, end) != want {
			t.Error("resumed after a skipped step it ends in other bytes")
		}
	}
}

// TestSkippedAtMost: a step that is not finite halts the training once as many
// were skipped as may be.
func TestSkippedAtMost(t *testing.T) {
	c := goldenConfig()
	c.NonFinite, c.MaxSkipped = "skip", 2
	withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
		for i := range tr.rows[8:] {
			tr.rows[8+i].refChosen = float32(math.NaN())
		}
		err := tr.run(t.Context(), s, nil)
		if want := "step 5 of 10: pair 16: the loss is NaN"; err == nil || !strings.Contains(err.Error(), want) ||
			!strings.Contains(err.Error(), "2 steps before it were skipped, and dpo.max_skipped is 2") {
			t.Errorf("got %v, want %s", err, want)
		}
	})
}

// TestNoCheckpointOfBrokenWeights: weights that are not finite are not saved.
func TestNoCheckpointOfBrokenWeights(t *testing.T) {
	withTrainer(t, goldenConfig(), torch.Float, func(s *torch.Scope, tr *trainer) {
		tr.opt.weights[0].Set(s.Floats([]float32{float32(math.NaN())}, 1))
		if err := tr.save(t.TempDir()); err == nil || !strings.Contains(err.Error(), "the weights' norm is NaN") {
			t.Errorf("got %v", err)
		}
	})
}

// TestReferenceNotFinite names the pair that a broken reference fails at.
func TestReferenceNotFinite(t *testing.T) {
	c := goldenConfig()
	withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
		tr.opt.weights[0].Set(s.Floats([]float32{float32(math.NaN())}, 1))
		err := reference(t.Context(), s, tr.policy, tr.rows[7:8], refsConfig(c), nil)
		if err == nil || !strings.Contains(err.Error(), "pair 7: the reference's log-probabilities are NaN") {
			t.Errorf("got %v", err)
		}
	})
}

// TestLastBatchCountsItsOwnPairs: a step on the one row that is left over is
// the step on that row alone.
func TestLastBatchCountsItsOwnPairs(t *testing.T) {
	first := func(rows []int, batch, step int) (m Step) {
		c := goldenConfig()
		c.Batch = batch
		withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
			tr.rows = pick(tr.rows, rows)
			var err error
			if m, err = tr.step(t.Context(), s, step); err != nil {
				t.Fatal(err)
			}
		})
		return m
	}
	alone, left := first([]int{4}, 1, 0), first([]int{0, 1, 2, 3, 4}, 4, 1)
	if alone.Loss != left.Loss || alone.GradNorm != left.GradNorm || alone.GradNorm == 0 {
		t.Errorf("alone: loss %v, norm %v; left over: %v, %v", alone.Loss, alone.GradNorm, left.Loss, left.GradNorm)
	}
}

// TestSmallRateMovesBFloat16: 200 steps at 5e-7, each far below the spacing of
// bf16, still move the model, because weights are fp32 to their last bit; and
// the bf16 weights that it computes with move where enough has gathered.
func TestSmallRateMovesBFloat16(t *testing.T) {
	c := goldenConfig()
	c.LearningRate, c.Schedule, c.Warmup, c.Epochs = 5e-7, "constant", 0, 40
	withTrainer(t, c, torch.BFloat16, func(s *torch.Scope, tr *trainer) {
		rounded := func() []float32 { return s.To(tr.opt.weights[0], torch.Float).Floats() }
		before, coarse := tr.opt.master(s, 0).Floats(), rounded()
		if err := tr.run(context.Background(), s, nil); err != nil {
			t.Fatal(err)
		}
		var moved float64
		for i, x := range tr.opt.master(s, 0).Floats() {
			moved = max(moved, math.Abs(float64(x-before[i])))
		}
		if want := 20 * 5e-7; moved < want {
			t.Errorf("the weights moved by at most %.3g in 200 steps, want over %.3g", moved, want)
		}
		changed := 0
		for i, x := range rounded() {
			if x != coarse[i] {
				changed++
			}
		}
		if changed < 10 {
			t.Errorf("%d of the model's bf16 weights changed", changed)
		}
		if first, last := tr.history[0].Loss, tr.history[len(tr.history)-1].Loss; last >= first {
			t.Errorf("loss went from %v to %v", first, last)
		}
	})
}
