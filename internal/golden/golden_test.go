package golden_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/golden"
)

func TestMaxRel(t *testing.T) {
	inf, nan := float32(math.Inf(1)), float32(math.NaN())
	tests := map[string]struct {
		got, want []float32
		rel       float64
	}{
		"equal":          {[]float32{1, -2}, []float32{1, -2}, 0},
		"by the largest": {[]float32{1, 4.5}, []float32{0.5, -5}, 9.5 / 5},
		"small element":  {[]float32{0.5, 4}, []float32{0, 4}, 0.125},
		"empty":          {nil, nil, 0},
		"zeros":          {[]float32{0}, []float32{0}, 0},
		"want zero":      {[]float32{1e-30}, []float32{0}, math.Inf(1)},
		"length":         {[]float32{1}, []float32{1, 1}, math.Inf(1)},
		"nan":            {[]float32{1, nan}, []float32{1, 1}, math.Inf(1)},
		"both nan":       {[]float32{nan}, []float32{nan}, math.Inf(1)},
		"inf":            {[]float32{inf}, []float32{1}, math.Inf(1)},
		"both inf":       {[]float32{inf}, []float32{inf}, math.Inf(1)},
	}
	for name, test := range tests {
		if rel := golden.MaxRel(test.got, test.want); math.Abs(rel-test.rel) > 1e-12 {
			t.Errorf("%s: got %v, want %v", name, rel, test.rel)
		}
	}
}

// TestOpen reads a file whose values are known from another source.
func TestOpen(t *testing.T) {
	f := golden.Open(t, "../hf/testdata/types.safetensors")
	if diff := cmp.Diff(f.Ints("q.i64"), []int64{0, 1, 2, 3}); diff != "" {
		t.Errorf("q.i64 (-got +want):\n%s", diff)
	}
	if got := f.Float("b.scalar"); got != 2.5 || len(f.Shape("b.scalar")) != 0 {
		t.Errorf("b.scalar: got %v of shape %v", got, f.Shape("b.scalar"))
	}
	if diff := cmp.Diff(f.Shape("s.f32"), []int64{3, 5}); diff != "" {
		t.Errorf("s.f32 (-got +want):\n%s", diff)
	}
	f.Check("s.f32", f.Floats("r.f64"), 0)
	f.Check("s.f32", f.Floats("u.bf16"), 1.0/256)
	if len(f.Names()) != 13 {
		t.Errorf("got %d names, want 13", len(f.Names()))
	}
}

// TestCheckFails shows that a wrong number fails a test, and says where.
func TestCheckFails(t *testing.T) {
	spy := &spy{TB: t}
	f := golden.Open(spy, "../hf/testdata/types.safetensors")
	got := f.Floats("s.f32")
	got[7] += 1
	f.Check("s.f32", got, golden.F32)
	if !strings.Contains(spy.text, "worst at element 7") {
		t.Errorf("got %q", spy.text)
	}
}

// A spy notes errors instead of failing.
type spy struct {
	testing.TB
	text string
}

func (s *spy) Errorf(format string, args ...any) { s.text = fmt.Sprintf(format, args...) }
