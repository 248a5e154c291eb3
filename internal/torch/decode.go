package torch

// #include "decode.h"
import "C"

import (
	"fmt"
	"unsafe"

	"github.com/sugarme/gotch/libtch"
)

// A DecoderPlan is all that a Decoder has to know of a causal language model.
// Zero stands for what it does not have.
type DecoderPlan struct {
	Width, Heads, Groups, Head, Feed, Vocabulary int
	GELU                                         bool    // in the feed-forward layers, by tanh; else SiLU
	Offset                                       bool    // norms scale by 1 + weight
	Eps                                          float64 // of norms
	EmbedScale                                   float64
	ScoreScale                                   float64
	ScoreCap                                     float64 // attention scores are bounded to ±ScoreCap by tanh
	LogitCap                                     float64
	Frequencies                                  []float32 // [Head/2], of the rotary embedding
	Embedding                                    Tensor    // [Vocabulary,Width]
	Norm                                         Tensor
	Output                                       Tensor // [Vocabulary,Width]
	Layers                                       []DecoderLayer

	// Rest is called when some weights have been copied: memory that stands
	// behind them may go. Nil: nothing is to be done.
	Rest func()
}

// A DecoderLayer is the weights of one layer, biases and some norms undefined
// where there are none.
type DecoderLayer struct {
	Window                                               int // how many of the last tokens it sees; 0: all
	AttnNorm, AttnPost, FeedNorm, FeedPost, QNorm, KNorm Tensor
	Q, K, V, O, Gate, Up, Down                           Tensor
	QBias, KBias, VBias, OBias                           Tensor
	GateBias, UpBias, DownBias                           Tensor
}

// tensors is in the order of decode.h's enum, for the operator op.
func (l *DecoderLayer) tensors(op string) (out [C.shim_layer_tensors]libtch.Ctensor) {
	for i, t := range [...]Tensor{
		l.AttnNorm, l.AttnPost, l.FeedNorm, l.FeedPost, l.QNorm, l.KNorm,
		l.Q, l.K, l.V, l.O, l.Gate, l.Up, l.Down,
		l.QBias, l.KBias, l.VBias, l.OBias, l.GateBias, l.UpBias, l.DownBias,
	} {
		out[i] = t.use(op)
	}
	return out
}

// A Decoder computes a causal language model on the CPU in fp32, a step for all
// tokens in one call, on copies of its weights and with a cache of its own. A
// token's result is the same to the last bit in any batch and with any number of
// threads.
type Decoder struct {
	c          C.shim_decoder
	vocabulary int
}

// DecoderBlock is how many tokens a block of a Decoder's cache holds.
const DecoderBlock = 16

// A DecoderToken is one to compute, and the sequence that it is of. Its layout
// is that of shim_token.
type DecoderToken struct{ ID, Position, Sequence int32 }

// A DecoderSequence tells where the cache has a sequence: its first Shared
// tokens in the blocks that a step's list names from SharedAt on, the others in
// those from OwnAt on. Its layout is that of shim_sequence.
type DecoderSequence struct{ Shared, SharedAt, OwnAt int32 }

var (
	_ [unsafe.Sizeof(DecoderToken{})]byte    = [C.sizeof_shim_token]byte{}
	_ [unsafe.Sizeof(DecoderSequence{})]byte = [C.sizeof_shim_sequence]byte{}
)

// shape is what C knows of p besides its tensors.
func (p *DecoderPlan) shape(blocks int) C.shim_decoder_shape {
	flag := func(b bool) C.int32_t {
		if b {
			return 1
		}
		return 0
	}
	return C.shim_decoder_shape{
		layers: C.int32_t(len(p.Layers)), width: C.int32_t(p.Width), heads: C.int32_t(p.Heads), groups: C.int32_t(p.Groups), head: C.int32_t(p.Head),
		feed: C.int32_t(p.Feed), vocabulary: C.int32_t(p.Vocabulary), gelu: flag(p.GELU), offset: flag(p.Offset), blocks: C.int32_t(blocks),
		eps: C.float(p.Eps), embedding_scale: C.float(p.EmbedScale), score_scale: C.float(p.ScoreScale), score_cap: C.float(p.ScoreCap), logit_cap: C.float(p.LogitCap),
	}
}

// NewDecoder makes p a decoder of s. Its cache grows to the highest block that
// a step writes to.
func (s *Scope) NewDecoder(p DecoderPlan) *Decoder {
	shape := p.shape(0)
	const op = "decoder"
	c := C.shim_decoder_new(&shape, (*C.float)(unsafe.Pointer(&p.Frequencies[0])), C.shim_tensor(p.Embedding.use(op)), C.shim_tensor(p.Norm.use(op)), C.shim_tensor(p.Output.use(op)))
	if c == nil {
		fail(op, shimWords(), p.Embedding)
	}
	s.Defer(func() { C.shim_decoder_free(c) })
	p.rest()
	for i := range p.Layers {
		tensors := p.Layers[i].tensors(op)
		if C.shim_decoder_layer(c, C.int(i), (*C.shim_tensor)(unsafe.Pointer(&tensors[0])), C.int(p.Layers[i].Window)) != 0 {
			fail(op, shimWords(), p.Layers[i].Q)
		}
		p.rest()
	}
	return &Decoder{c: c, vocabulary: p.Vocabulary}
}

func (p *DecoderPlan) rest() {
	if p.Rest != nil {
		p.Rest()
	}
}

// Step computes tokens and makes draws of them, in the order of the rows that
// these name. Every key and value is in the cache before any is looked at, so a
// prompt and what follows it may come in one step. See [Tensor.Draw] for changes
// and top.
func (d *Decoder) Step(tokens []DecoderToken, sequences []DecoderSequence, blocks []int32, draws []Draw, changes []Change, top []Alternative) {
	if len(tokens) == 0 {
		return
	}
	for _, t := range tokens {
		if t.ID < 0 || int(t.ID) >= d.vocabulary {
			fail("decoder step", fmt.Sprintf("the vocabulary of %d has no token %d", d.vocabulary, t.ID))
		}
	}
	wide := len(top) / max(1, len(draws))
	rc := C.shim_decoder_step(d.c, (*C.shim_token)(unsafe.Pointer(&tokens[0])), C.int(len(tokens)),
		(*C.shim_sequence)(unsafe.Pointer(unsafe.SliceData(sequences))), (*C.int32_t)(unsafe.Pointer(unsafe.SliceData(blocks))),
		(*C.shim_draw)(unsafe.Pointer(unsafe.SliceData(draws))), C.int(len(draws)),
		(*C.shim_change)(unsafe.Pointer(unsafe.SliceData(changes))), (*C.shim_alternative)(unsafe.Pointer(unsafe.SliceData(top))), C.int(wide))
	if rc != 0 {
		fail("decoder step", shimWords())
	}
}
