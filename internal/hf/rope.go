package hf

import (
	"encoding/json"
	"fmt"
)

// Kinds of rotary embedding.
const (
	RoPEDefault = "default"
	RoPELinear  = "linear" // positions divided by Factor
	RoPELlama3  = "llama3" // long wavelengths divided by Factor, short ones kept
)

// RoPE says how positions turn. Fields that a Type does not use are zero.
type RoPE struct {
	Type   string
	Theta  float64
	Factor float64

	LowFreqFactor  float64 // wavelengths above OriginalMaxPositionEmbeddings / this are divided
	HighFreqFactor float64 // those below OriginalMaxPositionEmbeddings / this are kept

	OriginalMaxPositionEmbeddings int
}

// rope reads rope_parameters of transformers 5, else rope_theta and
// rope_scaling of transformers 4.
func (k *keys) rope() RoPE {
	section := "rope_parameters"
	if !k.has(section) {
		section = "rope_scaling"
	}
	in := &keys{prefix: section + ".", raw: value(k, section, map[string]json.RawMessage{})}
	r := RoPE{
		Theta: in.positive("rope_theta", k.positive("rope_theta", 10_000, 1e12), 1e12),
		Type:  value(in, "rope_type", value(in, "type", RoPEDefault)),
	}
	if part := value(in, "partial_rotary_factor", value(k, "partial_rotary_factor", 1.0)); part != 1 {
		in.fault("partial_rotary_factor", fmt.Errorf("want 1, got %v: turning a part of each head is not supported", part))
	}
	switch r.Type {
	case RoPEDefault:
	case RoPELinear:
		r.Factor = in.positive("factor", 0, 1e6)
	case RoPELlama3:
		r.Factor = in.positive("factor", 0, 1e6)
		r.LowFreqFactor = in.positive("low_freq_factor", 0, 1e6)
		r.HighFreqFactor = in.positive("high_freq_factor", 0, 1e6)
		r.OriginalMaxPositionEmbeddings = in.size("original_max_position_embeddings", 0, maxLength)
		if len(in.faults) == 0 && r.LowFreqFactor >= r.HighFreqFactor {
			in.fault("low_freq_factor", fmt.Errorf("want less than high_freq_factor %v, got %v", r.HighFreqFactor, r.LowFreqFactor))
		}
	default:
		in.fault("rope_type", fmt.Errorf("want %s, %s or %s, got %.40q", RoPEDefault, RoPELinear, RoPELlama3, r.Type))
	}
	k.faults = append(k.faults, in.faults...)
	return r
}
