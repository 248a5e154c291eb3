package hf_test

import (
	"bytes"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/hf"
)

// Llama-3.1-like settings as transformers 5 and 4 write them.
const (
	config5 = `{
  "architectures": ["LlamaForCausalLM"],
  "model_type": "llama",
  "attention_bias": false,
  "bos_token_id": 128000,
  "eos_token_id": [128001, 128009],
  "pad_token_id": null,
  "dtype": "bfloat16",
  "head_dim": 128,
  "hidden_act": "silu",
  "hidden_size": 4096,
  "intermediate_size": 14336,
  "max_position_embeddings": 131072,
  "mlp_bias": false,
  "num_attention_heads": 32,
  "num_hidden_layers": 32,
  "num_key_value_heads": 8,
  "rms_norm_eps": 1e-05,
  "rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192},
  "tie_word_embeddings": false,
  "vocab_size": 128256
}`
	ropeParameters = `"rope_parameters": {"rope_theta": 500000.0, "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0,
    "high_freq_factor": 4.0, "original_max_position_embeddings": 8192}`
	ropeScaling = `"rope_theta": 500000, "rope_scaling": {"type": "llama3", "factor": 8, "low_freq_factor": 1,
    "high_freq_factor": 4, "original_max_position_embeddings": 8192}`
)

func config4() string {
	return edit(config5, ropeParameters, ropeScaling, `"dtype"`, `"torch_dtype"`)
}

func TestConfigSpellings(t *testing.T) {
	want := hf.Config{
		Architectures: []string{"LlamaForCausalLM"}, ModelType: "llama", DType: "bfloat16",
		VocabSize: 128256, HiddenSize: 4096, IntermediateSize: 14336, NumHiddenLayers: 32,
		NumAttentionHeads: 32, NumKeyValueHeads: 8, HeadDim: 128, MaxPositionEmbeddings: 131072,
		RMSNormEps: 1e-5, HiddenAct: "silu",
		RoPE: hf.RoPE{
			Type: hf.RoPELlama3, Theta: 500000, Factor: 8, LowFreqFactor: 1, HighFreqFactor: 4,
			OriginalMaxPositionEmbeddings: 8192,
		},
		BOS: []int{128000}, EOS: []int{128001, 128009}, PAD: -1,
		NumLabels: 2, Labels: map[int]string{},
		Gating: hf.Gating{NumObjectives: 19, Temperature: 10, HiddenDim: 1024, NumHidden: 3},
		Reward: hf.Reward{Std: 1},
	}
	for name, text := range map[string]string{"transformers 5": config5, "transformers 4": config4()} {
		got, err := readConfig(t, text)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(got, want, cmpopts.IgnoreFields(hf.Config{}, "Raw")); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
		if string(got.Raw["vocab_size"]) != "128256" {
			t.Errorf("%s: Raw lacks vocab_size", name)
		}
	}
}

func TestConfigDefaults(t *testing.T) {
	const least = `{"model_type": "TYPE", "hidden_size": 48, "intermediate_size": 64, "num_hidden_layers": 2,
		"num_attention_heads": 4, "vocab_size": 100}`
	tied := map[string]bool{"llama": false, "mistral": false, "qwen2": false, "deberta-v2": true}
	for kind, tie := range tied {
		c := must(readConfig(t, edit(least, "TYPE", kind)))
		if c.TieWordEmbeddings != tie {
			t.Errorf("%s: tied %v, want %v", kind, c.TieWordEmbeddings, tie)
		}
		got := []any{c.NumKeyValueHeads, c.HeadDim, c.MaxPositionEmbeddings, c.RMSNormEps, c.HiddenAct, c.RoPE, c.PAD, c.NumLabels}
		want := []any{4, 12, 2048, 1e-6, "silu", hf.RoPE{Type: "default", Theta: 10000}, -1, 2}
		if diff := cmp.Diff(got, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", kind, diff)
		}
	}
}

