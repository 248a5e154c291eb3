package hf_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/hf"
)

// rankerConfig is the config.json of llm-blender/PairRM: no model's at all.
const rankerConfig = `{"ranker_type": "pairranker", "model_type": "deberta", "model_name": "microsoft/deberta-v3-large", "cache_dir": null,
	"load_checkpoint": null, "source_maxlength": 1224, "candidate_maxlength": 412, "n_tasks": 1, "num_pos": 5, "num_neg": 5,
	"sub_sampling_mode": "all_pair", "sub_sampling_ratio": 0.4, "loss_type": "instructgpt", "reduce_type": "linear",
	"inference_mode": "bubble", "drop_out": 0.05, "fp16": true}`

// pairRMConfig is that of llm-blender/PairRM-hf.
const pairRMConfig = `{"architectures": ["DebertaV2PairRM"], "model_type": "deberta-v2", "hidden_act": "gelu", "hidden_size": 1024,
	"intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16, "layer_norm_eps": 1e-07, "max_position_embeddings": 512,
	"max_relative_positions": -1, "norm_rel_ebd": "layer_norm", "pad_token_id": 0, "pos_att_type": ["p2c", "c2p"],
	"position_biased_input": false, "position_buckets": 256, "relative_attention": true, "share_att_key": true, "type_vocab_size": 0,
	"vocab_size": 128005, "pooler_hidden_act": "gelu", "torch_dtype": "float32", "n_tasks": 1, "drop_out": 0.05, "source_prefix_id": 128001,
	"cand1_prefix_id": 128002, "cand2_prefix_id": 128003, "cand_prefix_id": 128004}`

// TestPairRMConfig reads both layouts as one encoder.
func TestPairRMConfig(t *testing.T) {
	ranker, own := must(readConfig(t, rankerConfig)), must(readConfig(t, pairRMConfig))
	want := hf.DeBERTa{
		HiddenAct: "gelu", LayerNormEps: 1e-7, RelativeAttention: true, PositionBuckets: 256, MaxRelativePositions: -1,
		PosAttType: []string{"p2c", "c2p"}, ShareAttKey: true, NormRelEbd: "layer_norm", EmbeddingSize: 1024, PoolerHiddenAct: "gelu",
	}
	for name, c := range map[string]hf.Config{"ranker_config": ranker, "PairRM-hf": own} {
		if diff := cmp.Diff(c.DeBERTa, want); diff != "" {
			t.Errorf("%s (-got +want):\n%s", name, diff)
		}
		sizes := []int{c.HiddenSize, c.IntermediateSize, c.NumHiddenLayers, c.NumAttentionHeads, c.MaxPositionEmbeddings, c.PAD}
		if diff := cmp.Diff(sizes, []int{1024, 4096, 24, 16, 512, 0}); diff != "" || c.ModelType != "deberta-v2" {
			t.Errorf("%s is %s of sizes (-got +want):\n%s", name, c.ModelType, diff)
		}
	}
	head := hf.PairRM{SourceMax: 1224, CandidateMax: 412, NumTasks: 1, ReduceType: "linear", SourceID: -1, Candidate1ID: -1, Candidate2ID: -1}
	if diff := cmp.Diff(ranker.PairRM, head); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
	head.SourceID, head.Candidate1ID, head.Candidate2ID = 128001, 128002, 128003
	if diff := cmp.Diff(own.PairRM, head); diff != "" {
		t.Errorf("-got +want:\n%s", diff)
	}
}

func TestRankerConfigSpellings(t *testing.T) {
	old := edit(rankerConfig, `"source_maxlength": 1224`, `"source_max_length": 128`, `"candidate_maxlength": 412`, `"candidate_max_length": 96`)
	if c := must(readConfig(t, old)).PairRM; c.SourceMax != 128 || c.CandidateMax != 96 {
		t.Errorf("limits %d and %d, want 128 and 96", c.SourceMax, c.CandidateMax)
	}
	small := edit(rankerConfig, `"n_tasks": 1`, `"n_tasks": 1, "hidden_size": 64, "num_attention_heads": 4`)
	if c := must(readConfig(t, small)); c.HiddenSize != 64 || c.HeadDim != 16 || c.IntermediateSize != 4096 {
		t.Errorf("the file's own keys do not stand: %d, %d, %d", c.HiddenSize, c.HeadDim, c.IntermediateSize)
	}
	for name, tt := range map[string]struct{ text, want string }{
		"other backbone": {edit(rankerConfig, "deberta-v3-large", "deberta-large"), `model_name: "microsoft/deberta-large" is no encoder that is known here; known: microsoft/deberta-v3-large`},
		"other ranker":   {edit(rankerConfig, `"pairranker"`, `"summareranker"`), `ranker_type: "summareranker" is not supported here`},
		"no tokens":      {edit(rankerConfig, `1224`, `0`), `source_maxlength: want 1 to`},
		"bad words":      {edit(pairRMConfig, `["p2c", "c2p"]`, `7`), `pos_att_type: want a list of strings`},
		"far buckets":    {edit(pairRMConfig, `"position_buckets": 256`, `"position_buckets": 9999999999`), `position_buckets: want at most`},
	} {
		if _, err := readConfig(t, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
