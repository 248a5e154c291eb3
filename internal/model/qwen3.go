package model

import (
	"radpo/internal/hf"
	"radpo/internal/nn"
)

// newQwen3 is the body of Qwen3 (arXiv:2505.09388): Llama's blocks with
// normed queries and keys, and windows as in Qwen2.
func newQwen3(c hf.Config) (*DecoderBody, error) {
	attention := nn.NewAttention(c, c.AttentionBias, c.AttentionBias)
	attention.QNorm = nn.NewRMSNorm(c.HeadDim, c.RMSNormEps)
	attention.KNorm = attention.QNorm
	return llamaLike(c, attention, false)
}
