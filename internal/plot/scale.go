package plot

import (
	"math"
	"strconv"
	"strings"
)

// An Axis is one direction of a figure. Min and Max both zero fit it to the
// data.
type Axis struct {
	Label    string
	Min, Max float64
	Ticks    []float64 // nil: round numbers, about five
}

// A scale maps data from [lo, hi] to pixels from [from, to].
type scale struct{ lo, hi, from, to float64 }

func (s scale) at(v float64) float64 {
	return s.from + (v-s.lo)/(s.hi-s.lo)*(s.to-s.from)
}

// limit is the largest magnitude drawn: spans of larger ones overflow.
const limit = 1e300

func drawable(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.Abs(v) > limit {
			return false
		}
	}
	return true
}

// fit returns the axis with its limits set: its own when given, else round
// numbers around the data.
func (a Axis) fit(data []float64) Axis {
	if a.Min == 0 && a.Max == 0 || !(a.Min < a.Max) || !drawable(a.Min, a.Max) {
		a.Min, a.Max = bounds(data)
		step := roundStep(a.Max - a.Min)
		a.Min, a.Max = math.Floor(a.Min/step)*step, math.Ceil(a.Max/step)*step
	}
	if a.Ticks == nil {
		a.Ticks = ticks(a.Min, a.Max)
	}
	return a
}

// bounds returns the range of the data, widened where it has no width.
func bounds(data []float64) (lo, hi float64) {
	lo, hi = math.Inf(1), math.Inf(-1)
	for _, v := range data {
		lo, hi = min(lo, v), max(hi, v)
	}
	if lo > hi {
		return 0, 1
	}
	if room := max(math.Abs(lo)*1e-6, math.SmallestNonzeroFloat32); hi-lo < room {
		wide := max(math.Abs(lo)/2, 0.5)
		return lo - wide, hi + wide
	}
	return lo, hi
}

// roundStep is 1, 2 or 5 times a power of ten that cuts span in four to nine.
func roundStep(span float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(span/4)+1e-9))
	for _, m := range []float64{5, 2} {
		if span/(power*m) >= 4 {
			return power * m
		}
	}
	return power
}

func ticks(lo, hi float64) []float64 {
	step := roundStep(hi - lo)
	var out []float64
	for i := math.Ceil(lo/step - 1e-9); i*step <= hi+step*1e-9 && len(out) < 12; i++ {
		out = append(out, i*step)
	}
	return out
}

// labels writes ticks with the fewest decimals that tell them exactly, up to
// four, else in powers of ten.
func labels(ticks []float64) []string {
	decimals, power := 0, false
	for _, t := range ticks {
		for decimals < 4 && !told(t, decimals) {
			decimals++
		}
		power = power || !told(t, decimals) || math.Abs(t) >= 1e6
	}
	var out []string
	for _, t := range ticks {
		switch {
		case power && t == 0: // −0 too
			out = append(out, "0")
		case power:
			out = append(out, minus(strconv.FormatFloat(t, 'g', 3, 64)))
		default:
			out = append(out, fixed(t, decimals))
		}
	}
	return out
}

// told reports whether that many decimals tell v exactly.
func told(v float64, decimals int) bool {
	power := math.Pow(10, float64(decimals))
	return math.Abs(v-math.Round(v*power)/power) <= 1e-6*math.Abs(v)
}

// fixed writes v with a real minus sign, and none before zero.
func fixed(v float64, decimals int) string {
	s := strconv.FormatFloat(v, 'f', decimals, 64)
	if strings.Trim(s, "-0.") == "" {
		s = strings.TrimPrefix(s, "-")
	}
	return minus(s)
}

func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }
