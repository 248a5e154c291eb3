package torch

// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"strings"
	"unsafe"

	"github.com/sugarme/gotch/libtch"
)

// An OpError is an operator that libtorch refused.
type OpError struct {
	Op     string   // e.g. "matmul"
	Shapes []string // of its tensor arguments, e.g. "float[3,4]"
	Words  string   // libtorch's own
}

func (e *OpError) Error() string {
	return fmt.Sprintf("torch %s(%s): %s", e.Op, strings.Join(e.Shapes, ", "), e.Words)
}

// opPanic is what operators panic with; Run alone recovers it.
type opPanic struct{ err *OpError }

func fail(op, words string, args ...Tensor) {
	e := &OpError{Op: op, Words: firstLine(words)}
	for _, t := range args {
		e.Shapes = append(e.Shapes, t.describe())
	}
	panic(opPanic{e})
}

// libtchWords is gotch's last error of this thread, which it resets.
func libtchWords() string {
	p := libtch.GetAndResetLastErr()
	if p == nil {
		return "no result and no reason given"
	}
	defer C.free(unsafe.Pointer(p))
	return C.GoString((*C.char)(unsafe.Pointer(p)))
}

func shimWords() string { return C.GoString(C.shim_error()) }

// firstLine drops libtorch's C++ stack.
func firstLine(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\nException raised from")
	return s
}
