package ranker

import (
	"fmt"
	"slices"

	"radpo/configs"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// A Map turns raw values of one column into low … high: low at From, high at
// To, straight between, clipped outside.
type Map struct {
	Name string  `json:"name"` // "score", or the attribute
	From float64 `json:"from"`
	To   float64 `json:"to"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// At is the mapped value; a map without width gives the middle.
func (m Map) At(raw float64) float64 {
	if m.From == m.To {
		return (m.Low + m.High) / 2
	}
	v := raw // exact where the scales are one
	if m.From != m.Low || m.To != m.High {
		v = m.Low + (raw-m.From)/(m.To-m.From)*(m.High-m.Low)
	}
	return min(max(v, m.Low), m.High)
}

// Fit makes the maps for rows: one for the score and one for each of columns.
// Rows without a score are left out.
func Fit(c configs.Scale, rows []table.Score, at []int, labels []string) ([]Map, error) {
	f := newFitter(c, at, labels)
	for _, r := range rows {
		f.add(r)
	}
	return f.maps()
}

// A fitter sees rows go by. It keeps the values that the method needs.
type fitter struct {
	c      configs.Scale
	at     []int
	labels []string
	values [][]float64
}

func newFitter(c configs.Scale, at []int, labels []string) *fitter {
	return &fitter{c, at, labels, make([][]float64, len(at)+1)}
}

func (f *fitter) add(r table.Score) {
	if lack(r, f.at, f.labels) != "" {
		return
	}
	f.keep(0, r.Raw)
	for k, column := range f.at {
		f.keep(k+1, r.Attributes[column])
	}
}

// keep adds a value of column k: all of them for quantiles, else the extremes.
func (f *fitter) keep(k int, v float64) {
	if f.c.Method == "quantile" || len(f.values[k]) == 0 {
		f.values[k] = append(f.values[k], v)
		return
	}
	low, high := f.values[k][0], f.values[k][len(f.values[k])-1]
	f.values[k] = append(f.values[k][:0], min(low, v), max(high, v))
}

func (f *fitter) maps() ([]Map, error) {
	maps := make([]Map, len(f.values))
	for k, name := range mapped(f.labels) {
		var err error
		if maps[k], err = fit(f.c, name, f.values[k]); err != nil {
			return nil, err
		}
	}
	return maps, nil
}

// mapped are the names of the columns that have maps.
func mapped(labels []string) []string { return append([]string{"score"}, labels...) }

func fit(c configs.Scale, name string, values []float64) (Map, error) {
	m := Map{Name: name, Low: c.Low, High: c.High}
	sorted := slices.Clone(values)
	slices.Sort(sorted)
	switch {
	case len(sorted) == 0:
		return m, fmt.Errorf("scale: there are no scores to fit %s to", name)
	case c.Method == "minmax":
		m.From, m.To = sorted[0], sorted[len(sorted)-1]
	case c.Method == "quantile":
		m.From, m.To = quantile(sorted, c.Quantile), quantile(sorted, 1-c.Quantile)
	case c.Method == "affine":
		m.From, m.To = (c.Low-c.Offset)/c.Slope, (c.High-c.Offset)/c.Slope
	case c.Method == "identity":
		m.From, m.To = c.Low, c.High
	default:
		return m, fmt.Errorf("scale.method %q: want minmax, quantile, affine or identity", c.Method)
	}
	return m, nil
}

// quantile interpolates between order statistics as numpy does by default
// (Hyndman and Fan's type 7), which gonum lacks.
func quantile(sorted []float64, p float64) float64 {
	at := p * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + (at-float64(below))*(sorted[above]-sorted[below])
}

// lack is why a row has no place on a scale, such as NaN or "honesty +Inf";
// empty: it has one.
func lack(r table.Score, at []int, labels []string) string {
	if !torch.Finite(r.Raw) {
		return fmt.Sprint(r.Raw)
	}
	for k, column := range at {
		if v := r.Attributes[column]; !torch.Finite(v) {
			return fmt.Sprint(labels[k], " ", v)
		}
	}
	return ""
}

// check refuses rows that cannot be mapped: of another ranker, or, unless they
// may be dropped, without a place on the scale.
func check(rows []table.Score, at []int, labels []string, drop bool) error {
	for _, r := range rows {
		for _, column := range at {
			if column >= len(r.Attributes) {
				return fmt.Errorf("sample %d of prompt %s has %d attributes and no number %d: it is of another ranker", r.Sample, r.PromptID, len(r.Attributes), column)
			}
		}
		if why := lack(r, at, labels); why != "" && !drop {
			return notFinite(r.PromptID, r.Sample, why)
		}
	}
	return nil
}

// notFinite is the error of a response that cannot be scored.
func notFinite(prompt string, sample int32, why string) error {
	return fmt.Errorf("prompt %s: the score of sample %d is %s: the ranker's weights or its dtype are at fault; ranker.non_finite=drop leaves such responses out and counts them",
		prompt, sample, why)
}
