//go:build check

package torch

// #include "shim.h"
import "C"

import (
	"fmt"
	"runtime"
	"strings"

	"github.com/sugarme/gotch/libtch"
)

// mark is what a handle knows of its life.
type mark struct{ *life }

type life struct{ born, died string }

// Checked reports whether handles know their life (build tag check).
const Checked = true

func born(*Scope) mark { return mark{&life{born: caller()}} }

func (m mark) die() { m.died = caller() }

// pointers is the handles of ts, at least one.
func pointers(ts []Tensor) *C.shim_tensor {
	cs := make([]C.shim_tensor, len(ts))
	for i, t := range ts {
		cs[i] = C.shim_tensor(t.c)
	}
	return &cs[0]
}

// use is t's handle, for operator op; a dead one panics with both places.
func (t Tensor) use(op string) libtch.Ctensor {
	if t.life != nil && t.died != "" {
		panic(fmt.Sprintf("torch %s: tensor used after its scope closed\nmade at %s\nfreed at %s", op, t.born, t.died))
	}
	return t.c
}

// caller is the first place outside this package's files.
func caller() string {
	pcs := make([]uintptr, 32)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(2, pcs)])
	for {
		f, more := frames.Next()
		if !strings.HasPrefix(f.Function, "radpo/internal/torch.") || strings.HasSuffix(f.File, "_test.go") || !more {
			return fmt.Sprintf("%s:%d", f.File, f.Line)
		}
	}
}
