package torch

// #include "slots.h"
// #include <stdlib.h>
import "C"

import (
	_ "embed"
	"slices"
	"sync"
	"unsafe"
)

//go:embed slots_draw.h
var drawSource string

var drawText = sync.OnceValue(func() *C.char { return C.CString(drawSource) })

// DrawThere makes list[i] of row i of t [N,V], float, where t is: on a GPU by one
// kernel, from which the draws alone are copied. It is what [Tensor.Draw] gives
// but for the last bits of probabilities, which are counted in units of 2⁻⁴⁴ of
// the row's largest and so depend on no order of summing: a token differs only
// where Uniform or a bound comes that close to it. Nothing is listed of the
// likeliest tokens, biases are refused, and rows whose tokens are penalised are
// changed.
func (t Tensor) DrawThere(list []Draw, changes []Change) {
	const op = "draw there"
	if len(list) == 0 {
		return
	}
	t.want(op, Float)
	if shape := t.Shape(); len(shape) != 2 || shape[0] != int64(len(list)) || shape[1] > 1<<19 {
		fail(op, "not one row of at most 524288 logits a draw", t)
	}
	if slices.ContainsFunc(list, func(d Draw) bool { return d.Bias != d.BiasEnd }) {
		fail(op, "biases of logits", t)
	}
	if C.shim_slots_draw(drawText(), C.shim_tensor(t.use(op)), (*C.shim_draw)(unsafe.Pointer(&list[0])), C.int(len(list)),
		(*C.shim_change)(unsafe.Pointer(unsafe.SliceData(changes))), C.int(len(changes))) != 0 {
		fail(op, shimWords(), t)
	}
}
