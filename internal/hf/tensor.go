package hf

import (
	"fmt"
	"io"
	"math/bits"
)

// A DType names an element type as safetensors spells it.
type DType string

// The element types that tensors may have.
const (
	F64  DType = "F64"
	F32  DType = "F32"
	F16  DType = "F16"
	BF16 DType = "BF16"
	I64  DType = "I64"
	I32  DType = "I32"
	I16  DType = "I16"
	I8   DType = "I8"
	U8   DType = "U8"
	Bool DType = "BOOL"
)

// writeOrder is the reference writer's order of types within a file, with the
// bytes of an element: the widest come first, so that all are aligned.
var writeOrder = []struct {
	dtype DType
	size  int64
}{{I64, 8}, {F64, 8}, {F32, 4}, {I32, 4}, {BF16, 2}, {F16, 2}, {I16, 2}, {I8, 1}, {U8, 1}, {Bool, 1}}

// rank is the place of d in writeOrder, and -1 for a type not in it.
func (d DType) rank() int {
	for i, o := range writeOrder {
		if o.dtype == d {
			return i
		}
	}
	return -1
}

// Size is the bytes of one element, and 0 for an unknown type.
func (d DType) Size() int64 {
	if i := d.rank(); i >= 0 {
		return writeOrder[i].size
	}
	return 0
}

// check says why tensors of type d cannot be read.
func (d DType) check() error {
	switch {
	case d.rank() >= 0:
		return nil
	case len(d) > 1 && (d[:2] == "F8" || d[:2] == "F4" || d[:2] == "F6"):
		return fmt.Errorf("type %s: quantised weights are not supported; convert the model to BF16", d)
	default:
		return fmt.Errorf("unknown type %.20q", string(d))
	}
}

// A Tensor is a name, a shape and the elements in row-major, little-endian
// order. Data read from a file is mapped: writing to it crashes, and it is
// valid until the file or folder is closed.
type Tensor struct {
	Name  string
	DType DType
	Shape []int64
	Data  []byte

	// Bytes, where it is set, gives a writer the elements in place of Data, so
	// that tensors elsewhere are copied one at a time.
	Bytes func(func([]byte))
}

// size is the bytes of a tensor that checkTensors found whole.
func (t Tensor) size() int64 {
	n, _ := byteSize(t.DType, t.Shape)
	return n
}

// writeTo writes the elements.
func (t Tensor) writeTo(w io.Writer) (err error) {
	if t.Bytes == nil {
		_, err = w.Write(t.Data)
		return err
	}
	t.Bytes(func(b []byte) {
		if int64(len(b)) != t.size() {
			err = fmt.Errorf("tensor %.100q: %s%v needs %d bytes, got %d", t.Name, t.DType, t.Shape, t.size(), len(b))
			return
		}
		_, err = w.Write(b)
	})
	return err
}

// byteSize is the bytes that a tensor of this type and shape has.
func byteSize(d DType, shape []int64) (int64, error) {
	if err := d.check(); err != nil {
		return 0, err
	}
	size := uint64(d.Size())
	for _, n := range shape {
		hi, lo := bits.Mul64(size, uint64(n))
		if n < 0 || hi != 0 || lo > 1<<62 {
			return 0, fmt.Errorf("shape %v: negative or too large", shape)
		}
		size = lo
	}
	return int64(size), nil
}
