package torch

// #include "decode.h"
import "C"

import "unsafe"

// A Draw is one row of logits and what is wanted of it: a token drawn from it,
// or the log-probability of a given one. Its layout is that of shim_draw.
type Draw struct {
	Row         int32 // of a batch of tokens: whose logits
	Target      int32 // the token to score; below 0: one is drawn
	TopK        int32 // 0: off
	Top         int32 // likeliest tokens wanted
	Bias        int32 // changes Bias … BiasEnd−1 of the list are added to logits
	BiasEnd     int32
	Seen        int32 // the tokens of Seen … SeenEnd−1 are penalised
	SeenEnd     int32
	Temperature float64 // 0: the likeliest
	TopP        float64 // 1: off
	MinP        float64 // 0: off
	Penalty     float64 // of repetition; 0 or 1: off
	Uniform     float64 // the draw, in [0,1)

	ID      int32   // the result; −1: the logits are not finite
	Logprob float32 // by the logits as they are
	Drawn   float32 // by the distribution drawn from
	_       int32
}

// A Change is about the logit of a token: Add is added to it, where that is
// asked. Its layout is that of shim_change.
type Change struct {
	ID  int32
	Add float32 // may be −Inf
}

// An Alternative is a token and its log-probability. Its layout is that of
// shim_alternative.
type Alternative struct {
	ID      int32
	Logprob float32
}

// The layouts agree, or this does not compile.
var (
	_ [unsafe.Sizeof(Draw{})]byte        = [C.sizeof_shim_draw]byte{}
	_ [unsafe.Sizeof(Change{})]byte      = [C.sizeof_shim_change]byte{}
	_ [unsafe.Sizeof(Alternative{})]byte = [C.sizeof_shim_alternative]byte{}
)

// Draw makes list[i] of row i of t [N,V], float. The order is that of
// transformers: what changes add to logits, the penalty of repetition (of the
// tokens that they name), temperature, top-k, top-p and min-p. A token is the
// first, by id, at which the cumulated probability of those kept exceeds Uniform.
// The likeliest tokens by the logits as they are go to top, as many places for
// each draw. ID is −1 where no token is left.
func (t Tensor) Draw(list []Draw, changes []Change, top []Alternative) {
	if len(list) == 0 {
		return
	}
	t.want("draw", Float)
	if shape := t.Shape(); len(shape) != 2 || shape[0] != int64(len(list)) {
		fail("draw", "not one row of logits a draw", t)
	}
	vocabulary := t.Dim(1)
	t.host(func(p unsafe.Pointer, _ int64) {
		C.shim_draw_rows((*C.float)(p), C.int64_t(vocabulary), (*C.shim_draw)(unsafe.Pointer(&list[0])), C.int(len(list)),
			(*C.shim_change)(unsafe.Pointer(unsafe.SliceData(changes))), (*C.shim_alternative)(unsafe.Pointer(unsafe.SliceData(top))), C.int(len(top)/len(list)))
	})
}
