package hf

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
)

// A Config is what we use of config.json, in the spelling of transformers 4 or
// 5, under the names that transformers gives it. Numbers are positive and in
// plausible ranges, and head counts divide.
type Config struct {
	Architectures []string // class names, e.g. LlamaForCausalLM
	ModelType     string   // e.g. llama
	DType         string   // of the saved weights, e.g. bfloat16; may be empty

	VocabSize             int
	HiddenSize            int
	IntermediateSize      int
	NumHiddenLayers       int
	NumAttentionHeads     int
	NumKeyValueHeads      int // default: NumAttentionHeads
	HeadDim               int // default: HiddenSize / NumAttentionHeads
	MaxPositionEmbeddings int
	RMSNormEps            float64
	HiddenAct             string // e.g. silu; Gemma-2 calls it hidden_activation
	TieWordEmbeddings     bool
	Windows               []int // of each layer: how many of the last tokens it sees; 0: all; nil: all layers all
	AttentionBias         bool  // q, k, v and o projections
	MLPBias               bool
	RoPE                  RoPE

	QueryPreAttnScalar    float64 // Gemma-2: attention scores are divided by its root
	AttnLogitSoftcapping  float64 // Gemma-2: bound of attention scores; 0: none
	FinalLogitSoftcapping float64 // Gemma-2: bound of logits; 0: none

	BOS []int // none, one or several ids
	EOS []int
	PAD int // -1: none

	NumLabels int            // outputs of a sequence classifier
	Labels    map[int]string // id2label
	Gating    Gating         // of LlamaForRewardModelWithGating
	DeBERTa   DeBERTa        // of model type deberta-v2
	PairRM    PairRM         // of DebertaV2PairRM, which a ranker_config stands for too
	Reward    Reward

	Raw map[string]json.RawMessage // the whole file, with the encoder that a ranker_config names
}

// Reward is how OpenRLHF's reward models normalise a score, (score − Mean)/Std:
// 0 and 1 unless normalize_reward is set.
type Reward struct{ Mean, Std float64 }

// Gating is the shape of ArmoRM's heads, with the defaults of its own code.
type Gating struct {
	NumObjectives int
	Temperature   float64
	HiddenDim     int
	NumHidden     int
	NumQuantiles  int   // of an objective in QRM; 0: ArmoRM
	TokenPattern  []int // gating_token_pattern, our addition: where the gate reads; nil for Llama 3's ids
}

// Config reads config.json. The error names every key at fault.
func (f *Folder) Config() (Config, error) {
	c, err := f.readConfig()
	if err != nil {
		return Config{}, fmt.Errorf("read config.json of %s: %w", f.name, err)
	}
	return c, nil
}

func (f *Folder) readConfig() (Config, error) {
	text, err := f.readText("config.json")
	if err != nil {
		return Config{}, err
	}
	return parseConfig(text)
}

// Largest believable sizes: beyond them a number is damage, not a model.
const (
	maxWidth  = 1 << 20
	maxVocab  = 1 << 24
	maxLayers = 1 << 12
	maxHeads  = 1 << 14
	maxLength = 1 << 30
)

func parseConfig(text []byte) (Config, error) {
	k, err := parseKeys(text)
	if err != nil {
		return Config{}, err
	}
	k.expandRanker()
	c := Config{
		Architectures: value(k, "architectures", []string(nil)),
		ModelType:     value(k, "model_type", ""),
		DType:         value(k, "dtype", value(k, "torch_dtype", "")),

		VocabSize:             k.size("vocab_size", 0, maxVocab),
		HiddenSize:            k.size("hidden_size", 0, maxWidth),
		IntermediateSize:      k.size("intermediate_size", 0, 16*maxWidth),
		NumHiddenLayers:       k.size("num_hidden_layers", 0, maxLayers),
		NumAttentionHeads:     k.size("num_attention_heads", 0, maxHeads),
		MaxPositionEmbeddings: k.size("max_position_embeddings", 2048, maxLength),
		RMSNormEps:            k.positive("rms_norm_eps", 1e-6, 1),
		HiddenAct:             value(k, "hidden_act", "silu"),
		AttentionBias:         value(k, "attention_bias", false),
		MLPBias:               value(k, "mlp_bias", false),

		BOS: k.ids("bos_token_id"),
		EOS: k.ids("eos_token_id"),
		PAD: k.id("pad_token_id"),
		Raw: k.raw,
	}
	c.TieWordEmbeddings = value(k, "tie_word_embeddings", !slices.Contains(untied, c.ModelType))
	c.readHeads(k)
	c.readWindows(k)
	if c.ModelType == "gemma2" {
		c.readGemma2(k)
	}
	c.readLabels(k)
	c.readEncoder(k)
	c.RoPE = k.rope()
	c.Gating = Gating{
		NumObjectives: k.size("num_objectives", 19, maxWidth),
		Temperature:   k.positive("gating_temperature", 10, 1e6),
		HiddenDim:     k.size("gating_hidden_dim", 1024, maxWidth),
		NumHidden:     k.size("gating_n_hidden", 3, maxLayers),
		TokenPattern:  k.ids("gating_token_pattern"),
	}
	if k.has("num_quantiles") {
		c.Gating.NumQuantiles = k.size("num_quantiles", 0, maxWidth)
	}
	c.Reward = Reward{Std: 1}
	if value(k, "normalize_reward", false) {
		c.Reward = Reward{value(k, "mean", 0.0), k.positive("std", 1, 1e9)}
	}
	return c, joinSome(k.faults)
}

// untied are the model types whose embeddings are not tied unless the file
// says so; transformers ties those of all other types.
var untied = []string{"llama", "mistral", "mixtral", "qwen2", "qwen3", "phi3"}

func (c *Config) readHeads(k *keys) {
	c.NumKeyValueHeads = k.size("num_key_value_heads", c.NumAttentionHeads, maxHeads)
	if len(k.faults) > 0 {
		return // what follows would divide by a missing number
	}
	if c.NumAttentionHeads%c.NumKeyValueHeads != 0 {
		k.fault("num_key_value_heads", fmt.Errorf("%d does not divide num_attention_heads %d", c.NumKeyValueHeads, c.NumAttentionHeads))
	}
	fixed := map[string]int{"gemma2": 256, "qwen3": 128}[c.ModelType] // transformers' default, whatever the width
	c.HeadDim = k.size("head_dim", cmp.Or(fixed, c.HiddenSize/c.NumAttentionHeads), maxWidth)
	if !k.has("head_dim") && fixed == 0 && c.HiddenSize%c.NumAttentionHeads != 0 {
		k.fault("num_attention_heads", fmt.Errorf("%d does not divide hidden_size %d, and there is no head_dim", c.NumAttentionHeads, c.HiddenSize))
	}
}

func (c *Config) readLabels(k *keys) {
	labels := value(k, "id2label", map[string]string(nil))
	c.Labels = map[int]string{}
	for key, label := range labels {
		id, err := strconv.Atoi(key)
		if err != nil || id < 0 || id >= len(labels) {
			k.fault("id2label", fmt.Errorf("want keys 0 to %d, got %.40q", len(labels)-1, key))
			return
		}
		c.Labels[id] = label
	}
	c.NumLabels = k.size("num_labels", max(len(labels), 1), maxWidth)
	if labels == nil && !k.has("num_labels") {
		c.NumLabels = 2 // transformers' default
	}
	if labels != nil && c.NumLabels != len(labels) {
		k.fault("num_labels", fmt.Errorf("%d, but id2label has %d", c.NumLabels, len(labels)))
	}
}

// errMissing is a key that a model cannot do without.
var errMissing = errors.New("missing")
