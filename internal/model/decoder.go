package model

import (
	"fmt"
	"strings"

	"radpo/internal/hf"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// A Decoder is a causal language model. Tags are checkpoint names.
//
// Shapes: B batch, T new tokens, S all tokens, D width, H query heads,
// G key-value heads, K head width, V vocabulary.
type Decoder struct {
	config hf.Config
	Body   *DecoderBody `w:"model"`
	Head   nn.Linear    `w:"lm_head"` // unbound when tied to the embedding
	rest   func()       // lets memory of weights that are mapped go; nil: there is none
}

// A DecoderBody is a Decoder without its head.
type DecoderBody struct {
	inverse   []float32    // [K/2], of the rotary embedding
	windows   []int        // of each block; 0: none
	scale     float32      // of embeddings; 0: none
	Embedding nn.Embedding `w:"embed_tokens"`
	Blocks    []block      `w:"layers"`
	Norm      nn.RMSNorm   `w:"norm"`
}

// A block is one layer, [B,T,D] to [B,T,D].
type block interface {
	forward(s *torch.Scope, x torch.Tensor, r nn.Reach) torch.Tensor
	// planned is the layer as a torch.Decoder wants it, but for its window.
	planned() torch.DecoderLayer
}

// decoders are the bodies by what transformers' class names begin with; the
// rest of a name is the head's. An error is a setting that is not done here.
var decoders = map[string]func(hf.Config) (*DecoderBody, error){
	"Gemma2":  newGemma2,
	"Llama":   newLlama,
	"Mistral": newMistral,
	"Qwen2":   newQwen2,
	"Qwen3":   newQwen3,
}

// newBody is the unbound body of f's architecture, one of decoders with head.
func newBody(f *hf.Folder, c hf.Config, head string) (*DecoderBody, error) {
	for _, name := range c.Architectures {
		family, ok := strings.CutSuffix(name, head)
		build := decoders[family]
		if !ok || build == nil {
			continue
		}
		if c.ModelType != strings.ToLower(family) {
			return nil, fmt.Errorf("%s: config.json: architecture %s has model_type %s, not %q", f.Name(), name, strings.ToLower(family), c.ModelType)
		}
		body, err := build(c)
		if err != nil {
			return nil, fmt.Errorf("%s: config.json: %w", f.Name(), err)
		}
		return body, nil
	}
	return nil, fmt.Errorf("%s: config.json: architecture %s is not supported here; supported: %s",
		f.Name(), strings.Join(c.Architectures, ", "), strings.Join(supported(head), ", "))
}

// newDecoderBody has no blocks yet.
func newDecoderBody(c hf.Config) *DecoderBody {
	windows := make([]int, c.NumHiddenLayers)
	copy(windows, c.Windows)
	return &DecoderBody{
		inverse:   nn.InverseFrequencies(c),
		windows:   windows,
		Embedding: nn.NewEmbedding(c.VocabSize, c.HiddenSize),
		Norm:      nn.NewRMSNorm(c.HiddenSize, c.RMSNormEps),
	}
}

// Config is the model's configuration.
func (m *Decoder) Config() hf.Config { return m.config }

// Hidden implements Body.
func (m *Decoder) Hidden(s *torch.Scope, in Input) torch.Tensor { return m.Body.Hidden(s, in) }

// Logits implements Policy.
func (m *Decoder) Logits(s *torch.Scope, hidden torch.Tensor) torch.Tensor {
	logits := s.Linear(hidden, m.head(), torch.Tensor{})
	if bound := m.config.FinalLogitSoftcapping; bound > 0 {
		return s.SoftCap(logits, 1, bound)
	}
	return logits
}

// Logps implements Policy.
func (m *Decoder) Logps(s *torch.Scope, hidden, ids torch.Tensor) torch.Tensor {
	const most = 256 << 20 // bytes of logits at once
	return s.HeadLogps(hidden, m.head(), ids, m.config.FinalLogitSoftcapping, most/4/int64(m.config.VocabSize))
}

// head is the weight [V,D] that makes logits.
func (m *Decoder) head() torch.Tensor {
	if m.config.TieWordEmbeddings {
		return m.Body.Embedding.Weight.Tensor
	}
	return m.Head.Weight.Tensor
}

// Hidden implements Body.
func (b *DecoderBody) Hidden(s *torch.Scope, in Input) torch.Tensor {
	x := b.embed(s, in.IDs) // [B,T,D]
	inverse := s.Floats(b.inverse, int64(len(b.inverse)))
	rotary := nn.NewRotary(s, in.Positions, inverse, x.DType())
	reach := in.reach(s, b.windows)
	for i, block := range b.Blocks {
		r := reach[b.windows[i]]
		r.Rotary, r.Layer = rotary, i
		if i == len(b.Blocks)-1 {
			r.Leave = in.Leave
		}
		x = in.Tape.Piece(s, x, func(s *torch.Scope, x torch.Tensor) torch.Tensor { return block.forward(s, x, r) })
	}
	return b.Norm.Forward(s, x)
}

func (b *DecoderBody) embed(s *torch.Scope, ids torch.Tensor) torch.Tensor {
	x := b.Embedding.Forward(s, ids)
	if b.scale == 0 {
		return x
	}
	return s.Mul(x, s.To(s.Floats([]float32{b.scale}, 1), x.DType()))
}
