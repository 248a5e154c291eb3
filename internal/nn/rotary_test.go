package nn_test

import (
	"math"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/nn"
)

// TestInverseFrequencies holds each frequency of published settings to
// transformers', whose arithmetic is fp32: to a few places of its last digit.
func TestInverseFrequencies(t *testing.T) {
	ref := golden.Open(t, "testdata/rope.safetensors")
	llama3 := func(factor float64) hf.RoPE {
		return hf.RoPE{Type: hf.RoPELlama3, Theta: 500000, Factor: factor, LowFreqFactor: 1, HighFreqFactor: 4, OriginalMaxPositionEmbeddings: 8192}
	}
	for name, rope := range map[string]hf.RoPE{
		"llama-3":   {Type: hf.RoPEDefault, Theta: 500000},
		"llama-3.1": llama3(8),
		"llama-3.2": llama3(32),
		"linear":    {Type: hf.RoPELinear, Theta: 10000, Factor: 4},
	} {
		want := ref.Floats(name)
		got := nn.InverseFrequencies(hf.Config{HeadDim: 2 * len(want), RoPE: rope})
		for i := range want {
			if off := math.Abs(float64(got[i]-want[i])) / float64(want[i]); !(off < 1e-6) {
				t.Errorf("%s: frequency %d: got %v, want %v", name, i, got[i], want[i])
			}
		}
	}
}
