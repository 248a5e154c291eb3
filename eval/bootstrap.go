package eval

import (
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/stat"

	"radpo/internal/table"
)

// resamples is the number of bootstrap draws: the ends of a 95 % interval are
// then the 25th values from either side.
const resamples = 1000

// A statistic is a number over rows of which row i counts w[i] times; NaN
// where the rows do not define it.
type statistic func(w []float64) float64

// A sheet collects measures.
type sheet struct {
	seed   int64
	rows   []table.Measure
	errors []float64 // standard errors of the rows
}

// put appends a measure with its standard error.
func (s *sheet) put(name string, value, lo, hi, se float64, n int) {
	s.rows = append(s.rows, table.Measure{Name: name, Value: value, Lo: lo, Hi: hi, N: int64(n)})
	s.errors = append(s.errors, se)
}

// add appends a statistic of rows, each belonging to a prompt, unless it is
// undefined.
func (s *sheet) add(name string, prompts []string, f statistic) {
	value := f(ones(len(prompts)))
	if !finite(value) {
		return
	}
	draws := s.draws(resamples, prompts, f)
	lo, hi := bounds(value, draws)
	s.put(name, value, lo, hi, deviation(draws), len(prompts))
}

// ones counts each row once.
func ones(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

// fixed appends a number that has no sampling error.
func (s *sheet) fixed(name string, value float64, n int64) {
	if finite(value) {
		s.put(name, value, value, value, 0, int(n))
	}
}

// share appends a mean of zeros and ones with Wilson's interval, whose n is the
// number of prompts: answers to one prompt count as a single observation.
func (s *sheet) share(name string, prompts []string, values []float64) {
	if len(values) == 0 {
		return
	}
	p := stat.Mean(values, nil)
	_, count := clusters(prompts)
	lo, hi := wilson(p, float64(count))
	s.put(name, p, lo, hi, math.Sqrt(p*(1-p)/float64(count)), len(values))
}

// bounds are the ends of the interval that draws give, or value without any.
func bounds(value float64, draws []float64) (lo, hi float64) {
	if len(draws) == 0 {
		return value, value
	}
	return stat.Quantile(0.025, stat.LinInterp, draws, nil), stat.Quantile(0.975, stat.LinInterp, draws, nil)
}

// draws are the statistic's values under n resamplings, in ascending order, of
// which the middle 95 % are the percentile interval (Efron and Tibshirani 1993,
// chapter 13). Draws under which f is undefined are left out.
func (s *sheet) draws(n int, prompts []string, f statistic) []float64 {
	draws := make([]float64, 0, n)
	s.resample(n, prompts, func(w []float64) {
		if v := f(w); finite(v) {
			draws = append(draws, v)
		}
	})
	slices.Sort(draws)
	return draws
}

// resample calls fn with n draws. A draw takes as many prompts as there are, with
// replacement, each with all its rows; w is valid during the call.
func (s *sheet) resample(n int, prompts []string, fn func(w []float64)) {
	of, count := clusters(prompts)
	times := make([]float64, count)
	w := make([]float64, len(prompts))
	rng := rand.New(rand.NewPCG(uint64(s.seed), uint64(count)))
	for range n {
		clear(times)
		for range count {
			times[rng.IntN(count)]++
		}
		for i, c := range of {
			w[i] = times[c]
		}
		fn(w)
	}
}

// clusters numbers the prompts by first appearance: of[i] is row i's.
func clusters(prompts []string) (of []int, count int) {
	number := map[string]int{}
	of = make([]int, len(prompts))
	for i, p := range prompts {
		n, ok := number[p]
		if !ok {
			n = len(number)
			number[p] = n
		}
		of[i] = n
	}
	return of, len(number)
}

// mean is the weighted mean of the rows from first on, one a value.
func mean(values []float64, first int) statistic {
	return func(w []float64) float64 {
		var sum, n float64
		for i, v := range values {
			sum += w[first+i] * v
			n += w[first+i]
		}
		return sum / n // 0/0 is NaN: undefined
	}
}

// difference is mean(a) − mean(b), over a's rows followed by b's.
func difference(a, b []float64) statistic {
	of, from := mean(a, 0), mean(b, len(a))
	return func(w []float64) float64 { return of(w) - from(w) }
}

// spearman is the correlation of the rows' mid-ranks in x and in y.
func spearman(x, y []float64) statistic {
	byX, byY := order(x), order(y)
	rx, ry := make([]float64, len(x)), make([]float64, len(y))
	return func(w []float64) float64 {
		rank(rx, x, byX, w)
		rank(ry, y, byY, w)
		var xx, xy, yy float64
		for i := range w {
			xx += w[i] * rx[i] * rx[i]
			xy += w[i] * rx[i] * ry[i]
			yy += w[i] * ry[i] * ry[i]
		}
		return xy / math.Sqrt(xx*yy) // 0/0 is NaN: one side is constant
	}
}

// order returns the indices of v by ascending value.
func order(v []float64) []int {
	out := make([]int, len(v))
	for i := range out {
		out[i] = i
	}
	slices.SortStableFunc(out, func(a, b int) int {
		switch {
		case v[a] < v[b]:
			return -1
		case v[a] > v[b]:
			return 1
		}
		return 0
	})
	return out
}

// rank sets out[i] to the mid-rank of v[i], less the mean rank, among rows of
// which row i counts w[i] times. Ranks are multiples of a half, so those of a
// constant are exactly zero.
func rank(out, v []float64, ascending []int, w []float64) {
	total := 0.0
	for _, x := range w {
		total += x
	}
	below := 0.0
	for i := 0; i < len(ascending); {
		j, tied := i, 0.0
		for ; j < len(ascending) && v[ascending[j]] == v[ascending[i]]; j++ {
			tied += w[ascending[j]]
		}
		for ; i < j; i++ {
			out[ascending[i]] = below + tied/2 - total/2
		}
		below += tied
	}
}
