package plot

import (
	"slices"
	"strings"
	"testing"
)

func TestTicks(t *testing.T) {
	tests := []struct {
		lo, hi float64
		want   string
	}{
		{0, 1, "0.0 0.2 0.4 0.6 0.8 1.0"},
		{0, 10, "0 2 4 6 8 10"},
		{-30, 0, "−30 −25 −20 −15 −10 −5 0"},
		{0, 144, "0 20 40 60 80 100 120 140"},
		{0, 4e-4, "0.0000 0.0001 0.0002 0.0003 0.0004"},
		{0, 5e-7, "0 1e−07 2e−07 3e−07 4e−07 5e−07"},
		{0.66, 0.7, "0.66 0.67 0.68 0.69 0.70"},
	}
	for _, test := range tests {
		if got := strings.Join(labels(ticks(test.lo, test.hi)), " "); got != test.want {
			t.Errorf("ticks of [%g, %g] are %q, want %q", test.lo, test.hi, got, test.want)
		}
	}
}

func TestLabelsOfGivenTicks(t *testing.T) {
	got := labels([]float64{0, 0.25, 0.5, 1})
	if want := []string{"0.00", "0.25", "0.50", "1.00"}; !slices.Equal(got, want) {
		t.Errorf("labels %q, want %q", got, want)
	}
}

func TestFit(t *testing.T) {
	tests := []struct {
		name   string
		axis   Axis
		data   []float64
		lo, hi float64
	}{
		{"data", Axis{}, []float64{0.31, 0.69}, 0.3, 0.7},
		{"given", Axis{Min: 1, Max: 10}, []float64{-5, 50}, 1, 10},
		{"upside down", Axis{Min: 2, Max: 1}, []float64{0, 10}, 0, 10},
		{"no data", Axis{}, nil, 0, 1},
		{"one value", Axis{}, []float64{4}, 2, 6},
	}
	for _, test := range tests {
		a := test.axis.fit(test.data)
		if a.Min-test.lo > 1e-9 || test.lo-a.Min > 1e-9 || a.Max-test.hi > 1e-9 || test.hi-a.Max > 1e-9 {
			t.Errorf("%s: axis from %g to %g, want %g to %g", test.name, a.Min, a.Max, test.lo, test.hi)
		}
	}
}
