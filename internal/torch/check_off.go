//go:build !check

package torch

import "github.com/sugarme/gotch/libtch"

// mark is what a handle knows of its life: nothing in a release build.
type mark struct{}

// Checked reports whether handles know their life (build tag check).
const Checked = false

func born(*Scope) mark { return mark{} }
func (mark) die()      {}

// use is t's handle, for operator op.
func (t Tensor) use(string) libtch.Ctensor { return t.c }
