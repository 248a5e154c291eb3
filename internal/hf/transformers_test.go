package hf_test

import (
	"path/filepath"
	"testing"

	"radpo/internal/hf"
)

// TestTransformersFolders opens what transformers saved: the shapes of the
// tensors must follow from the configuration.
func TestTransformersFolders(t *testing.T) {
	folders := []string{"tied", "biased", "llama3", "sharded", "tied-bf16", "biased-bf16", "llama3-bf16", "sharded-bf16",
		"mistral", "mistral-bf16", "gemma2", "gemma2-bf16", "qwen3", "qwen3-bf16"}
	for _, name := range folders {
		t.Run(name, func(t *testing.T) {
			f := open(t, filepath.Join("../model/testdata", name))
			c, err := f.Config()
			if err != nil {
				t.Fatal(err)
			}
			tensors := byName(must(f.Tensors()))
			const attention = "model.layers.0.self_attn."
			want := map[string][2]int{
				"model.embed_tokens.weight":              {c.VocabSize, c.HiddenSize},
				attention + "q_proj.weight":              {c.NumAttentionHeads * c.HeadDim, c.HiddenSize},
				attention + "k_proj.weight":              {c.NumKeyValueHeads * c.HeadDim, c.HiddenSize},
				"model.layers.1.mlp.down_proj.weight":    {c.HiddenSize, c.IntermediateSize},
				"model.layers.1.mlp.up_proj.weight":      {c.IntermediateSize, c.HiddenSize},
				"model.layers.0.self_attn.o_proj.weight": {c.HiddenSize, c.NumAttentionHeads * c.HeadDim},
			}
			for name, shape := range want {
				got := tensors[name].Shape
				if len(got) != 2 || got[0] != int64(shape[0]) || got[1] != int64(shape[1]) {
					t.Errorf("%s: got %v, want %v", name, got, shape)
				}
			}
			for name, present := range map[string]bool{
				"lm_head.weight":                      !c.TieWordEmbeddings,
				attention + "q_proj.bias":             c.AttentionBias,
				"model.layers.0.mlp.up_proj.bias":     c.MLPBias,
				"model.layers.0.input_layernorm.bias": false,
			} {
				if _, ok := tensors[name]; ok != present {
					t.Errorf("%s: present %v, want %v", name, ok, present)
				}
			}
			dtype := map[string]hf.DType{"float32": hf.F32, "bfloat16": hf.BF16}[c.DType]
			if got := tensors["model.norm.weight"].DType; got != dtype {
				t.Errorf("got type %s, want %s", got, dtype)
			}
			if g, err := f.GenerationConfig(); err != nil || len(g.EOS) != 2 || g.PAD != 0 {
				t.Errorf("generation config: %+v, %v", g, err)
			}
		})
	}
}

// TestRewardFolders opens the two kinds of reward model.
func TestRewardFolders(t *testing.T) {
	f := open(t, "../../ranker/testdata/armorm")
	c := must(f.Config())
	if g := c.Gating; g.NumObjectives != 19 || g.Temperature != 2.5 || g.HiddenDim != 48 || g.NumHidden != 2 || len(g.TokenPattern) != 5 {
		t.Errorf("got %+v", g)
	}
	tensors := byName(must(f.Tensors()))
	for name, want := range map[string]hf.DType{
		"model.norm.weight": hf.BF16, "regression_layer.weight": hf.F32, "gating.logit_scale": hf.F32, "gating.layers.2.bias": hf.F32,
	} {
		if got := tensors[name].DType; got != want {
			t.Errorf("%s: got type %q, want %s", name, got, want)
		}
	}
	if c := must(open(t, "../../ranker/testdata/classifier").Config()); c.NumLabels != 1 || c.Architectures[0] != "LlamaForSequenceClassification" {
		t.Errorf("classifier: got %d labels of %v", c.NumLabels, c.Architectures)
	}
}

// TestSpellingsOfTransformers reads the rotary settings of both spellings.
func TestSpellingsOfTransformers(t *testing.T) {
	tests := map[string]hf.RoPE{
		"tied":    {Type: "default", Theta: 10000},
		"sharded": {Type: "linear", Theta: 10000, Factor: 2}, // transformers 4
		"llama3": {
			Type: "llama3", Theta: 1000, Factor: 4, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositionEmbeddings: 64,
		},
	}
	for name, want := range tests {
		c, err := open(t, filepath.Join("../model/testdata", name)).Config()
		if err != nil || c.RoPE != want {
			t.Errorf("%s: got %+v, %v, want %+v", name, c.RoPE, err, want)
		}
	}
}
