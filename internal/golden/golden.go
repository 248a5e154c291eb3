package golden

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"

	"radpo/internal/hf"
)

// Tolerances of MaxRel.
const (
	F32   = 1e-4
	Steps = 1e-5
	BF16  = 5e-2
)

// A File is a safetensors file of reference values, closed when its test ends.
type File struct {
	t       testing.TB
	path    string
	tensors map[string]hf.Tensor
	names   []string

	MadeBy string // JSON: the command, versions and facts behind the file
}

// Open opens a golden or any other safetensors file, or fails t.
func Open(t testing.TB, path string) *File {
	t.Helper()
	f, err := hf.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	g := &File{t: t, path: path, tensors: map[string]hf.Tensor{}, MadeBy: f.Metadata["made_by"]}
	for _, tensor := range f.Tensors {
		g.tensors[tensor.Name] = tensor
		g.names = append(g.names, tensor.Name)
	}
	return g
}

// Names lists the tensors in file order.
func (f *File) Names() []string { return f.names }

// Shape is the shape of a tensor; a scalar's is empty.
func (f *File) Shape(name string) []int64 {
	f.t.Helper()
	return f.tensor(name).Shape
}

// Floats are the elements of a tensor of floats, in row-major order.
func (f *File) Floats(name string) []float32 {
	f.t.Helper()
	x := f.tensor(name)
	out := make([]float32, len(x.Data)/int(x.DType.Size()))
	for i := range out {
		b := x.Data[i*int(x.DType.Size()):]
		switch x.DType {
		case hf.F32:
			out[i] = math.Float32frombits(binary.LittleEndian.Uint32(b))
		case hf.BF16:
			out[i] = math.Float32frombits(uint32(binary.LittleEndian.Uint16(b)) << 16)
		case hf.F64:
			out[i] = float32(math.Float64frombits(binary.LittleEndian.Uint64(b)))
		default:
			f.t.Fatalf("%s: %s is %s, want floats", f.path, name, x.DType)
		}
	}
	return out
}

// Float is the one element of a tensor.
func (f *File) Float(name string) float32 {
	f.t.Helper()
	all := f.Floats(name)
	if len(all) != 1 {
		f.t.Fatalf("%s: %s has %d elements, want 1", f.path, name, len(all))
	}
	return all[0]
}

// Ints are the elements of an int64 tensor, in row-major order.
func (f *File) Ints(name string) []int64 {
	f.t.Helper()
	x := f.tensor(name)
	if x.DType != hf.I64 {
		f.t.Fatalf("%s: %s is %s, want I64", f.path, name, x.DType)
	}
	out := make([]int64, len(x.Data)/8)
	for i := range out {
		out[i] = int64(binary.LittleEndian.Uint64(x.Data[8*i:]))
	}
	return out
}

// Check fails the test, and lets it go on, when got is further from a tensor
// than a tolerance of MaxRel.
func (f *File) Check(name string, got []float32, tolerance float64) {
	f.t.Helper()
	if rel := MaxRel(got, f.Floats(name)); !(rel <= tolerance) {
		f.t.Errorf("%s: %s: relative error %.3g, want at most %.3g%s", f.path, name, rel, tolerance, worst(got, f.Floats(name)))
	}
}

func (f *File) tensor(name string) hf.Tensor {
	f.t.Helper()
	x, ok := f.tensors[name]
	if !ok {
		f.t.Fatalf("%s: no tensor %s", f.path, name)
	}
	return x
}

// MaxRel is the largest |got-want| over the largest |want|. It is +Inf when
// lengths differ, when a number is not finite, and for any error where want is
// all zero.
func MaxRel(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var off, scale float64
	for i := range want {
		g, w := float64(got[i]), float64(want[i])
		if math.IsNaN(g-w) || math.IsInf(g-w, 0) {
			return math.Inf(1)
		}
		off, scale = max(off, math.Abs(g-w)), max(scale, math.Abs(w))
	}
	if off == 0 {
		return 0
	}
	return off / scale
}

// worst says where got and want differ most.
func worst(got, want []float32) string {
	if len(got) != len(want) {
		return fmt.Sprintf("; got %d elements, want %d", len(got), len(want))
	}
	at, off := 0, -1.0
	for i := range want {
		if d := math.Abs(float64(got[i]) - float64(want[i])); d > off || math.IsNaN(d) {
			at, off = i, d
		}
		if math.IsNaN(off) {
			break
		}
	}
	return fmt.Sprintf("; worst at element %d: got %v, want %v", at, got[at], want[at])
}
