package model

import (
	"radpo/internal/hf"
	"radpo/internal/nn"
)

// newMistral is the body of Mistral (arXiv:2310.06825): Llama's blocks without
// biases, all with one sliding window where the config sets it; v0.3 has none.
func newMistral(c hf.Config) (*DecoderBody, error) {
	return llamaLike(c, nn.NewAttention(c, false, false), false)
}
