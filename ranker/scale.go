package ranker

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"

	"radpo/configs"
	"radpo/internal/table"
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
	v := m.Low + (raw-m.From)/(m.To-m.From)*(m.High-m.Low)
	return min(max(v, m.Low), m.High)
}

// A Scaling is how a table's scores were mapped; it is kept with the table.
type Scaling struct {
	Maps        []Map   `json:"maps"`         // the score's, then one an attribute; none for scope per-prompt
	ClippedLow  int64   `json:"clipped_low"`  // scores below the map's range
	ClippedHigh int64   `json:"clipped_high"` // and above
	Mean        float64 `json:"mean"`         // of the raw scores
}

// scaling is where a table's metadata keeps its Scaling.
const scaling = "scaling"

// ReadScaling is the Scaling of a table of mapped scores.
func ReadScaling(meta map[string]string) (Scaling, error) {
	var s Scaling
	if err := json.Unmarshal([]byte(meta[scaling]), &s); err != nil {
		return s, fmt.Errorf("the scores table has no scaling in its metadata: %w", err)
	}
	return s, nil
}

// Column is the place of an attribute among those of a kind of ranker. The
// paper's names stand for the objectives of ArmoRM that are most likely meant.
func Column(kind, attribute string) (int, error) {
	all := names(kind)
	at := slices.Index(all, attribute)
	if at < 0 && kind == "armorm" {
		at = slices.Index(all, paperNames[attribute])
	}
	if at < 0 {
		return 0, fmt.Errorf("augment.attributes: ranker %s has no attribute %q; it has %v", kind, attribute, all)
	}
	return at, nil
}

// columns are the places of the attributes that a goal is made of.
func columns(kind string, attributes []string) ([]int, error) {
	var out []int
	for _, name := range attributes {
		at, err := Column(kind, name)
		if err != nil {
			return nil, err
		}
		out = append(out, at)
	}
	return out, nil
}

// Fit makes the maps for rows: one for the score and one for each of columns.
func Fit(c configs.Scale, rows []table.Score, at []int, labels []string) ([]Map, error) {
	raw := make([]float64, len(rows))
	for i, r := range rows {
		raw[i] = r.Raw
	}
	m, err := fit(c, "score", raw)
	if err != nil {
		return nil, err
	}
	maps := []Map{m}
	for k, column := range at {
		values := make([]float64, len(rows))
		for i, r := range rows {
			values[i] = r.Attributes[column]
		}
		if m, err = fit(c, labels[k], values); err != nil {
			return nil, err
		}
		maps = append(maps, m)
	}
	return maps, nil
}

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
	default:
		return m, fmt.Errorf("scale.method %q: want minmax, quantile or affine", c.Method)
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

// apply maps rows in place.
func apply(rows []table.Score, maps []Map, at []int) {
	for i := range rows {
		rows[i].Score = maps[0].At(rows[i].Raw)
		rows[i].Levels = make([]float64, len(at))
		for k, column := range at {
			rows[i].Levels[k] = maps[k+1].At(rows[i].Attributes[column])
		}
	}
}

// summarise counts what fell outside the score's map.
func summarise(rows []table.Score, maps []Map) Scaling {
	s := Scaling{Maps: maps}
	for _, r := range rows {
		s.Mean += r.Raw / float64(len(rows))
		if r.Raw < maps[0].From {
			s.ClippedLow++
		}
		if r.Raw > maps[0].To {
			s.ClippedHigh++
		}
	}
	return s
}

// check refuses rows that cannot be mapped: scores that are not finite, and
// attributes that are missing.
func check(rows []table.Score, at []int) error {
	for _, r := range rows {
		values := []float64{r.Raw}
		for _, column := range at {
			if column >= len(r.Attributes) {
				return fmt.Errorf("sample %d of prompt %s has %d attributes and no number %d: it is of another ranker", r.Sample, r.PromptID, len(r.Attributes), column)
			}
			values = append(values, r.Attributes[column])
		}
		for _, v := range values {
			if math.IsNaN(v) || math.IsInf(v, 0) {
				return fmt.Errorf("sample %d of prompt %s has the score %v, which is no place on a scale; rank again", r.Sample, r.PromptID, v)
			}
		}
	}
	return nil
}

// fits reports whether s has the maps of a score and the given attributes.
func (s Scaling) fits(attributes []string) error {
	have := make([]string, len(s.Maps))
	for i, m := range s.Maps {
		have[i] = m.Name
	}
	if want := append([]string{"score"}, attributes...); !slices.Equal(have, want) {
		return fmt.Errorf("its maps are of %v, wanted are those of %v; fit new ones", have, want)
	}
	return nil
}
