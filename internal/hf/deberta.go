package hf

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// DeBERTa is what config.json says of a DeBERTa-v2 or v3 encoder alone, with
// transformers' defaults.
type DeBERTa struct {
	HiddenAct            string
	LayerNormEps         float64
	RelativeAttention    bool
	PositionBuckets      int      // of relative distance, a side; -1: each distance its own
	MaxRelativePositions int      // the distance where buckets end; -1: MaxPositionEmbeddings
	PosAttType           []string // c2p, p2c
	ShareAttKey          bool     // positions use the projections of content
	NormRelEbd           string   // layer_norm: of the table of distances
	PositionBiasedInput  bool     // absolute positions are added to the input
	TypeVocabSize        int
	ConvKernelSize       int // of a convolution after the first layer; 0: none
	EmbeddingSize        int
	PoolerHiddenAct      string // of a sequence classifier
}

// PairRM is what the config of a pairwise ranker says of its input and head.
type PairRM struct {
	SourceMax, CandidateMax int // tokens, special ones counted
	NumTasks                int // outputs of the head, whose mean is the logit
	ReduceType              string
	SourceID, Candidate1ID  int // of the tokens that begin each part; -1: not said
	Candidate2ID            int
}

// pairRM is the class that PairRM-hf names and that ranker_config stands for.
const pairRM = "DebertaV2PairRM"

// backbones are the configs of the encoders that a ranker_config may name, in
// place of their own files.
var backbones = map[string]string{
	"microsoft/deberta-v3-large": `{"hidden_act": "gelu", "hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24,
		"num_attention_heads": 16, "layer_norm_eps": 1e-7, "max_position_embeddings": 512, "max_relative_positions": -1,
		"norm_rel_ebd": "layer_norm", "pad_token_id": 0, "pos_att_type": "p2c|c2p", "position_biased_input": false,
		"position_buckets": 256, "relative_attention": true, "share_att_key": true, "type_vocab_size": 0, "vocab_size": 128100}`,
}

// expandRanker completes a ranker_config of LLM-Blender, which names its
// encoder and says nothing of it. Keys that the file has stay.
func (k *keys) expandRanker() {
	if !k.has("ranker_type") {
		return
	}
	if kind := value(k, "ranker_type", ""); kind != "pairranker" {
		k.fault("ranker_type", fmt.Errorf("%.40q is not supported here, only pairranker", kind))
	}
	name := value(k, "model_name", "")
	text, ok := backbones[name]
	if !ok {
		k.fault("model_name", fmt.Errorf("%.60q is no encoder that is known here; known: %s",
			name, strings.Join(slices.Sorted(maps.Keys(backbones)), ", ")))
		return
	}
	var table map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &table); err != nil {
		panic(err) // a slip in the table above
	}
	maps.Copy(table, k.raw)
	table["model_type"], table["architectures"] = json.RawMessage(`"deberta-v2"`), json.RawMessage(`["`+pairRM+`"]`)
	k.raw = table
}

// readEncoder reads what encoders alone have.
func (c *Config) readEncoder(k *keys) {
	if c.ModelType != "deberta-v2" {
		return
	}
	c.DeBERTa = DeBERTa{
		HiddenAct:            value(k, "hidden_act", "gelu"),
		LayerNormEps:         k.positive("layer_norm_eps", 1e-7, 1),
		RelativeAttention:    value(k, "relative_attention", false),
		PositionBuckets:      k.upTo("position_buckets", maxLength),
		MaxRelativePositions: k.upTo("max_relative_positions", maxLength),
		PosAttType:           k.words("pos_att_type"),
		ShareAttKey:          value(k, "share_att_key", false),
		NormRelEbd:           value(k, "norm_rel_ebd", "none"),
		PositionBiasedInput:  value(k, "position_biased_input", true),
		TypeVocabSize:        value(k, "type_vocab_size", 0),
		ConvKernelSize:       value(k, "conv_kernel_size", 0),
		EmbeddingSize:        value(k, "embedding_size", c.HiddenSize),
		PoolerHiddenAct:      value(k, "pooler_hidden_act", "gelu"),
	}
	if !slices.Contains(c.Architectures, pairRM) {
		return
	}
	// Older files spell the limits with one more underscore.
	c.PairRM = PairRM{
		SourceMax:    k.size("source_maxlength", k.size("source_max_length", 1224, maxLength), maxLength),
		CandidateMax: k.size("candidate_maxlength", k.size("candidate_max_length", 412, maxLength), maxLength),
		NumTasks:     k.size("n_tasks", 1, maxWidth),
		ReduceType:   value(k, "reduce_type", "linear"),
		SourceID:     k.id("source_prefix_id"),
		Candidate1ID: k.id("cand1_prefix_id"),
		Candidate2ID: k.id("cand2_prefix_id"),
	}
}

// upTo is an integer of at most limit; absent, zero and negative ones are -1.
func (k *keys) upTo(key string, limit int) int {
	n := value(k, key, -1)
	if n > limit {
		k.fault(key, fmt.Errorf("want at most %d, got %d", limit, n))
	}
	if n < 1 {
		return -1
	}
	return n
}

// words is a list of words, or one text that joins them by bars.
func (k *keys) words(key string) []string {
	var list []string
	if k.has(key) && k.raw[key][0] == '"' {
		list = strings.Split(strings.ToLower(value(k, key, "")), "|")
	} else {
		list = value(k, key, list)
	}
	for i, w := range list {
		list[i] = strings.TrimSpace(w)
	}
	return list
}
