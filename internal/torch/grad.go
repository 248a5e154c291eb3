package torch

// #include "shim.h"
import "C"

import "github.com/sugarme/gotch/libtch"

// Trainable marks t, a leaf, as what gradients are wanted for.
func (s *Scope) Trainable(t Tensor) Tensor {
	libtch.AtgSetRequiresGrad(s.slot(), t.use("trainable"), 1)
	if *s.out == nil {
		fail("trainable", libtchWords(), t)
	}
	libtch.AtFree(*s.out) // an alias of t
	return t
}

// Gradients adds the gradient of loss [] for each of params into the tensor
// of the same place in into, which may be wider (fp32 for bf16). Nothing is
// left on params.
func Gradients(loss Tensor, params, into []Tensor) {
	gradients(loss, Tensor{}, params, into, Tensor{}, nil)
}

// gradients is Gradients of the inner product of y and slope, which is absent
// for a y of one element. That for x, a leaf, if there is one, it leaves at forX.
func gradients(y, slope Tensor, params, into []Tensor, x Tensor, forX *C.shim_tensor) {
	const op = "gradients"
	if len(params) == 0 && !x.Defined() {
		return // autograd would take that for all leaves
	}
	n := len(params)
	if n == 0 {
		params, into = make([]Tensor, 1), make([]Tensor, 1) // whose address is taken
	}
	ps, is := handles(params, op), handles(into, op)
	if C.shim_gradients(C.shim_tensor(y.use(op)), C.shim_tensor(slope.use(op)), &ps[0], &is[0], C.int(n), C.shim_tensor(x.use(op)), forX) != 0 {
		fail(op, shimWords(), y)
	}
}

// Norm is the Euclidean norm of all elements of ts together. It waits for the device.
func Norm(ts []Tensor) float64 {
	cs := handles(ts, "norm")
	var out C.double
	if C.shim_norm(&cs[0], C.int(len(cs)), &out) != 0 {
		fail("norm", shimWords())
	}
	return float64(out)
}

// ScaleAll multiplies every element of ts by factor, in place.
func ScaleAll(ts []Tensor, factor float64) {
	cs := handles(ts, "scale")
	if C.shim_scale(&cs[0], C.int(len(cs)), C.double(factor)) != 0 {
		fail("scale", shimWords())
	}
}

func handles(ts []Tensor, op string) []C.shim_tensor {
	cs := make([]C.shim_tensor, len(ts))
	for i, t := range ts {
		cs[i] = C.shim_tensor(t.use(op))
	}
	if len(cs) == 0 {
		fail(op, "no tensors")
	}
	return cs
}
