package torch

// #include "shim.h"
import "C"

import (
	"context"
	"sync/atomic"

	"github.com/sugarme/gotch/libtch"
)

// live counts handles that are open, over all scopes.
var live atomic.Int64

// Live is the number of open handles: zero when no Run is under way.
func Live() int64 { return live.Load() }

// A Scope owns the handles made in it. It belongs to the function that Run calls.
type Scope struct {
	device Device
	owned  []Tensor
	out    *libtch.Ctensor // where an operator leaves its result; alone in its memory, as cgo wants
	spare  *Scope          // a closed child, kept for its memory
	after  []func()        // called when it closes
}

// Run calls fn on torch's thread with a fresh scope on device d, frees all
// that fn left in it, and turns an operator's panic into an *OpError. Runs
// follow one another and do not nest. An error of ctx is returned before fn
// runs.
func Run(ctx context.Context, d Device, fn func(*Scope) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	var err error
	onThread(func() { err = run(d, fn) })
	return err
}

func run(d Device, fn func(*Scope) error) (err error) {
	defer caught(&err)
	s := &Scope{device: d, out: new(libtch.Ctensor)}
	defer s.close()
	return fn(s)
}

// caught is deferred and turns an operator's panic into an error.
func caught(err *error) {
	switch p := recover().(type) {
	case nil:
	case opPanic:
		*err = p.err
	default:
		panic(p)
	}
}

// Try calls fn with a child scope that keeps nothing, and returns an operator's
// failure as Run does: for work that goes on when a piece of it fails.
func (s *Scope) Try(fn func(*Scope) error) (err error) {
	defer caught(&err)
	s.Each(func(child *Scope) { err = fn(child) })
	return err
}

// Each calls fn with a child scope that keeps nothing: one training step, one
// decode step.
func (s *Scope) Each(fn func(*Scope)) {
	child := s.child()
	defer s.retire(child)
	fn(child)
}

// Tidy calls fn with a child scope; its result alone moves to s.
func (s *Scope) Tidy(fn func(*Scope) Tensor) Tensor {
	child := s.child()
	defer s.retire(child)
	return s.adopt(child, fn(child))
}

// NoGrad calls fn with gradients off on this thread. It nests.
func (s *Scope) NoGrad(fn func(*Scope)) {
	before := libtch.AtGradSetEnabled(0)
	defer libtch.AtGradSetEnabled(before)
	fn(s)
}

// BigProducts calls fn with oneDNN in MKL's place for products of many rows in
// fp32 on the CPU: it is a tenth faster where there is AVX-512 and the CPU is
// not Intel's. Last bits then depend on whether rows are many. It nests.
func (s *Scope) BigProducts(fn func(*Scope)) {
	before := C.shim_big_products(1)
	defer C.shim_big_products(before)
	fn(s)
}

func (s *Scope) child() *Scope {
	if c := s.spare; c != nil {
		s.spare = nil
		return c
	}
	return &Scope{device: s.device, out: s.out}
}

func (s *Scope) retire(child *Scope) {
	child.close()
	s.spare = child
}

// adopt moves t from child to s. A tensor that child does not own is not moved.
func (s *Scope) adopt(child *Scope, t Tensor) Tensor {
	for i := len(child.owned) - 1; i >= 0; i-- {
		if child.owned[i].c == t.c {
			child.owned = append(child.owned[:i], child.owned[i+1:]...)
			s.owned = append(s.owned, t)
			break
		}
	}
	return t
}

// Free closes handles of s before s itself closes: a cache that was replaced.
func (s *Scope) Free(ts ...Tensor) {
	for _, t := range ts {
		for i := len(s.owned) - 1; i >= 0; i-- {
			if s.owned[i].c == t.c {
				s.owned = append(s.owned[:i], s.owned[i+1:]...)
				free([]Tensor{t})
				break
			}
		}
	}
}

// slot is where the next operator leaves its result. A failing one writes
// nothing, so it is cleared first.
func (s *Scope) slot() *libtch.Ctensor {
	*s.out = nil
	return s.out
}

// keep makes c a tensor of s; a nil c is the failure of op.
func (s *Scope) keep(c libtch.Ctensor, op string, args ...Tensor) Tensor {
	if c == nil {
		fail(op, libtchWords(), args...)
	}
	return s.own(c)
}

func (s *Scope) own(c libtch.Ctensor) Tensor {
	t := Tensor{mark: born(s), c: c}
	s.owned = append(s.owned, t)
	live.Add(1)
	return t
}

// Defer calls f when s closes, before what s owns goes: for what is no tensor.
func (s *Scope) Defer(f func()) { s.after = append(s.after, f) }

func (s *Scope) close() {
	for _, f := range s.after {
		f()
	}
	s.after = nil
	free(s.owned)
	s.owned = s.owned[:0]
}

// free closes handles, the newest first, in one call.
func free(ts []Tensor) {
	if len(ts) == 0 {
		return
	}
	cs := pointers(ts)
	C.shim_free(cs, C.int(len(ts)))
	for _, t := range ts {
		t.die()
	}
	live.Add(-int64(len(ts)))
}

// Device is where s makes tensors.
func (s *Scope) Device() Device { return s.device }
