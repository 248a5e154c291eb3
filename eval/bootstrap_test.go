package eval

import (
	"cmp"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

func prompts(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprint("p", i)
	}
	return out
}

func close(got, want float64) bool { return math.Abs(got-want) < 1e-9 }

func TestSpearman(t *testing.T) {
	tests := []struct {
		name string
		x, y []float64
		want float64
	}{
		{"same order", []float64{1, 2, 3}, []float64{10, 20, 900}, 1},
		{"opposite", []float64{1, 2, 3}, []float64{3, 2, 1}, -1},
		{"tie", []float64{1, 2, 3, 4, 5}, []float64{5, 6, 7, 8, 7}, 0.8207826816681233}, // scipy.stats.spearmanr's own example
		{"ties on both sides", []float64{1, 1, 2, 2}, []float64{1, 2, 2, 3}, math.Sqrt(0.5)},
	}
	for _, test := range tests {
		if got := spearman(test.x, test.y)(ones(len(test.x))); !close(got, test.want) {
			t.Errorf("%s: %.12f, want %.12f", test.name, got, test.want)
		}
	}
	if got := spearman([]float64{1, 2, 3}, []float64{0.1, 0.1, 0.1})(ones(3)); !math.IsNaN(got) {
		t.Errorf("correlation with a constant is %g, want undefined", got)
	}
}

// TestKendall holds τ-b to its definition over all pairs.
func TestKendall(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	for range 50 {
		x, y := make([]float64, 20), make([]float64, 20)
		for i := range x {
			x[i], y[i] = float64(rng.IntN(7)), float64(rng.IntN(12))
		}
		var agree, byX, byY float64
		for i := range x {
			for j := range i {
				a, b := cmp.Compare(x[i], x[j]), cmp.Compare(y[i], y[j])
				agree, byX, byY = agree+float64(a*b), byX+float64(a*a), byY+float64(b*b)
			}
		}
		if got, want := kendall(x, y)(ones(20)), agree/math.Sqrt(byX*byY); !close(got, want) {
			t.Errorf("kendall(%v, %v) is %g, want %g", x, y, got, want)
		}
	}
	if got := kendall([]float64{1, 2, 3}, []float64{0.1, 0.1, 0.1})(ones(3)); !math.IsNaN(got) {
		t.Errorf("correlation with a constant is %g, want undefined", got)
	}
}

// TestWeightsAreCopies holds each statistic to its meaning: a weight of k is
// the row k times over.
func TestWeightsAreCopies(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var x, y, w, longX, longY []float64
		for range 12 {
			a, b, times := float64(rng.IntN(5)), float64(rng.IntN(5)), rng.IntN(4)
			x, y, w = append(x, a), append(y, b), append(w, float64(times))
			for range times {
				longX, longY = append(longX, a), append(longY, b)
			}
		}
		got, want := spearman(x, y)(w), spearman(longX, longY)(ones(len(longX)))
		if !close(got, want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Fatalf("spearman of weights %v is %g, of copies %g", w, got, want)
		}
		if got, want := kendall(x, y)(w), kendall(longX, longY)(ones(len(longX))); !close(got, want) && !(math.IsNaN(got) && math.IsNaN(want)) {
			t.Errorf("kendall(%v, %v) weighted by %v is %g, copied %g", x, y, w, got, want)
		}
		if got, want := mean(x, 0)(w), mean(longX, 0)(ones(len(longX))); !close(got, want) {
			t.Fatalf("mean of weights %v is %g, of copies %g", w, got, want)
		}
	}
}

// TestCoverage draws many data sets whose prompts differ more than their
// answers do: about 95 of 100 intervals hold the truth, and those that took
// answers for independent would not.
func TestCoverage(t *testing.T) {
	const trials, count, each, truth = 300, 60, 3, 5.0
	rng := rand.New(rand.NewPCG(3, 4))
	var hit, naive int
	for trial := range trials {
		var of []string
		var values []float64
		for p := range count {
			level := truth + 1.5*rng.NormFloat64()
			for range each {
				of, values = append(of, fmt.Sprint(p)), append(values, level+0.3*rng.NormFloat64())
			}
		}
		s := &sheet{seed: int64(trial)}
		s.add("clustered", of, mean(values, 0))
		s.add("naive", prompts(len(values)), mean(values, 0))
		for i, n := range []*int{&hit, &naive} {
			if m := s.rows[i]; m.Lo <= truth && truth <= m.Hi {
				*n++
			}
		}
	}
	if share := float64(hit) / trials; share < 0.91 || share > 0.98 {
		t.Errorf("%.1f %% of the intervals hold the truth, want about 95 %%", 100*share)
	}
	if share := float64(naive) / trials; share > 0.85 {
		t.Errorf("intervals over answers hold the truth in %.1f %%: the data does not try clustering", 100*share)
	}
}

// TestPairing shows that a difference is drawn on the same prompts.
func TestPairing(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	var a, b []float64
	for range 50 {
		level := 3 * rng.NormFloat64()
		a, b = append(a, level+1), append(b, level)
	}
	s := &sheet{seed: 1}
	s.add("paired", append(prompts(50), prompts(50)...), difference(a, b))
	if m := s.rows[0]; !close(m.Value, 1) || !close(m.Lo, 1) || !close(m.Hi, 1) {
		t.Errorf("a difference of 1 at every prompt is %g [%g, %g]", m.Value, m.Lo, m.Hi)
	}
}

func TestWilson(t *testing.T) {
	tests := []struct{ yes, n, lo, hi float64 }{ // R: binom.confint(method = "wilson")
		{10, 10, 0.7224672, 1},
		{5, 10, 0.2365931, 0.7634069},
		{0, 10, 0, 0.2775328},
	}
	for _, test := range tests {
		values := make([]float64, int(test.n))
		for i := range int(test.yes) {
			values[i] = 1
		}
		s := &sheet{}
		s.share("share", prompts(len(values)), values)
		if m := s.rows[0]; math.Abs(m.Lo-test.lo) > 1e-6 || math.Abs(m.Hi-test.hi) > 1e-6 {
			t.Errorf("%g of %g: [%.7f, %.7f], want [%.7f, %.7f]", test.yes, test.n, m.Lo, m.Hi, test.lo, test.hi)
		}
	}
	s := &sheet{}
	s.share("twice", []string{"a", "a", "b", "b"}, []float64{1, 1, 0, 0})
	s.share("once", []string{"a", "b"}, []float64{1, 0})
	if s.rows[0].Lo != s.rows[1].Lo {
		t.Error("a second answer to a prompt narrows the interval")
	}
}

func TestUndefinedIsAbsent(t *testing.T) {
	s := &sheet{}
	s.add("no rows", nil, mean(nil, 0))
	s.share("no rows", nil, nil)
	s.fixed("infinite", math.Inf(1), 1)
	if len(s.rows) != 0 {
		t.Errorf("measures %v, want none", s.rows)
	}
}