func TestConfigHeads(t *testing.T) {
	c := must(readConfig(t, edit(config5, `"vocab_size"`, `"id2label": {"0": "bad", "1": "good", "2": "best"},
		"num_objectives": 5, "gating_temperature": 2.5, "gating_hidden_dim": 32, "gating_n_hidden": 1,
		"gating_token_pattern": [9, 6, 78], "vocab_size"`)))
	if diff := cmp.Diff(c.Labels, map[int]string{0: "bad", 1: "good", 2: "best"}); diff != "" || c.NumLabels != 3 {
		t.Errorf("%d labels (-got +want):\n%s", c.NumLabels, diff)
	}
	want := hf.Gating{NumObjectives: 5, Temperature: 2.5, HiddenDim: 32, NumHidden: 1, TokenPattern: []int{9, 6, 78}}
	if diff := cmp.Diff(c.Gating, want); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

func TestConfigFaults(t *testing.T) {
	tests := map[string]struct {
		edit []string
		want []string // all in the one error
	}{
		"negative":        {[]string{`"hidden_size": 4096`, `"hidden_size": -1`}, []string{"hidden_size: want 1 to 1048576, got -1"}},
		"zero":            {[]string{`"num_hidden_layers": 32`, `"num_hidden_layers": 0`}, []string{"num_hidden_layers: want 1 to 4096, got 0"}},
		"giant":           {[]string{`128256`, `99999999999`}, []string{"vocab_size: want 1 to 16777216, got 99999999999"}},
		"beyond an int":   {[]string{`128256`, `9e99`}, []string{"vocab_size: want an integer, got 9e99"}},
		"missing":         {[]string{`"vocab_size"`, `"vocab"`}, []string{"vocab_size: missing"}},
		"wrong type":      {[]string{`"silu"`, `7`}, []string{"hidden_act: want a string, got 7"}},
		"two at once":     {[]string{`"silu"`, `7`, `128256`, `"many"`}, []string{"hidden_act", "vocab_size: want an integer"}},
		"groups":          {[]string{`"num_key_value_heads": 8`, `"num_key_value_heads": 5`}, []string{"num_key_value_heads: 5 does not divide num_attention_heads 32"}},
		"heads":           {[]string{`"head_dim": 128`, `"head_dim": null`, `"num_attention_heads": 32`, `"num_attention_heads": 24`}, []string{"num_attention_heads: 24 does not divide hidden_size 4096"}},
		"epsilon":         {[]string{`1e-05`, `-1e-05`}, []string{"rms_norm_eps: want above 0"}},
		"rope type":       {[]string{`"llama3"`, `"yarn"`}, []string{`rope_parameters.rope_type: want default, linear or llama3, got "yarn"`}},
		"rope factor":     {[]string{`"factor": 8.0, `, ``}, []string{"rope_parameters.factor: missing"}},
		"rope order":      {[]string{`"low_freq_factor": 1.0`, `"low_freq_factor": 4.0`}, []string{"rope_parameters.low_freq_factor: want less than"}},
		"rope theta":      {[]string{`500000.0`, `0`}, []string{"rope_parameters.rope_theta: want above 0"}},
		"partial rope":    {[]string{`"factor"`, `"partial_rotary_factor": 0.5, "factor"`}, []string{"partial_rotary_factor: want 1, got 0.5"}},
		"labels":          {[]string{`"vocab_size"`, `"id2label": {"1": "x"}, "vocab_size"`}, []string{`id2label: want keys 0 to 0, got "1"`}},
		"label count":     {[]string{`"vocab_size"`, `"id2label": {"0": "x"}, "num_labels": 2, "vocab_size"`}, []string{"num_labels: 2, but id2label has 1"}},
		"end token":       {[]string{`[128001, 128009]`, `[128001, -4]`}, []string{"eos_token_id: want token ids, got [128001, -4]"}},
		"null token":      {[]string{`[128001, 128009]`, `[128001, null]`}, []string{"eos_token_id: want token ids"}},
		"pad token":       {[]string{`"pad_token_id": null`, `"pad_token_id": "x"`}, []string{"pad_token_id: want an integer"}},
		"syntax":          {[]string{`"mlp_bias": false,`, `"mlp_bias": false`}, []string{"line 15 column 3"}},
		"not a number":    {[]string{`1e-05`, `NaN`}, []string{"line 18 column 19", "'N'"}},
		"list":            {[]string{config5, `[1]`}, []string{"want a JSON object"}},
		"null":            {[]string{config5, `null`}, []string{"want a JSON object"}},
		"empty":           {[]string{config5, ``}, []string{"line 1"}},
		"byte order mark": {[]string{config5, "\ufeff{}"}, []string{"line 1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := readConfig(t, edit(config5, test.edit...))
			for _, want := range append(test.want, "config.json") {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q", err, want)
				}
			}
		})
	}
}

