package dpo

import (
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"radpo/configs"
	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// TestTenStepsOfLoRA starts from an adapter that PEFT saved: every metric of
// every step and both factors after the last are those of PyTorch on PEFT's
// model.
func TestTenStepsOfLoRA(t *testing.T) {
	ref := golden.Open(t, "testdata/lora/golden.safetensors")
	f, err := hf.Open("testdata/lora/start")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := goldenConfig()
	withTrainer(t, c, torch.Float, func(s *torch.Scope, tr *trainer) {
		factors, err := model.OpenLoRA(s, tr.policy, f)
		if err != nil {
			t.Fatal(err)
		}
		if err := reference(t.Context(), s, tr.policy, tr.rows, refsConfig(c), nil); err != nil {
			t.Fatal(err)
		}
		tr.opt = newOptimizer(s, factors, c, sharing{})
		checkSteps(t, s, tr, ref)
	})
}

// TestLoRAStage: only the targets change, by what the adapter beside the policy
// says, and the trained policy is its own reference's folder.
func TestLoRAStage(t *testing.T) {
	plan := stages(write(t, pairs(t)), 1000)
	c := plan[3].Config.(TrainConfig)
	c.LoRA = configs.LoRA{Rank: 2, Alpha: 8, Targets: []string{"v_proj"}, RSLoRA: true}
	plan[3] = Train.With(c, "policy", "model", "refs", "pairs")
	dirs, err := made(t, plan)
	if err != nil {
		t.Fatal(err)
	}
	f, err := hf.Open(filepath.Join(dirs["policy"], AdapterFolder))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	weights := map[string]map[string][]float32{}
	for _, dir := range []string{"testdata/policy", dirs["policy"]} {
		own := map[string][]float32{}
		err := withPolicy(t.Context(), dir, "float32", "cpu", false, func(s *torch.Scope, _ *hf.Folder, p model.Policy) error {
			if dir == "testdata/policy" {
				if _, err := model.OpenLoRA(s, p, f); err != nil {
					return err
				}
				model.Merge(s, p)
			}
			for _, param := range model.Params(p) {
				own[param.Name] = param.Weight.Floats()
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		weights[dir] = own
	}
	for name, want := range weights["testdata/policy"] {
		if !slices.Equal(weights[dirs["policy"]][name], want) {
			t.Errorf("%s of the policy is not the start's with the adapter merged", name)
		}
	}
	if _, err := os.Stat(filepath.Join(dirs["policy"], "config.json")); err != nil {
		t.Error(err)
	}
}

// TestLoRAReference: the reference that reads a trained policy is the base with
// the adapter on, the one that reads the base is the adapter off; and a training
// begins at ln 2 where it starts from its reference, and nowhere else.
func TestLoRAReference(t *testing.T) {
	data := write(t, pairs(t))
	plan := stages(data, 1000)
	c := plan[3].Config.(TrainConfig)
	c.LoRA = configs.LoRA{Rank: 4, Alpha: 32, Targets: []string{"all-linear"}}
	plan[3] = Train.With(c, "policy", "model", "refs", "pairs")
	plan = append(plan, Refs.With(refsConfig(c.DPO), "refs-on", "policy", "pairs"))
	c.Seed, c.Epochs = 1, 1
	for name, reads := range map[string][2]string{"off-off": {"model", "refs"}, "on-on": {"policy", "refs-on"}, "on-off": {"policy", "refs"}, "off-on": {"model", "refs-on"}} {
		plan = append(plan, Train.With(c, name, reads[0], reads[1], "pairs"))
	}
	dirs, err := made(t, plan)
	if err != nil {
		t.Fatal(err)
	}
	for name, same := range map[string]bool{"off-off": true, "on-on": true, "on-off": false, "off-on": false} {
		steps, err := readMetrics(filepath.Join(dirs[name], MetricsFile))
		if err != nil {
			t.Fatal(err)
		}
		if got := steps[0].Loss; near(got, math.Ln2, 1e-6) != same {
			t.Errorf("started and referred with the adapter %s, the first loss is %v", name, got)
		}
	}
	for refs, adapted := range map[string]bool{"refs": false, "refs-on": true} {
		want := unmerged(t, data, filepath.Join(dirs["policy"], AdapterFolder), adapted)
		got := slices.Clone(want)
		if err := attach(got, dirs[refs]); err != nil {
			t.Fatal(err)
		}
		for i, w := range want {
			if g := got[i]; !near(float64(g.refChosen), float64(w.refChosen), 1e-5) || !near(float64(g.refRejected), float64(w.refRejected), 1e-5) {
				t.Errorf("%s: pair %s has %v and %v, want %v and %v", refs, w.id, g.refChosen, g.refRejected, w.refChosen, w.refRejected)
			}
		}
	}
}

// unmerged is the rows of data with the log-probabilities of the start, the
// adapter beside its weights or off.
func unmerged(t *testing.T, data, adapter string, on bool) (rows []row) {
	t.Helper()
	f, err := hf.Open(adapter)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = withPolicy(t.Context(), "testdata/policy", "float32", "cpu", false, func(s *torch.Scope, _ *hf.Folder, p model.Policy) error {
		if rows, _, err = readRows(table.ReadPairs(data), 40, false); err == nil && on {
			_, err = model.OpenLoRA(s, p, f)
		}
		if err != nil {
			return err
		}
		return reference(t.Context(), s, p, rows, refsConfig(goldenConfig()), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
