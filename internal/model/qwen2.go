package model

import (
	"radpo/internal/hf"
	"radpo/internal/nn"
)

// newQwen2 is the body of Qwen2 and Qwen2.5 (arXiv:2407.10671): Llama's blocks
// with biases on queries, keys and values. With use_sliding_window the layers
// from max_window_layers on have a window.
func newQwen2(c hf.Config) (*DecoderBody, error) {
	return llamaLike(c, nn.NewAttention(c, true, false), false)
}
