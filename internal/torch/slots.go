package torch

// #include "slots.h"
import "C"

import (
	"unsafe"

	"github.com/sugarme/gotch/libtch"
)

// Slots computes a causal language model on any device, a step in one call, over
// a cache of slots. A sequence, or what several share, fills slots that may lie
// anywhere; attention looks at each slot once for all rows that see it, and the
// parts are merged by their log-sum-exps. On a GPU the steps of a batch's size
// are captured as a graph, where the CUDA part is there (make cuda). Windows and
// bounds of attention's scores are not for it.
type Slots struct {
	c      C.shim_slots
	length int
	rows   int
	part   error // why the CUDA part is not there
}

// NewSlots makes p a model of s with so many slots, of length tokens each, for
// batches of at most rows rows. It keeps p's tensors and does not copy them.
func (s *Scope) NewSlots(p DecoderPlan, slots, length, rows int) *Slots {
	const op = "slots"
	shape := p.shape(slots)
	var tensors []libtch.Ctensor
	for i := range p.Layers {
		layer := p.Layers[i].tensors(op)
		tensors = append(tensors, layer[:]...)
	}
	c := C.shim_slots_new(&shape, (*C.shim_tensor)(unsafe.Pointer(&tensors[0])), (*C.float)(unsafe.Pointer(&p.Frequencies[0])),
		C.shim_tensor(p.Embedding.use(op)), C.shim_tensor(p.Norm.use(op)), C.shim_tensor(p.Output.use(op)), C.int(length), C.int(rows))
	if c == nil {
		fail(op, shimWords(), p.Embedding)
	}
	s.Defer(func() { C.shim_slots_free(c) })
	d := &Slots{c: c, length: length, rows: rows}
	if s.device != CPU {
		d.part = openCUDAPart()
	}
	return d
}

// Prompts computes prompts of so many tokens, which lie one behind the other in
// ids, and puts token i to place into[i] of the cache. The result is their normed
// states, [tokens,D].
func (d *Slots) Prompts(s *Scope, ids, into, lengths []int64) Tensor {
	first := func(x []int64) *C.int64_t { return (*C.int64_t)(unsafe.Pointer(unsafe.SliceData(x))) }
	return s.keepShim(C.shim_slots_prompts(d.c, first(ids), first(into), first(lengths), C.int(len(lengths))), "slots prompts")
}

// Rows computes a token of each of so many rows, which see wide pieces at most,
// from the input that slots.h describes. The result is their logits, [rows,V]
// fp32, valid until the next call.
func (d *Slots) Rows(s *Scope, input []int64, rows, wide int) Tensor {
	if want := 3*rows + 5*rows*wide + 2; len(input) != want || rows > d.rows {
		fail("slots rows", "input of another length than the batch asks for")
	}
	return s.keepShim(C.shim_slots_rows(d.c, (*C.int64_t)(unsafe.Pointer(&input[0])), C.int(rows), C.int(wide)), "slots rows")
}

// Logits are those of states [N,D], [N,V] fp32.
func (d *Slots) Logits(s *Scope, states Tensor) Tensor {
	return s.keepShim(C.shim_slots_logits(d.c, C.shim_tensor(states.use("slots logits"))), "slots logits", states)
}

// Graphs is how many graphs were captured, and why no more are, if that failed.
func (d *Slots) Graphs() (n int, failure string) {
	if d.part != nil {
		return 0, d.part.Error()
	}
	var why *C.char
	n = int(C.shim_slots_graphs(d.c, &why))
	return n, firstLine(C.GoString(why))
}

// Look is softmax(q·kᵀ·scale)·v of queries [N,G,K] over keys and values [T,G,K],
// and the log-sum-exp of each query's scores, [N,G]. Piece i is of the queries
// first[i] … first[i+1]−1, most at most, and used[i] tokens from start[i] on,
// length at most; first and start are one longer than used. It is by flash
// attention on a GPU and by plain operators on the CPU.
func (s *Scope) Look(q, k, v, first, start, used Tensor, most, length int, scale float64) (out, lse Tensor) {
	const op = "look"
	c := [2]C.shim_tensor{}
	if C.shim_look(C.shim_tensor(q.use(op)), C.shim_tensor(k.use(op)), C.shim_tensor(v.use(op)), C.shim_tensor(first.use(op)), C.shim_tensor(start.use(op)),
		C.shim_tensor(used.use(op)), C.int(most), C.int(length), C.double(scale), &c[0], &c[1]) != 0 {
		fail(op, shimWords(), q, k, v)
	}
	return s.own(libtch.Ctensor(c[0])), s.own(libtch.Ctensor(c[1]))
}
