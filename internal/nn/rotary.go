package nn

import (
	"math"

	"radpo/internal/hf"
	"radpo/internal/torch"
)

// Rotary holds the cosine and sine of each token's angles, [B,1,T,K/2], in
// the model's dtype.
type Rotary struct{ Cos, Sin torch.Tensor }

// NewRotary is the angles of positions [B,T] for the inverse frequencies
// [K/2]: computed in fp32, then rounded to d, as transformers does.
func NewRotary(s *torch.Scope, positions, inverse torch.Tensor, d torch.DType) Rotary {
	shape := positions.Shape()
	angles := s.Mul(s.View(s.To(positions, torch.Float), shape[0], 1, shape[1], 1), inverse)
	return Rotary{Cos: s.To(s.Cos(angles), d), Sin: s.To(s.Sin(angles), d)}
}

// Apply rotates q or k, [B,H,T,K].
func (r Rotary) Apply(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return s.Rope(x, r.Cos, r.Sin)
}

// InverseFrequencies are the K/2 inverse wavelengths of c's rotary embedding,
// in fp32 arithmetic, with linear or Llama-3.1 scaling (section "rope_scaling"
// of its model card: long wavelengths divided by factor, short ones kept, those
// between blended).
func InverseFrequencies(c hf.Config) []float32 {
	inverse := make([]float32, c.HeadDim/2)
	for i := range inverse {
		exponent := float32(2*i) / float32(c.HeadDim)
		inverse[i] = 1 / float32(math.Pow(c.RoPE.Theta, float64(exponent)))
		switch c.RoPE.Type {
		case hf.RoPELinear:
			inverse[i] /= float32(c.RoPE.Factor)
		case hf.RoPELlama3:
			inverse[i] = llama3Frequency(float64(inverse[i]), c.RoPE)
		}
	}
	return inverse
}

func llama3Frequency(f float64, r hf.RoPE) float32 {
	original := float64(r.OriginalMaxPositionEmbeddings)
	wavelength := 2 * math.Pi / f
	switch {
	case wavelength > original/r.LowFreqFactor:
		return float32(f / r.Factor)
	case wavelength < original/r.HighFreqFactor:
		return float32(f)
	}
	keep := (original/wavelength - r.LowFreqFactor) / (r.HighFreqFactor - r.LowFreqFactor)
	return float32((1-keep)*f/r.Factor + keep*f)
}
