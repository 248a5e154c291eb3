package main

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"radpo/internal/hf"
)

// Sizes of both models: 0.4 million parameters, of which the embedding is a
// quarter.
const (
	vocabulary = 1200 // just below where the texts have no more pairs to merge
	window     = 512
	width      = 96
	inner      = 256
	layers     = 3
	heads      = 4
	groups     = 2
	headWidth  = width / heads

	objectives  = 19 // ArmoRM's
	gateWidth   = 64
	gateHidden  = 3
	temperature = 10
)

// spread is the standard deviation of fresh weights.
const spread = 0.05

// config is config.json of a model with w's tokens, extra keys added.
func (w words) config(architecture string, extra map[string]any) map[string]any {
	c := map[string]any{
		"architectures": []string{architecture}, "model_type": "llama", "torch_dtype": "float32", "hidden_act": "silu",
		"vocab_size": vocabulary, "hidden_size": width, "intermediate_size": inner, "num_hidden_layers": layers,
		"num_attention_heads": heads, "num_key_value_heads": groups, "head_dim": headWidth,
		"max_position_embeddings": window, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "tie_word_embeddings": true,
		"attention_bias": false, "mlp_bias": false,
		"bos_token_id": w.id("<|begin_of_text|>"), "eos_token_id": w.id("<|eot_id|>"), "pad_token_id": w.id("<|pad|>"),
	}
	for k, v := range extra {
		c[k] = v
	}
	return c
}

func writeJSON(dir, name string, v any) error {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return os.WriteFile(filepath.Join(dir, name), append(data, '\n'), 0o666)
}

// bodyShapes are the weights of the network below its heads.
func bodyShapes() map[string][]int64 {
	shapes := map[string][]int64{"model.embed_tokens.weight": {vocabulary, width}, "model.norm.weight": {width}}
	for i := range layers {
		for name, shape := range map[string][]int64{
			"input_layernorm": {width}, "post_attention_layernorm": {width},
			"self_attn.q_proj": {width, width}, "self_attn.o_proj": {width, width},
			"self_attn.k_proj": {groups * headWidth, width}, "self_attn.v_proj": {groups * headWidth, width},
			"mlp.gate_proj": {inner, width}, "mlp.up_proj": {inner, width}, "mlp.down_proj": {width, inner},
		} {
			shapes[fmt.Sprintf("model.layers.%d.%s.weight", i, name)] = shape
		}
	}
	return shapes
}

// headShapes are the weights of ArmoRM's heads that begin at random.
func headShapes() map[string][]int64 {
	shapes := map[string][]int64{"regression_layer.weight": {objectives, width}}
	in := int64(width)
	for i := range gateHidden + 1 {
		out := int64(gateWidth)
		if i == gateHidden {
			out = objectives
		}
		shapes[fmt.Sprintf("gating.layers.%d.weight", i)] = []int64{out, in}
		shapes[fmt.Sprintf("gating.layers.%d.bias", i)] = []int64{out}
		in = out
	}
	return shapes
}

// fresh draws weights: norms are one, biases zero, the rest normal.
func fresh(rng *rand.Rand, shapes map[string][]int64, spread float64) []hf.Tensor {
	var out []hf.Tensor
	for name, shape := range shapes {
		out = append(out, hf.Tensor{Name: name, Shape: shape})
	}
	slices.SortFunc(out, func(a, b hf.Tensor) int { return strings.Compare(a.Name, b.Name) })
	for i, t := range out {
		n := t.Shape[0]
		if len(t.Shape) > 1 {
			n *= t.Shape[1]
		}
		values := make([]float32, n)
		for k := range values {
			switch {
			case len(t.Shape) > 1:
				values[k] = float32(spread * rng.NormFloat64())
			case strings.HasSuffix(t.Name, "norm.weight"):
				values[k] = 1
			}
		}
		out[i] = tensor(t.Name, values, t.Shape...)
	}
	return out
}

// tensor is values under a name.
func tensor(name string, values []float32, shape ...int64) hf.Tensor {
	var data []byte
	for _, v := range values {
		data = binary.LittleEndian.AppendUint32(data, math.Float32bits(v))
	}
	return hf.Tensor{Name: name, DType: hf.F32, Shape: shape, Data: data}
}
