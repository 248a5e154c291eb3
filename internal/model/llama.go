package model

import (
	"fmt"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// newLlama is the body of Llama (arXiv:2407.21783, section 3.2).
func newLlama(c hf.Config) (*DecoderBody, error) {
	return llamaLike(c, nn.NewAttention(c, c.AttentionBias, c.AttentionBias), c.MLPBias)
}

// A LlamaBlock is one layer of Llama and its relatives: two pre-normed
// residual branches.
type LlamaBlock struct {
	AttnNorm  nn.RMSNorm   `w:"input_layernorm"`
	Attention nn.Attention `w:"self_attn"`
	FeedNorm  nn.RMSNorm   `w:"post_attention_layernorm"`
	Feed      nn.GLU       `w:"mlp"` // SwiGLU
}

// llamaLike is a body of LlamaBlocks that are all alike: with this attention,
// unbound, and with biases in the feed-forward layers where wanted.
func llamaLike(c hf.Config, attention nn.Attention, feedBias bool) (*DecoderBody, error) {
	if c.HiddenAct != "silu" {
		return nil, fmt.Errorf("hidden_act %q is not supported here; %s's is silu", c.HiddenAct, c.ModelType)
	}
	b := newDecoderBody(c)
	for range c.NumHiddenLayers {
		b.Blocks = append(b.Blocks, &LlamaBlock{
			AttnNorm:  nn.NewRMSNorm(c.HiddenSize, c.RMSNormEps),
			Attention: attention,
			FeedNorm:  nn.NewRMSNorm(c.HiddenSize, c.RMSNormEps),
			Feed:      nn.NewGLU(c, feedBias, (*torch.Scope).SiLUGate),
		})
	}
	return b, nil
}

func (b *LlamaBlock) forward(s *torch.Scope, x torch.Tensor, r nn.Reach) torch.Tensor {
	x = s.Add(r.Leaving(s, x), b.Attention.Forward(s, b.AttnNorm.Forward(s, x), r))
	return s.Add(x, b.Feed.Forward(s, b.FeedNorm.Forward(s, x)))
}
