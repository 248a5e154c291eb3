package ranker

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"

	"radpo/internal/table"
)

// A tally is what a segment's ratings add up to.
type tally struct {
	Counts       Counts       `json:"counts"`
	Coefficients []float64    `json:"coefficients"`  // sums over prompts; none where the ranker has none
	Bias         PositionBias `json:"position_bias"` // of a pairwise ranker
}

// tallyKey is where a segment's metadata keeps its tally.
const tallyKey = "tally"

// tallyOf adds up requests and their ratings. Coefficients follow from the
// prompt alone, so the first response stands for all.
func tallyOf(requests []Request, ratings [][]Rating) tally {
	var t tally
	for i, q := range requests {
		t.Counts.count(q, ratings[i])
		t.coefficients(ratings[i][0].Coefficients)
		t.Bias.add(q, ratings[i])
	}
	return t
}

func readTally(dir string) (tally, error) {
	var t tally
	of, err := table.Open[table.Score](dir)
	if err != nil {
		return t, err
	}
	if err := json.Unmarshal([]byte(of.Meta()[tallyKey]), &t); err != nil {
		return t, fmt.Errorf("%s has no tally in its metadata: %w", dir, err)
	}
	return t, nil
}

func (t *tally) add(o tally) {
	t.Counts.add(o.Counts)
	t.coefficients(o.Coefficients)
	t.Bias.join(o.Bias)
}

func (t *tally) coefficients(more []float64) {
	if t.Coefficients == nil {
		t.Coefficients = make([]float64, len(more))
	}
	for i, c := range more {
		t.Coefficients[i] += c
	}
}

// meta is a table's metadata: its origin, the counts, the mean coefficients, the
// largest first, and the position bias of a pairwise ranker.
func (t tally) meta(o Origin) (map[string]string, error) {
	means := Coefficients{}
	for i, sum := range t.Coefficients {
		means = append(means, Coefficient{o.Attributes[i], sum / float64(t.Counts.Prompts)})
	}
	slices.SortStableFunc(means, func(a, b Coefficient) int { return cmp.Compare(b.Mean, a.Mean) })
	meta := map[string]string{rankedBy: o.Ranker, samplesOf: o.Samples}
	values := map[string]any{attributes: o.Attributes, countsKey: t.Counts, coefficientsKey: means}
	if t.Bias.Pairs > 0 {
		values[biasKey] = t.Bias
	}
	for key, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		meta[key] = string(text)
	}
	return meta, nil
}
