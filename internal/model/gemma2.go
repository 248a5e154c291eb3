package model

import (
	"fmt"
	"math"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// newGemma2 is the body of Gemma 2 (arXiv:2408.00118, section 2): embeddings
// times √D, windows in every other layer, soft-capped scores and logits, norms
// before and after each branch. Its checkpoints hold norms as w − 1.
func newGemma2(c hf.Config) (*DecoderBody, error) {
	if c.HiddenAct != "gelu_pytorch_tanh" {
		return nil, fmt.Errorf("hidden_activation %q is not supported here; gemma2's is gelu_pytorch_tanh", c.HiddenAct)
	}
	norm := func() nn.RMSNorm {
		n := nn.NewRMSNorm(c.HiddenSize, c.RMSNormEps)
		n.Offset = true
		return n
	}
	b := newDecoderBody(c)
	b.scale, b.Norm = float32(math.Sqrt(float64(c.HiddenSize))), norm()
	for range c.NumHiddenLayers {
		attention := nn.NewAttention(c, c.AttentionBias, c.AttentionBias)
		attention.Scale, attention.Cap = 1/math.Sqrt(c.QueryPreAttnScalar), c.AttnLogitSoftcapping
		b.Blocks = append(b.Blocks, &Gemma2Block{
			AttnNorm: norm(), Attention: attention, AttnPost: norm(),
			FeedNorm: norm(), Feed: nn.NewGLU(c, false, (*torch.Scope).GELUGate), FeedPost: norm(),
		})
	}
	return b, nil
}

// A Gemma2Block is one layer: two residual branches, normed at both ends.
type Gemma2Block struct {
	AttnNorm  nn.RMSNorm   `w:"input_layernorm"`
	Attention nn.Attention `w:"self_attn"`
	AttnPost  nn.RMSNorm   `w:"post_attention_layernorm"`
	FeedNorm  nn.RMSNorm   `w:"pre_feedforward_layernorm"`
	Feed      nn.GLU       `w:"mlp"` // GeGLU
	FeedPost  nn.RMSNorm   `w:"post_feedforward_layernorm"`
}

func (b *Gemma2Block) forward(s *torch.Scope, x torch.Tensor, r nn.Reach) torch.Tensor {
	x = s.Add(r.Leaving(s, x), b.AttnPost.Forward(s, b.Attention.Forward(s, b.AttnNorm.Forward(s, x), r)))
	return s.Add(x, b.FeedPost.Forward(s, b.Feed.Forward(s, b.FeedNorm.Forward(s, x))))
}
