package hf_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/hf"
)

// least is a configuration of four layers without what has a default.
const least = `{"model_type": "TYPE", "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 4,
	"num_attention_heads": 4, "vocab_size": 100, MORE "architectures": []}`

func TestWindows(t *testing.T) {
	all, none := []int{4096, 4096, 4096, 4096}, []int(nil)
	tests := []struct {
		kind, more string
		want       []int
	}{
		{"llama", `"sliding_window": 8,`, none},
		{"mistral", ``, all}, // v0.1
		{"mistral", `"sliding_window": null,`, none},
		{"mistral", `"sliding_window": 8,`, []int{8, 8, 8, 8}},
		{"qwen2", ``, none},
		{"qwen2", `"sliding_window": 8, "max_window_layers": 2,`, none}, // use_sliding_window is false
		{"qwen2", `"use_sliding_window": true, "sliding_window": 8, "max_window_layers": 3,`, []int{0, 0, 0, 8}},
		{"qwen2", `"use_sliding_window": true, "max_window_layers": 0,`, all},
		{"qwen2", `"use_sliding_window": true,`, none}, // max_window_layers is 28
		{"qwen2", `"use_sliding_window": true, "sliding_window": null, "max_window_layers": 0,`, none},
		{"qwen3", `"layer_types": ["full_attention", "full_attention", "full_attention", "full_attention"],`, none},
		{"qwen2", `"use_sliding_window": true, "sliding_window": 8,
			"layer_types": ["sliding_attention", "full_attention", "full_attention", "full_attention"],`, []int{8, 0, 0, 0}},
		{"gemma2", ``, []int{4096, 0, 4096, 0}},
		{"gemma2", `"sliding_window": 8, "layer_types": null,`, []int{8, 0, 8, 0}},
		{"gemma2", `"layer_types": ["full_attention", "sliding_attention", "full_attention", "full_attention"],`, []int{0, 4096, 0, 0}},
	}
	for _, test := range tests {
		c, err := readConfig(t, edit(least, "TYPE", test.kind, "MORE", test.more))
		if err != nil {
			t.Errorf("%s %s: %v", test.kind, test.more, err)
		}
		if diff := cmp.Diff(c.Windows, test.want); diff != "" {
			t.Errorf("%s %s (-got +want):\n%s", test.kind, test.more, diff)
		}
	}
}

func TestWindowFaults(t *testing.T) {
	tests := []struct{ kind, more, want string }{
		{"gemma2", `"sliding_window": null,`, "sliding_window: there is none, and layer 0 is to have one"},
		{"gemma2", `"sliding_window": 0,`, "sliding_window: want 1 to"},
		{"gemma2", `"use_bidirectional_attention": true,`, "use_bidirectional_attention: want false"},
		{"gemma2", `"attn_logit_softcapping": -1,`, "attn_logit_softcapping: want above 0"},
		{"gemma2", `"layer_types": ["full_attention"],`, "layer_types: 1 entries for 4 layers"},
		{"qwen2", `"layer_types": ["full_attention", "full_attention", "full_attention", "linear_attention"],`, `layer_types: want full_attention or sliding_attention, got "linear_attention"`},
		{"qwen2", `"layer_types": ["full_attention", "full_attention", "full_attention", "sliding_attention"],`, "sliding_window: there is none, and layer 3"},
		{"mistral", `"layer_types": ["full_attention"],`, "layer_types: not supported for Mistral"},
	}
	for _, test := range tests {
		if _, err := readConfig(t, edit(least, "TYPE", test.kind, "MORE", test.more)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: got %v, want %s", test.kind, test.more, err, test.want)
		}
	}
}

// TestGemma2Config reads what only Gemma-2 has; a null cap is none.
func TestGemma2Config(t *testing.T) {
	type settings struct {
		act                 string
		scalar, attn, final float64
		heads               int
		tied                bool
	}
	of := func(c hf.Config) settings {
		return settings{c.HiddenAct, c.QueryPreAttnScalar, c.AttnLogitSoftcapping, c.FinalLogitSoftcapping, c.HeadDim, c.TieWordEmbeddings}
	}
	for more, want := range map[string]settings{
		``: {"gelu_pytorch_tanh", 256, 50, 30, 256, true},
		`"hidden_act": "silu", "attn_logit_softcapping": null, "final_logit_softcapping": 9.5, "query_pre_attn_scalar": 144, "head_dim": 128,`: {
			"gelu_pytorch_tanh", 144, 0, 9.5, 128, true,
		},
		`"hidden_activation": "gelu",`: {"gelu", 256, 50, 30, 256, true},
	} {
		if got := of(must(readConfig(t, edit(least, "TYPE", "gemma2", "MORE", more)))); got != want {
			t.Errorf("%s: got %+v, want %+v", more, got, want)
		}
	}
	if got := of(must(readConfig(t, edit(least, "TYPE", "llama", "MORE", "")))); got != (settings{act: "silu", heads: 12}) {
		t.Errorf("llama: got %+v", got)
	}
}