func TestGenerationConfig(t *testing.T) {
	tests := map[string]struct {
		file string
		want hf.GenerationConfig
	}{
		"absent": {"", hf.GenerationConfig{BOS: []int{128000}, EOS: []int{128001, 128009}, PAD: -1}},
		"list":   {`{"eos_token_id": [1, 2, 3]}`, hf.GenerationConfig{BOS: []int{128000}, EOS: []int{1, 2, 3}, PAD: -1}},
		"int":    {`{"eos_token_id": 5, "pad_token_id": 6, "bos_token_id": 7}`, hf.GenerationConfig{BOS: []int{7}, EOS: []int{5}, PAD: 6}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, "config.json", []byte(config5))
			if test.file != "" {
				write(t, dir, "generation_config.json", []byte(test.file))
			}
			got, err := open(t, dir).GenerationConfig()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, test.want); diff != "" {
				t.Errorf("-got +want:\n%s", diff)
			}
		})
	}
	dir := t.TempDir()
	write(t, dir, "config.json", []byte(config5))
	write(t, dir, "generation_config.json", []byte(`{"eos_token_id": "</s>"}`))
	if _, err := open(t, dir).GenerationConfig(); err == nil || !strings.Contains(err.Error(), "eos_token_id: want an integer") {
		t.Errorf("got %v", err)
	}
}

// TestConfigMutants damages config.json in thousands of ways. What is still
// accepted must be plausible.
func TestConfigMutants(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	accepted := 0
	for i := range 20_000 {
		text := []byte(config5)
		for range 1 + random.IntN(3) {
			text[random.IntN(len(text))] = byte(random.IntN(128))
		}
		start := time.Now()
		c, err := hf.ParseConfig(text)
		if took := time.Since(start); took > time.Second {
			t.Errorf("mutant %d: %v", i, took)
		}
		if err == nil {
			accepted++
			checkPlausible(t, c)
		}
	}
	if accepted < 500 || accepted > 18_000 {
		t.Errorf("%d of 20000 mutants accepted: the damage is too heavy or too light to test much", accepted)
	}
}

func FuzzConfig(f *testing.F) {
	f.Add([]byte(config5))
	f.Add([]byte(config4()))
	f.Add([]byte(edit(least, "TYPE", "gemma2", "MORE", `"sliding_window": 8, "layer_types": null,`)))
	f.Add([]byte(rankerConfig))
	f.Add([]byte(pairRMConfig))
	f.Fuzz(func(t *testing.T, text []byte) {
		if c, err := hf.ParseConfig(text); err == nil {
			checkPlausible(t, c)
		}
		if said, err := hf.Restate(text, "float32"); err == nil {
			if again, err := hf.Restate(said, "float32"); err != nil || !bytes.Equal(again, said) {
				t.Errorf("%q became %q and then %q (%v)", text, said, again, err)
			}
		}
	})
}

func checkPlausible(t *testing.T, c hf.Config) {
	t.Helper()
	for _, n := range []int{
		c.VocabSize, c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.NumKeyValueHeads,
		c.HeadDim, c.MaxPositionEmbeddings, c.NumLabels,
	} {
		if n < 1 || n > 1<<30 {
			t.Errorf("implausible: %+v", c)
		}
	}
	if c.NumAttentionHeads%c.NumKeyValueHeads != 0 || c.RMSNormEps <= 0 || c.RoPE.Theta <= 0 {
		t.Errorf("implausible: %+v", c)
	}
}

func readConfig(t *testing.T, text string) (hf.Config, error) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, "config.json", []byte(text))
	return open(t, dir).Config()
}

func open(t *testing.T, dir string) *hf.Folder {
	t.Helper()
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

// edit replaces old texts, which must exist, by new ones.
func edit(text string, pairs ...string) string {
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			panic("no " + pairs[i])
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}
