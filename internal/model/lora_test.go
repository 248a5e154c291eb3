package model_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// TestLoRA holds logits, gradients of both factors and merged weights to
// PEFT's, for adapters that PEFT saved.
func TestLoRA(t *testing.T) {
	for _, name := range []string{"attention", "all-rs", "patterns"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata/adapters", name)
			ref := golden.Open(t, filepath.Join(dir, "golden.safetensors"))
			f, err := hf.Open(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			withPolicy(t, "testdata/llama3", torch.Float, false, func(s *torch.Scope, p model.Policy) {
				factors, err := model.OpenLoRA(s, p, f)
				if err != nil {
					t.Fatal(err)
				}
				ref.Check("logits", logitsOf(s, p, ref), golden.F32)
				checkGradients(t, s, p, ref, factors)
				model.Merge(s, p)
				ref.Check("logits", logitsOf(s, p, ref), golden.F32)
				merged := 0
				for _, param := range model.Params(p) {
					if strings.Contains(param.Name, "proj") {
						ref.Check("merged."+param.Name, param.Weight.Floats(), golden.F32)
						merged++
					}
				}
				if merged != 14 {
					t.Errorf("%d merged weights, want 14", merged)
				}
			})
		})
	}
}

// TestHeadAdapter: of an adapter whose targets have the head PEFT saves the
// head's own weight too, which stands for the model's.
func TestHeadAdapter(t *testing.T) {
	const dir = "testdata/adapters/head"
	ref := golden.Open(t, dir+"/golden.safetensors")
	f, err := hf.OpenAdapted("testdata/llama3", dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	err = torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, torch.Float, false)
		if err == nil {
			ref.Check("logits", logitsOf(s, p, ref), golden.F32)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func logitsOf(s *torch.Scope, p model.Policy, ref *golden.File) (got []float32) {
	shape := ref.Shape("ids")
	s.NoGrad(func(s *torch.Scope) {
		got = p.Logits(s, p.Hidden(s, input(s, ref.Ints("ids"), shape[0], shape[1]))).Floats()
	})
	return got
}

// TestNewLoRA: a fresh adapter changes nothing, starts alike for one seed, and
// comes back from its folder as it was.
func TestNewLoRA(t *testing.T) {
	a := hf.Adapter{Base: "llama3", Rank: 3, Alpha: 6, Targets: []string{"q_proj", "layers.1.mlp.down_proj"}}
	ref := golden.Open(t, "testdata/llama3/golden.safetensors")
	dir := filepath.Join(t.TempDir(), "adapter")
	var names []string
	var values [][]float32
	withPolicy(t, "testdata/llama3", torch.Float, false, func(s *torch.Scope, p model.Policy) {
		factors, err := model.NewLoRA(s, p, a, 1)
		if err != nil {
			t.Fatal(err)
		}
		ref.Check("logits", logitsOf(s, p, ref), golden.F32)
		for _, f := range factors {
			names, values = append(names, f.Name), append(values, f.Weight.Floats())
		}
		if err := model.SaveLoRA(dir, a, factors); err != nil {
			t.Fatal(err)
		}
	})
	const prefix = "base_model.model.model.layers."
	want := []string{prefix + "0.self_attn.q_proj.lora_A.weight", prefix + "0.self_attn.q_proj.lora_B.weight",
		prefix + "1.self_attn.q_proj.lora_A.weight", prefix + "1.self_attn.q_proj.lora_B.weight",
		prefix + "1.mlp.down_proj.lora_A.weight", prefix + "1.mlp.down_proj.lora_B.weight"}
	if !slices.Equal(names, want) {
		t.Errorf("factors %v, want %v", names, want)
	}
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if got, _, err := f.Adapter(); err != nil || !reflect.DeepEqual(got, a) {
		t.Errorf("read back %+v (%v), want %+v", got, err, a)
	}
	withPolicy(t, "testdata/llama3", torch.Float, false, func(s *torch.Scope, p model.Policy) {
		factors, err := model.OpenLoRA(s, p, f)
		if err != nil {
			t.Fatal(err)
		}
		again, err := model.NewLoRA(s, p, a, 1)
		if err != nil {
			t.Fatal(err)
		}
		for i := range values {
			if got := factors[i].Weight.Floats(); !slices.Equal(got, values[i]) || !slices.Equal(again[i].Weight.Floats(), values[i]) {
				t.Errorf("%s came back as %v, was %v", names[i], got, values[i])
			}
		}
		other, _ := model.NewLoRA(s, p, a, 2)
		if slices.Equal(other[0].Weight.Floats(), values[0]) {
			t.Error("another seed starts alike")
		}
	})
	loadsInPEFT(t, dir)
}

// loadsInPEFT runs PEFT where RADPO_PYTHON has it.
func loadsInPEFT(t *testing.T, dir string) {
	python := os.Getenv("RADPO_PYTHON")
	if python == "" {
		t.Log("RADPO_PYTHON is not set: PEFT was not asked to load the adapter")
		return
	}
	const script = `import sys
from peft import PeftModel
from transformers import AutoModelForCausalLM
m = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(sys.argv[1]), sys.argv[2])
print(sum(p.abs().sum().item() > 0 for n, p in m.named_parameters() if "lora_A" in n))`
	out, err := exec.Command(python, "-W", "ignore", "-c", script, "testdata/llama3", dir).CombinedOutput()
	if err != nil || !strings.HasSuffix(strings.TrimSpace(string(out)), "3") {
		t.Errorf("PEFT: %v\n%s", err, out)
	}
}

func TestLoRAWithoutLayer(t *testing.T) {
	for _, tt := range []struct{ target, want string }{
		{"query", `no linear layer "query"`}, {"lm_head", "LoRA changes the layers below lm_head"},
	} {
		withPolicy(t, "testdata/llama3", torch.Float, false, func(s *torch.Scope, p model.Policy) {
			_, err := model.NewLoRA(s, p, hf.Adapter{Rank: 1, Alpha: 1, Targets: []string{"q_proj", tt.target}}, 1)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v", tt.target, err)
			}
		})
	}
}
