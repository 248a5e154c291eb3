package torch

// #include "shim.h"
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"github.com/sugarme/gotch/libtch"
)

// Floats copies data into a new float tensor of the given shape.
func (s *Scope) Floats(data []float32, shape ...int64) Tensor {
	return fromHost(s, data, Float, shape)
}

// Longs copies data into a new long tensor of the given shape.
func (s *Scope) Longs(data []int64, shape ...int64) Tensor {
	return fromHost(s, data, Long, shape)
}

// Bools copies data into a new bool tensor of the given shape.
func (s *Scope) Bools(data []bool, shape ...int64) Tensor {
	return fromHost(s, data, Bool, shape)
}

// Zeros is a tensor of zeros.
func (s *Scope) Zeros(d DType, shape ...int64) Tensor {
	sizes, n := dims(shape)
	libtch.AtgZeros(s.slot(), sizes, n, int32(d), int32(s.device))
	return s.keep(*s.out, "zeros")
}

// Causal is the mask [1,1,n,n] by which token i sees tokens 0 … i.
func (s *Scope) Causal(n int64) Tensor {
	return s.Tidy(func(s *Scope) Tensor {
		libtch.AtgOnes(s.slot(), []int64{1, 1, n, n}, 4, int32(Bool), int32(s.device))
		ones := s.keep(*s.out, "causal")
		libtch.AtgTril(s.slot(), ones.use("causal"), 0)
		return s.keep(*s.out, "causal")
	})
}

// Copy makes a tensor of s's device from raw elements in host memory, which
// may be unmapped afterwards.
func (s *Scope) Copy(d DType, data []byte, shape ...int64) Tensor {
	t := s.Tidy(func(s *Scope) Tensor { return s.Clone(s.toDevice(s.memory(d, data, shape))) })
	runtime.KeepAlive(data) // the tensor over it, between two calls into C, is nothing that Go's collector sees
	return t
}

// Map is a tensor over raw elements in host memory, without a copy on the
// CPU. The memory must outlive the scope and must not be written through it.
func (s *Scope) Map(d DType, data []byte, shape ...int64) Tensor {
	if s.device != CPU {
		return s.Copy(d, data, shape...)
	}
	return s.memory(d, data, shape)
}

func fromHost[E any](s *Scope, data []E, d DType, shape []int64) Tensor {
	var e E
	bytes := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data))*unsafe.Sizeof(e))
	return s.Copy(d, bytes, shape...)
}

// memory is a CPU tensor over data.
func (s *Scope) memory(d DType, data []byte, shape []int64) Tensor {
	n := int64(d.Size())
	for _, size := range shape {
		n *= size
	}
	if n != int64(len(data)) {
		fail("from memory", fmt.Sprintf("%v%v needs %d bytes, got %d", d, shape, n, len(data)))
	}
	if n == 0 {
		return s.Zeros(d, shape...)
	}
	sizes, rank := dims(shape)
	c := C.shim_from_memory(unsafe.Pointer(unsafe.SliceData(data)), (*C.int64_t)(&sizes[0]), C.int(rank), C.int(d))
	return s.keepShim(c, "from memory")
}

func (s *Scope) toDevice(t Tensor) Tensor {
	if s.device == CPU {
		return t
	}
	libtch.AtgTo(s.slot(), t.use("to"), int32(s.device))
	return s.keep(*s.out, "to", t)
}

// keepShim is keep for the shim's functions.
func (s *Scope) keepShim(c C.shim_tensor, op string, args ...Tensor) Tensor {
	if c == nil {
		fail(op, shimWords(), args...)
	}
	return s.own(libtch.Ctensor(c))
}

// dims is a shape as libtch wants it: it takes the address of element 0 even
// of an empty shape.
func dims(shape []int64) ([]int64, int) {
	if len(shape) == 0 {
		return []int64{0}, 0
	}
	return shape, len(shape)
}
