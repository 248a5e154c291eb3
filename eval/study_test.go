package eval

import (
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"

	"radpo/internal/table"
)

// runsOf are outcomes of one arm: a value a seed of each name.
func runsOf(arm string, values map[string][]float64) Outcomes {
	o := Outcomes{Arms: map[string][]map[string]Metric{}}
	for name, list := range values {
		for seed, v := range list {
			if seed == len(o.Seeds) {
				o.Seeds = append(o.Seeds, int64(seed+1))
			}
			for len(o.Arms[arm]) <= seed {
				o.Arms[arm] = append(o.Arms[arm], map[string]Metric{})
			}
			o.Arms[arm][seed][name] = Metric{Value: v, SE: 0.5, CI: [2]float64{v - 1, v + 2}, N: 9}
		}
	}
	return o
}

// TestAverage holds the interval to R's t.test, and of one seed to that over
// its prompts.
func TestAverage(t *testing.T) {
	o := runsOf("a", map[string][]float64{"x": {1, 2, 3, 4, 6}, "y": {1, 1, 1, 1, 1}})
	a := o.over(measure{"a", "x"})
	lo, hi := a.interval()
	if !close(a.mean, 3.2) || math.Abs(a.sd-1.923538) > 1e-6 || math.Abs(lo-0.8116) > 1e-3 || math.Abs(hi-5.5884) > 1e-3 || !close(a.within, 0.5) {
		t.Errorf("%+v [%v, %v]", a, lo, hi)
	}
	if d := o.less(measure{"a", "x"}, measure{"a", "y"}); !close(d.mean, 2.2) || d.above(0) != (2.2-2.776445*1.923538/math.Sqrt(5) > 0) {
		t.Errorf("a difference over five seeds: %+v, above 0 %v", d, d.above(0))
	}
	one := runsOf("a", map[string][]float64{"x": {3}})
	if lo, hi := one.over(measure{"a", "x"}).interval(); lo != 2 || hi != 5 {
		t.Errorf("one seed has [%v, %v], want its own interval", lo, hi)
	}
	if none := o.over(measure{"a", "z"}); none.n != 0 || none.above(-9) || none.String() != "—" {
		t.Errorf("what is not measured: %+v", none)
	}
}

// dials are the turns of two attributes.
func dials(own, other []float64) Outcomes {
	return runsOf("attributes", map[string][]float64{
		"goal/iter-1/a/range": own, "goal/iter-1/a/range/b": other, "goal/iter-1/b/range": own, "goal/iter-1/b/range/a": other,
	})
}

// TestAttributeClaims: a dial that moves another attribute more fails the page.
func TestAttributeClaims(t *testing.T) {
	p, r, items := AttributesPage(dials([]float64{5, 6, 7}, []float64{1, 0, 1}), []string{"a", "b"}, "", nil)
	if err := p.Verdict(); err != nil || len(items) != 3 || len(p.Claims) != 2 {
		t.Errorf("%v, %d items", err, len(items))
	}
	if m := r.Metrics["attributes/goal/iter-1/a/range"]; !close(m.Value, 6) || m.N != 3 {
		t.Errorf("%+v", m)
	}
	p, _, _ = AttributesPage(dials([]float64{5, 6, 7}, []float64{6, 6, 6.5}), []string{"a", "b"}, "", nil)
	if err := p.Verdict(); !errors.Is(err, ErrClaim) || !strings.Contains(err.Error(), "of which b comes next") {
		t.Errorf("%v", err)
	}
}

// TestPaperClaims: what contradicts the paper is said and is no failure.
func TestPaperClaims(t *testing.T) {
	p := Page{Name: "x", Claims: []Claim{{Text: "big models gain", Number: "−1", Paper: true, Opposite: true}}}
	var b strings.Builder
	if err := errors.Join(p.Verdict(), p.Markdown(&b)); err != nil || !strings.Contains(b.String(), "| big models gain | −1 | no: here the small task disagrees with the paper |") {
		t.Errorf("%v, %s", err, b.String())
	}
	dir := t.TempDir()
	if err := p.Save(dir, Result{Benchmark: "b", Metrics: map[string]Metric{}}, runOf("s", 1)); err != nil {
		t.Fatal(err)
	}
	if _, items, err := ReadItems(filepath.Join(dir, "x.json")); err != nil || len(items) != 1 {
		t.Errorf("%v, %v", items, err)
	}
}

// rejectedUnder are log-probabilities of rejected answers of scores 2, 4 and 8.
func rejectedUnder(name string, logps ...float32) Unlearning {
	u := Unlearning{Name: name}
	for i, l := range logps {
		id := string(rune('p' + i))
		u.Pairs = append(u.Pairs, table.Pair{ID: id, PromptID: id, Kind: table.KindPlain, RewardChosen: 9, RewardRejected: []float64{2, 4, 8}[i], ChosenSample: 1})
		u.Refs = append(u.Refs, table.Ref{PairID: id, Chosen: -1, Rejected: l})
	}
	return u
}

func TestThresholds(t *testing.T) {
	entries := []Unlearning{
		rejectedUnder(UnlearnReference, -10, -20, -30), rejectedUnder(UnlearnPlain, -14, -26, -38),
		rejectedUnder(UnlearnTen, -13, -24, -34), rejectedUnder(UnlearnOwn, -11, -21, -31),
	}
	m, err := ThresholdMetrics(entries, 1)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Metric{
		"logp/reference/from-1":            {Value: -20, N: 3},
		"logp/plain/from-3":                {Value: -32, N: 2},
		"logp/plain/from-5":                {Value: -38, N: 1},
		"logp/plain/from-5/over-reference": {Value: -8, N: 2},
		"logp/ra-own/from-3/over-plain":    {Value: 6, N: 4},
	} {
		if got := m[name]; !close(got.Value, want.Value) || got.N != want.N {
			t.Errorf("%s: %+v, want %+v", name, got, want)
		}
	}
	verdict := func() error {
		p, _, _ := UnlearningPage(Outcomes{Seeds: []int64{1}, Arms: map[string][]map[string]Metric{"ra": {m}}}, "ra", "", nil)
		return p.Verdict()
	}
	if err := verdict(); err != nil {
		t.Error(err)
	}
	entries[3] = rejectedUnder(UnlearnOwn, -20, -30, -40)
	if m, err = ThresholdMetrics(entries, 1); err != nil {
		t.Fatal(err)
	}
	if err := verdict(); !errors.Is(err, ErrClaim) {
		t.Errorf("RA that keeps less: %v", err)
	}
}
