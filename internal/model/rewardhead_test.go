package model_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/internal/hf"
	"radpo/internal/model"
)

const rewards = "../../ranker/testdata/"

// altered is the folder at dir with its tensors changed, and words of its
// config replaced.
func altered(t *testing.T, dir string, change func([]hf.Tensor) []hf.Tensor, words ...string) *hf.Folder {
	t.Helper()
	base, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer base.Close()
	tensors, err := base.Tensors()
	if err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(t.TempDir(), "model")
	if err := hf.Save(out, base, change(tensors), hf.ShardLimit); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(out, "config.json")
	text, err := os.ReadFile(config)
	if err != nil {
		t.Fatal(err)
	}
	text = []byte(strings.NewReplacer(words...).Replace(string(text)))
	if err := os.WriteFile(config, text, 0o644); err != nil {
		t.Fatal(err)
	}
	f, err := hf.Open(out)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// with replaces tensors or adds them; without leaves some out.
func with(more ...hf.Tensor) func([]hf.Tensor) []hf.Tensor {
	return func(all []hf.Tensor) []hf.Tensor {
		for _, m := range more {
			all = append(without(m.Name)(all), m)
		}
		return all
	}
}

func without(name string) func([]hf.Tensor) []hf.Tensor {
	return func(all []hf.Tensor) []hf.Tensor {
		var out []hf.Tensor
		for _, t := range all {
			if t.Name != name {
				out = append(out, t)
			}
		}
		return out
	}
}

func floats(name string, shape ...int64) hf.Tensor {
	n := int64(4)
	for _, d := range shape {
		n *= d
	}
	return hf.Tensor{Name: name, DType: hf.F32, Shape: shape, Data: bytes.Repeat([]byte{0}, int(n))}
}

// TestForeignRewardModels: what is no reward model of a known layout is
// refused by name.
func TestForeignRewardModels(t *testing.T) {
	for name, tt := range map[string]struct {
		dir    string
		change func([]hf.Tensor) []hf.Tensor
		words  []string
		check  func(*hf.Folder) error
		want   string
	}{
		"several outputs": {"classifier", with(floats("score.weight", 10, 32)), nil, model.CheckClassifier, "score.weight has shape [10 32]: a reward model has one output"},
		"no head":         {"value-head", without("value_head.weight"), nil, model.CheckClassifier, "it has no reward head: neither score, nor"},
		"two heads":       {"value-head", with(floats("score.weight", 1, 32)), nil, model.CheckClassifier, "it has several reward heads"},
		"other body":      {"score-mlp", with(), []string{`"llama"`, `"bert"`}, model.CheckClassifier, `a reward model of model_type "bert" is not supported here; supported: gemma2, llama, mistral, qwen2`},
		"no last layer":   {"score-mlp", without("score.2.weight"), nil, model.CheckClassifier, "score.0.weight has shape [32 32]: a reward model has one output"},
		"odd layer":       {"score-mlp", with(floats("score.0.weight", 32)), nil, model.CheckClassifier, "score.0.weight has shape [32], want a matrix"},
		"no gate":         {"armorm", without("gating.layers.0.weight"), nil, model.CheckArmoRM, "gating.layers.0.weight is missing"},
		"no statistics":   {"qrm", without("gating.layers.2.running_var"), nil, model.CheckArmoRM, "gating.layers.2.running_var is missing"},
	} {
		f := altered(t, rewards+tt.dir, tt.change, tt.words...)
		if err := tt.check(f); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
