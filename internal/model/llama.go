package model

import (
	"fmt"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// Llama is the language model of arXiv:2407.21783, section 3.2. Tags are
// checkpoint names.
//
// Shapes: B batch, T tokens, D width, H query heads, G key-value heads,
// K head width, V vocabulary.
type Llama struct {
	config hf.Config
	Body   LlamaBody `w:"model"`
	Head   nn.Linear `w:"lm_head"` // unbound when tied to the embedding
}

// LlamaBody is Llama without its head.
type LlamaBody struct {
	inverse   []float32     // [K/2], of the rotary embedding
	Embedding nn.Embedding  `w:"embed_tokens"`
	Blocks    []*LlamaBlock `w:"layers"`
	Norm      nn.RMSNorm    `w:"norm"`
}

// A LlamaBlock is one layer: two pre-normed residual branches.
type LlamaBlock struct {
	heads, groups int        // H, G
	AttnNorm      nn.RMSNorm `w:"input_layernorm"`
	Q             nn.Linear  `w:"self_attn.q_proj"`
	K             nn.Linear  `w:"self_attn.k_proj"`
	V             nn.Linear  `w:"self_attn.v_proj"`
	O             nn.Linear  `w:"self_attn.o_proj"`
	FeedNorm      nn.RMSNorm `w:"post_attention_layernorm"`
	Gate          nn.Linear  `w:"mlp.gate_proj"`
	Up            nn.Linear  `w:"mlp.up_proj"`
	Down          nn.Linear  `w:"mlp.down_proj"`
}

func newLlama(c hf.Config) Policy {
	m := &Llama{config: c, Body: newLlamaBody(c)}
	if !c.TieWordEmbeddings {
		m.Head = nn.NewLinear(c.HiddenSize, c.VocabSize, false)
	}
	return m
}

// checkLlama refuses what a config may ask for and this file does not do.
func checkLlama(f *hf.Folder, c hf.Config) error {
	if c.HiddenAct != "silu" {
		return fmt.Errorf("%s: config.json: hidden_act %q is not supported here; Llama's is silu", f.Name(), c.HiddenAct)
	}
	return nil
}

func newLlamaBody(c hf.Config) LlamaBody {
	b := LlamaBody{
		inverse:   nn.InverseFrequencies(c),
		Embedding: nn.NewEmbedding(c.VocabSize, c.HiddenSize),
		Norm:      nn.NewRMSNorm(c.HiddenSize, c.RMSNormEps),
	}
	for range c.NumHiddenLayers {
		b.Blocks = append(b.Blocks, newLlamaBlock(c))
	}
	return b
}

func newLlamaBlock(c hf.Config) *LlamaBlock {
	d, query, group := c.HiddenSize, c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	return &LlamaBlock{
		heads:    c.NumAttentionHeads,
		groups:   c.NumKeyValueHeads,
		AttnNorm: nn.NewRMSNorm(d, c.RMSNormEps),
		Q:        nn.NewLinear(d, query, c.AttentionBias),
		K:        nn.NewLinear(d, group, c.AttentionBias),
		V:        nn.NewLinear(d, group, c.AttentionBias),
		O:        nn.NewLinear(query, d, c.AttentionBias),
		FeedNorm: nn.NewRMSNorm(d, c.RMSNormEps),
		Gate:     nn.NewLinear(d, c.IntermediateSize, c.MLPBias),
		Up:       nn.NewLinear(d, c.IntermediateSize, c.MLPBias),
		Down:     nn.NewLinear(c.IntermediateSize, d, c.MLPBias),
	}
}

// Config is the model's configuration.
func (m *Llama) Config() hf.Config { return m.config }

// Hidden implements Body.
func (m *Llama) Hidden(s *torch.Scope, in Input) torch.Tensor { return m.Body.Hidden(s, in) }

// Logits implements Policy.
func (m *Llama) Logits(s *torch.Scope, hidden torch.Tensor) torch.Tensor {
	if m.config.TieWordEmbeddings {
		return s.Linear(hidden, m.Body.Embedding.Weight.Tensor, torch.Tensor{})
	}
	return m.Head.Forward(s, hidden)
}

// Hidden implements Body.
func (b *LlamaBody) Hidden(s *torch.Scope, in Input) torch.Tensor {
	x := b.Embedding.Forward(s, in.IDs) // [B,T,D]
	inverse := s.Floats(b.inverse, int64(len(b.inverse)))
	rot := nn.NewRotary(s, in.Positions, inverse, x.DType())
	for i, block := range b.Blocks {
		x = s.Tidy(func(s *torch.Scope) torch.Tensor { return block.forward(s, x, rot, in, i) })
	}
	return b.Norm.Forward(s, x)
}

func (b *LlamaBlock) forward(s *torch.Scope, x torch.Tensor, rot nn.Rotary, in Input, layer int) torch.Tensor {
	x = s.Add(x, b.attend(s, b.AttnNorm.Forward(s, x), rot, in, layer))
	return s.Add(x, b.feed(s, b.FeedNorm.Forward(s, x)))
}

// attend is grouped-query attention with rotary positions.
func (b *LlamaBlock) attend(s *torch.Scope, x torch.Tensor, rot nn.Rotary, in Input, layer int) torch.Tensor {
	q := rot.Apply(s, nn.SplitHeads(s, b.Q.Forward(s, x), b.heads))  // [B,H,T,K]
	k := rot.Apply(s, nn.SplitHeads(s, b.K.Forward(s, x), b.groups)) // [B,G,T,K]
	v := nn.SplitHeads(s, b.V.Forward(s, x), b.groups)               // [B,G,T,K]
	if in.KV != nil {
		k, v = in.KV.Extend(s, layer, k, v) // T grows to the whole history
	}
	return b.O.Forward(s, nn.MergeHeads(s, nn.Attend(s, q, k, v, in.Mask)))
}

// feed is SwiGLU (arXiv:2002.05202): down(silu(gate(x)) · up(x)).
func (b *LlamaBlock) feed(s *torch.Scope, x torch.Tensor) torch.Tensor {
	return b.Down.Forward(s, s.Mul(s.SiLU(b.Gate.Forward(s, x)), b.Up.Forward(s, x)))
}
