package tasks

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"

	"gonum.org/v1/gonum/stat"

	"radpo/eval"
)

// An Outcome is what an item came to.
type Outcome struct {
	Set    int // number of its set
	Item   int // in the set
	Values map[string]float64
}

// Result is the outcomes of sets as a benchmark's result: metrics over all
// items, so that sets weigh by their size, and of each set where there are
// several. Standard errors are the harness's: the sample deviation over √n,
// pooled over sets.
func (t Task) Result(sets []Set, outcomes []Outcome, seed int64) (eval.Result, []eval.Item) {
	var items []eval.Item
	within := map[string][][]float64{} // values of each set by metric
	put := func(values map[string]float64, metric string, set int, v float64) {
		values[metric] = v
		if within[metric] == nil {
			within[metric] = make([][]float64, len(sets))
		}
		within[metric][set] = append(within[metric][set], v)
	}
	for _, o := range outcomes {
		s := sets[o.Set]
		item := eval.Item{ID: s.id(o.Item), Values: map[string]float64{}}
		for name, v := range o.Values {
			put(item.Values, name, o.Set, v)
			if len(sets) > 1 {
				put(item.Values, s.Subset+"/"+name, o.Set, v)
			}
		}
		items = append(items, item)
	}
	r := eval.Result{Benchmark: t.Name, Version: t.Version, Seed: seed, Metrics: eval.MetricsOf(items, seed)}
	for name, m := range r.Metrics {
		m.SE = pooled(within[name])
		r.Metrics[name] = m
	}
	return r, items
}

// id names an item by its set, its place and its text, so that items of other
// files are not taken for it.
func (s Set) id(item int) string {
	i := s.Items[item]
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%q", i.Question, i.Choices))
	return fmt.Sprintf("%s/%d/%s", s.Subset, item, hex.EncodeToString(sum[:4]))
}

// pooled is the standard error of the mean over all values, from the variance
// inside their sets; 0 where no set has two.
func pooled(sets [][]float64) float64 {
	var squares, free, n float64
	for _, values := range sets {
		k := float64(len(values))
		if n += k; k > 1 {
			squares, free = squares+(k-1)*stat.Variance(values, nil), free+k-1
		}
	}
	if free == 0 {
		return 0
	}
	return math.Sqrt(squares / free / n)
}
