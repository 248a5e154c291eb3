package eval

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// A Difference compares two runs by one metric on the items that both have: the
// same questions stand on both sides, so that one which is hard for both is no
// advantage.
type Difference struct {
	Metric string     `json:"metric"`
	First  float64    `json:"first"` // the mean of the first run's items
	Second float64    `json:"second"`
	Value  float64    `json:"difference"` // first minus second
	SE     float64    `json:"se"`         // of the paired bootstrap
	CI     [2]float64 `json:"ci"`
	P      float64    `json:"p"`
	Test   string     `json:"test"`   // whose p it is: mcnemar of right and wrong answers, else sign-flip
	Holm   float64    `json:"p_holm"` // adjusted for all metrics that are compared
	// Detectable is the difference that a comparison of this size would find
	// significant at 5 % in four of five cases.
	Detectable float64 `json:"detectable"`
	N          int64   `json:"n"`
}

// A Pairing is what two runs have in common.
type Pairing struct {
	Benchmark   string       `json:"benchmark"`
	Version     string       `json:"version"`
	Items       int          `json:"items"`     // of both
	Alone       [2]int       `json:"unpaired"`  // items of the first only, and of the second
	Bootstrap   int          `json:"bootstrap"` // draws
	Seed        int64        `json:"seed"`
	Differences []Difference `json:"differences"`
}

// pairedSeed is of the bootstrap and of the permutations.
const pairedSeed = 42

// detectable, times the standard error, is the difference of 80 % power at 5 %,
// two-sided.
var detectable = distuv.UnitNormal.Quantile(0.975) + distuv.UnitNormal.Quantile(0.8)

// Paired compares the items of two runs of one benchmark.
func Paired(first, second []Item) (Pairing, error) {
	if len(first) == 0 || len(second) == 0 {
		return Pairing{}, fmt.Errorf("compare: there are no items")
	}
	a, b := first[0], second[0]
	if a.Benchmark != b.Benchmark || a.Version != b.Version {
		return Pairing{}, fmt.Errorf("compare: the first is of %s %s and the second of %s %s: compare runs of one benchmark", a.Benchmark, a.Version, b.Benchmark, b.Version)
	}
	p := Pairing{Benchmark: a.Benchmark, Version: a.Version, Bootstrap: resamples, Seed: pairedSeed}
	other := map[string]Item{}
	for _, i := range second {
		other[i.ID] = i
	}
	var left, right []Item
	for _, i := range first {
		if j, ok := other[i.ID]; ok {
			left, right = append(left, i), append(right, j)
		}
	}
	p.Items, p.Alone = len(left), [2]int{len(first) - len(left), len(second) - len(left)}
	if p.Items == 0 {
		return p, fmt.Errorf("compare: no item has the same id in both: compare runs on the same questions")
	}
	for _, name := range valueNames(left) {
		if d, ok := differ(name, left, right); ok {
			p.Differences = append(p.Differences, d)
		}
	}
	if len(p.Differences) == 0 {
		return p, fmt.Errorf("compare: the runs have no metric in common")
	}
	holm(p.Differences)
	return p, nil
}

// differ compares by one value, over the items that have it on both sides.
func differ(name string, left, right []Item) (Difference, bool) {
	var clusters []string
	var x, y []float64
	for i := range left {
		a, ok := left[i].Values[name]
		b, also := right[i].Values[name]
		if ok && also && finite(a, b) {
			clusters, x, y = append(clusters, left[i].cluster()), append(x, a), append(y, b)
		}
	}
	if len(x) == 0 {
		return Difference{}, false
	}
	s := &sheet{seed: pairedSeed}
	s.add(name, append(clusters, clusters...), difference(x, y))
	d := Difference{Metric: name, First: stat.Mean(x, nil), Second: stat.Mean(y, nil), Value: s.rows[0].Value, SE: s.errors[0], N: int64(len(x))}
	d.CI = [2]float64{s.rows[0].Lo, s.rows[0].Hi}
	if constant(x, y) { // what the draws differ by is rounding
		d.SE, d.CI = 0, [2]float64{d.Value, d.Value}
	}
	d.Detectable = detectable * d.SE
	by := byCluster(clusters, x, y)
	if len(by) == len(x) && zeroOrOne(x) && zeroOrOne(y) {
		d.Test, d.P = "mcnemar", mcNemar(x, y)
	} else {
		d.Test, d.P = "sign-flip", signFlip(by)
	}
	return d, true
}

// constant reports whether x and y differ by the same everywhere, but for
// rounding.
func constant(x, y []float64) bool {
	for i := range x {
		if math.Abs((x[i]-y[i])-(x[0]-y[0])) > 1e-12*max(math.Abs(x[i]), math.Abs(y[i])) {
			return false
		}
	}
	return true
}

func zeroOrOne(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return v != 0 && v != 1 })
}

// byCluster are the differences of x and y, summed over each cluster.
func byCluster(names []string, x, y []float64) []float64 {
	of, count := clusters(names)
	out := make([]float64, count)
	for i, c := range of {
		out[c] += x[i] - y[i]
	}
	return out
}

// mcNemar is the exact two-sided test (McNemar 1947) of the items that one side
// alone has right: under no difference each side has a half of them.
func mcNemar(x, y []float64) float64 {
	var only [2]float64
	for i := range x {
		switch {
		case x[i] > y[i]:
			only[0]++
		case x[i] < y[i]:
			only[1]++
		}
	}
	n := only[0] + only[1]
	if n == 0 {
		return 1
	}
	return min(1, 2*distuv.Binomial{N: n, P: 0.5}.CDF(min(only[0], only[1])))
}

// signFlip is the permutation test of paired differences (Good 2005, 3.2.1): the
// share of random sign changes, the observed one among them, that make their
// sum as large.
func signFlip(differences []float64) float64 {
	const flips = 9999
	rng := rand.New(rand.NewPCG(pairedSeed, uint64(len(differences))))
	slack := 1e-12 * float64(len(differences))
	observed := math.Abs(floats.Sum(differences))
	as := 1
	for range flips {
		sum := 0.0
		for _, d := range differences {
			if rng.IntN(2) == 0 {
				sum += d
			} else {
				sum -= d
			}
		}
		if math.Abs(sum) >= observed-slack {
			as++
		}
	}
	return float64(as) / (flips + 1)
}

// holm adjusts p for the number of comparisons (Holm 1979): step down from the
// smallest, of which all are counted, then all but one, and so on.
func holm(family []Difference) {
	order := order(column(family, func(d Difference) float64 { return d.P }))
	adjusted := 0.0
	for k, i := range order {
		adjusted = max(adjusted, min(1, float64(len(family)-k)*family[i].P))
		family[i].Holm = adjusted
	}
}

// column is one value of each row.
func column[R any](rows []R, value func(R) float64) []float64 {
	out := make([]float64, len(rows))
	for i, r := range rows {
		out[i] = value(r)
	}
	return out
}
