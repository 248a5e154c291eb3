//go:build !check

package torch

// #include "shim.h"
import "C"

import (
	"unsafe"

	"github.com/sugarme/gotch/libtch"
)

// mark is what a handle knows of its life: nothing in a release build.
type mark struct{}

// Checked reports whether handles know their life (build tag check).
const Checked = false

func born(*Scope) mark { return mark{} }
func (mark) die()      {}

// pointers is the handles of ts, at least one: a Tensor is nothing else.
func pointers(ts []Tensor) *C.shim_tensor {
	return (*C.shim_tensor)(unsafe.Pointer(unsafe.SliceData(ts)))
}

// use is t's handle, for operator op.
func (t Tensor) use(string) libtch.Ctensor { return t.c }
