package dpo

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"radpo/configs"
	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
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
