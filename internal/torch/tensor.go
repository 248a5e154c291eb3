package torch

// #include "shim.h"
import "C"

import (
	"fmt"
	"math"
	"strings"
	"unsafe"

	"github.com/sugarme/gotch/libtch"
)

// A DType is an element type, by libtorch's number.
type DType int32

// Element types.
const (
	Byte     DType = 0
	Short    DType = 2
	Long     DType = 4
	Half     DType = 5
	Float    DType = 6
	Double   DType = 7
	Bool     DType = 11
	BFloat16 DType = 15
)

var dtypeNames = map[DType]string{Byte: "byte", Short: "short", Long: "long", Half: "half", Float: "float", Double: "double", Bool: "bool", BFloat16: "bfloat16"}

func (d DType) String() string {
	if s, ok := dtypeNames[d]; ok {
		return s
	}
	return fmt.Sprintf("dtype %d", int32(d))
}

// Size is the width of one element in bytes.
func (d DType) Size() int {
	switch d {
	case Bool, Byte:
		return 1
	case Short, Half, BFloat16:
		return 2
	case Long, Double:
		return 8
	}
	return 4
}

// A Tensor is one handle, copied freely and owned by the scope it was made
// in. The zero Tensor stands for an absent one.
type Tensor struct {
	mark // nothing in a release build
	c    libtch.Ctensor
}

// Defined reports whether t is a tensor at all.
func (t Tensor) Defined() bool { return t.c != nil }

// DType is the element type.
func (t Tensor) DType() DType { return DType(C.shim_dtype(C.shim_tensor(t.use("dtype")))) }

// Shape is the size of each dimension.
func (t Tensor) Shape() []int64 {
	c := C.shim_tensor(t.use("shape"))
	shape := make([]int64, C.shim_dims(c))
	if len(shape) > 0 {
		C.shim_shape(c, (*C.int64_t)(&shape[0]))
	}
	return shape
}

// Len is the number of elements.
func (t Tensor) Len() int64 {
	n := int64(1)
	for _, d := range t.Shape() {
		n *= d
	}
	return n
}

// Dim is the size of dimension i; a negative i counts from the last.
func (t Tensor) Dim(i int) int64 {
	shape := t.Shape()
	if i < 0 {
		i += len(shape)
	}
	return shape[i]
}

func (t Tensor) describe() string {
	if t.c == nil {
		return "none"
	}
	dims := make([]string, 0, 4)
	for _, d := range t.Shape() {
		dims = append(dims, fmt.Sprint(d))
	}
	return t.DType().String() + "[" + strings.Join(dims, ",") + "]"
}

// host calls fn with the elements' bytes on the CPU, contiguous and only
// valid during the call. From a GPU this copies and waits.
func (t Tensor) host(fn func(p unsafe.Pointer, n int64)) {
	p := C.shim_data(C.shim_tensor(t.use("read")))
	if p != nil {
		fn(p, t.Len())
		return
	}
	copied := C.shim_to_cpu(C.shim_tensor(t.c))
	if copied == nil {
		fail("to cpu", shimWords(), t)
	}
	defer libtch.AtFree(libtch.Ctensor(copied))
	fn(C.shim_data(copied), t.Len())
}

// Floats copies a float tensor to the host.
func (t Tensor) Floats() []float32 {
	t.want("floats", Float)
	var out []float32
	t.host(func(p unsafe.Pointer, n int64) { out = append(out, unsafe.Slice((*float32)(p), n)...) })
	return out
}

// ReadFloats copies a float tensor into dst, which must be as long.
func (t Tensor) ReadFloats(dst []float32) {
	t.want("floats", Float)
	t.host(func(p unsafe.Pointer, n int64) {
		if n != int64(len(dst)) {
			fail("floats", fmt.Sprintf("the destination holds %d", len(dst)), t)
		}
		copy(dst, unsafe.Slice((*float32)(p), n))
	})
}

// Item is the value of a float tensor of one element.
func (t Tensor) Item() float64 {
	v := t.Floats()
	if len(v) != 1 {
		fail("item", "not one element", t)
	}
	return float64(v[0])
}

// Bytes calls fn with the raw elements, valid only during the call.
func (t Tensor) Bytes(fn func([]byte)) {
	size := int64(t.DType().Size())
	t.host(func(p unsafe.Pointer, n int64) { fn(unsafe.Slice((*byte)(p), n*size)) })
}

func (t Tensor) want(op string, d DType) {
	if got := t.DType(); got != d {
		fail(op, fmt.Sprintf("want %v elements, got %v", d, got), t)
	}
}

// Finite reports whether v is neither NaN nor infinite.
func Finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
