package eval

import (
	"fmt"
	"math"
	"strings"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
)

// Outcomes are the measures of runs, by arm and then by seed: every arm was run
// with the same seeds, each of which has prompts, draws and an order of data of
// its own.
type Outcomes struct {
	Seeds []int64
	Arms  map[string][]map[string]Metric
}

// MetricsOfRun are all measures of a run with their standard errors.
func MetricsOfRun(in Input) (map[string]Metric, error) {
	s, err := in.sheet()
	if err != nil {
		return nil, err
	}
	return s.metrics(), nil
}

// An average is a measure over seeds. With one seed its error is that over
// prompts.
type average struct {
	mean   float64
	sd     float64 // between seeds
	within float64 // standard error over the prompts of one seed, root mean square
	n      int
	only   *[2]float64 // of one seed and one measure: its interval over prompts
}

// A measure names a number of an arm's report.
type measure struct{ arm, name string }

// over is a measure over the seeds that have it.
func (o Outcomes) over(m measure) average {
	a := o.sum(map[measure]float64{m: 1})
	if len(o.Seeds) == 1 && a.n == 1 {
		ci := o.Arms[m.arm][0][m.name].CI
		a.only = &ci
	}
	return a
}

// less is the difference of two measures, seed by seed.
func (o Outcomes) less(a, b measure) average { return o.sum(map[measure]float64{a: 1, b: -1}) }

// sum is a weighted sum of measures over the seeds that have them all.
func (o Outcomes) sum(of map[measure]float64) average {
	var values, errors []float64
	for seed := range o.Seeds {
		value, square, ok := 0.0, 0.0, true
		for m, weight := range of {
			runs := o.Arms[m.arm]
			if seed >= len(runs) {
				ok = false
				break
			}
			v, has := runs[seed][m.name]
			ok = ok && has
			value += weight * v.Value
			square += weight * weight * v.SE * v.SE
		}
		if ok {
			values, errors = append(values, value), append(errors, math.Sqrt(square))
		}
	}
	if len(values) == 0 {
		return average{}
	}
	a := average{mean: stat.Mean(values, nil), within: floats.Norm(errors, 2) / math.Sqrt(float64(len(errors))), n: len(values)}
	if len(values) > 1 {
		a.sd = stat.StdDev(values, nil)
	}
	return a
}

// se is the standard error of the mean over seeds. Each seed has prompts of its
// own, so that what is between seeds holds the error over prompts too.
func (a average) se() float64 {
	if a.n == 1 {
		return a.within
	}
	return a.sd / math.Sqrt(float64(a.n))
}

// interval is of 95 %, by Student's t over seeds.
func (a average) interval() (lo, hi float64) {
	if a.only != nil {
		return a.only[0], a.only[1]
	}
	z := distuv.UnitNormal.Quantile(0.975)
	if a.n > 1 {
		z = distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(a.n - 1)}.Quantile(0.975)
	}
	return a.mean - z*a.se(), a.mean + z*a.se()
}

// above says whether the whole interval is above x.
func (a average) above(x float64) bool {
	lo, _ := a.interval()
	return a.n > 0 && lo > x
}

func (a average) metric() Metric {
	lo, hi := a.interval()
	return Metric{a.mean, a.se(), [2]float64{lo, hi}, int64(a.n)}
}

// String is the mean and the deviation between seeds; of one seed, half the
// interval over prompts.
func (a average) String() string {
	switch {
	case a.n == 0:
		return "—"
	case a.n == 1:
		lo, hi := a.interval()
		if lo == hi {
			return minus(fmt.Sprintf("%.2f", a.mean))
		}
		return minus(fmt.Sprintf("%.2f (± %.2f)", a.mean, (hi-lo)/2))
	}
	return minus(fmt.Sprintf("%.2f ± %.2f", a.mean, a.sd))
}

func minus(s string) string { return strings.ReplaceAll(s, "-", "−") }

// deciding is the number of a claim with its interval.
func (a average) deciding() string {
	if a.n == 0 {
		return "not measured"
	}
	lo, hi := a.interval()
	return minus(fmt.Sprintf("%v [%.2f, %.2f]", a, lo, hi))
}

// claim is that a measure's whole interval is above a bound.
func (a average) claim(text string, bound float64, paper bool) Claim {
	_, hi := a.interval()
	return Claim{Text: text, Number: a.deciding(), Holds: a.above(bound), Paper: paper, Opposite: a.n > 0 && hi < bound}
}

// atLeast is a claim on the mean itself, for what has no spread to speak of.
func (a average) atLeast(text string, bound float64, paper bool) Claim {
	return Claim{Text: text, Number: a.deciding(), Holds: a.n > 0 && a.mean >= bound, Paper: paper}
}

// lead says what numbers on a page of outcomes are.
func (o Outcomes) lead(what string) string {
	if len(o.Seeds) == 1 {
		return what + " One seed: a number is followed by half its 95 % interval over prompts, which says nothing of other seeds. A claim is decided by the whole interval."
	}
	return fmt.Sprintf("%s Over %d seeds: a number is the mean ± the standard deviation between seeds, each with prompts, draws and an order of data of its own; intervals are of 95 %%, Student's t over seeds. A claim is decided by the whole interval.", what, len(o.Seeds))
}

// result is the outcomes as a result, of which each seed is an item.
func (o Outcomes) result(name, model string, settings any) (Result, []Item) {
	r := Result{Benchmark: "study-" + name, Version: "1", Model: model, Metrics: map[string]Metric{}, Settings: settings}
	var items []Item
	if len(o.Seeds) > 0 {
		r.Seed = o.Seeds[0]
	}
	for k, seed := range o.Seeds {
		values := map[string]float64{}
		for arm, runs := range o.Arms {
			for name, m := range runs[k] {
				values[arm+"/"+name] = m.Value
				at := measure{arm, name}
				if k == 0 {
					r.Metrics[arm+"/"+name] = o.over(at).metric()
				}
			}
		}
		items = append(items, Item{ID: fmt.Sprint("seed-", seed), Values: values})
	}
	return r, items
}
