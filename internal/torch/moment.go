package torch

// #include "shim.h"
import "C"

import (
	"fmt"
	"slices"
)

// Block is how many neighbours share a scale in an 8-bit moment.
const Block = 256

// A Moment is a running average that an optimizer keeps of a vector, in fp32,
// bf16 or 8 bit.
//
// The two narrow forms are rounded at random, up as often as it takes for the
// expected value to be right: a running average moves by less than their
// spacing, and rounding to the nearest would never let it move. The draw is a
// hash of a seed and the element's place.
//
// In 8 bit, Block neighbours share their largest magnitude as scale, and an
// element is one of 256 fractions of it that are dense near 0, the dynamic
// tree of arXiv:2110.02861. Of an average of squares the root is kept, which
// has the range of the other moments.
type Moment struct {
	Values Tensor // float, bfloat16 or byte [n]
	Scales Tensor // float [n/Block rounded up]; absent but for 8 bit
	codes  Tensor // float [256], rising
	square bool
}

// NewMoment is a moment of n zeros in the format float32, bfloat16 or 8bit;
// square says that it averages squares.
func (s *Scope) NewMoment(format string, n int64, square bool) Moment {
	switch format {
	case "float32":
		return Moment{Values: s.Zeros(Float, n)}
	case "bfloat16":
		return Moment{Values: s.Zeros(BFloat16, n)}
	case "8bit":
		codes := dynamicTree(!square)
		return Moment{
			Values: s.Zeros(Byte, n), Scales: s.Zeros(Float, (n+Block-1)/Block),
			codes: s.Floats(codes, int64(len(codes))), square: square,
		}
	}
	fail("moment", fmt.Sprintf("format %q: want float32, bfloat16 or 8bit", format))
	return Moment{}
}

// Load is elements from … from+n−1 in fp32, for a from that is a multiple of
// Block. A moment in fp32 gives a view of itself.
func (m Moment) Load(s *Scope, from, n int64) Tensor {
	values := s.Narrow(m.Values, 0, from, n)
	if !m.Scales.Defined() {
		return s.To(values, Float)
	}
	scales := s.Narrow(m.Scales, 0, from/Block, (n+Block-1)/Block)
	x := s.keepShim(C.shim_decode(C.shim_tensor(values.use("decode")), C.shim_tensor(scales.use("decode")), C.shim_tensor(m.codes.use("decode"))), "decode", values, scales)
	if m.square {
		return s.Square(x)
	}
	return x
}

// DrawStep is by how much the draw of one place differs in seed from that of the
// place before: a draw is a function of seed + DrawStep·place.
const DrawStep uint32 = 0x9e3779b1

// Store writes back what Load gave, changed. Another seed draws otherwise.
func (m Moment) Store(s *Scope, x Tensor, from int64, seed uint32) {
	n := x.Len()
	values := s.Narrow(m.Values, 0, from, n)
	draws := C.int32_t(int32(seed))
	switch {
	case m.Scales.Defined():
		if m.square {
			x = s.Sqrt(x)
		}
		scales := s.Narrow(m.Scales, 0, from/Block, (n+Block-1)/Block)
		if C.shim_encode(C.shim_tensor(x.use("encode")), C.shim_tensor(values.use("encode")), C.shim_tensor(scales.use("encode")),
			C.shim_tensor(m.codes.use("encode")), draws) != 0 {
			fail("encode", shimWords(), x, values)
		}
	case values.DType() == BFloat16:
		if C.shim_round(C.shim_tensor(x.use("round")), C.shim_tensor(values.use("round")), draws) != 0 {
			fail("round", shimWords(), x, values)
		}
	}
}

// dynamicTree is 0, 1 and, for each power of ten 10⁻⁶ … 1, evenly spaced
// fractions of it from 0.1 on, twice as many as of the one before; with
// negatives, those mirrored in place of every other one.
func dynamicTree(negatives bool) []float32 {
	codes := []float32{0, 1}
	scale := 1e-6
	for i := range 7 {
		n := 2 << i
		if negatives {
			n = 1 << i
		}
		for k := range n {
			code := float32(scale * (0.1 + 0.9*(float64(k)+0.5)/float64(n)))
			if codes = append(codes, code); negatives {
				codes = append(codes, -code)
			}
		}
		scale *= 10
	}
	slices.Sort(codes)
	return codes
}
