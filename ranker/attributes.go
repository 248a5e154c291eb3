package ranker

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"radpo/configs"
	"radpo/internal/table"
)

// Column is the place among the attributes of a kind of ranker of one that
// augment.attributes may list: label, label=name or label=number. The paper's
// names stand for the objectives of ArmoRM that are most likely meant.
func Column(kind, attribute string) (int, error) {
	all := names(kind)
	_, name := configs.Attribute(attribute)
	at := slices.Index(all, name)
	if n, err := strconv.Atoi(name); err == nil && at < 0 {
		at = n
	}
	if at < 0 && kind == "armorm" {
		at = slices.Index(all, paperNames[name])
	}
	if at < 0 || at >= len(all) {
		return 0, fmt.Errorf("augment.attributes: ranker %s has no attribute %q; it has %v", kind, name, all)
	}
	return at, nil
}

// columns are the places of the attributes that a goal is made of.
func columns(kind string, attributes []string) ([]int, error) {
	var out []int
	for _, a := range attributes {
		at, err := Column(kind, a)
		if err != nil {
			return nil, err
		}
		out = append(out, at)
	}
	return out, nil
}

// choose names the attributes that goals are made of: those of the
// configuration; or those of an earlier table; or the n that the ranker weighs
// most as a mean over the prompts of raw, by value and not by magnitude
// (paper, section 5).
func choose(configured []string, n int, raw map[string]string, earlier string) ([]string, error) {
	switch {
	case n == 0:
		return configured, nil
	case earlier != "":
		return table.ReadLevelNames(earlier)
	}
	weights, err := ReadCoefficients(raw)
	if err != nil {
		return nil, err
	}
	if n > len(weights) {
		return nil, fmt.Errorf("augment.auto_attributes: the ranker weighs %d attributes, %d are wanted", len(weights), n)
	}
	var chosen []string
	for _, w := range weights[:n] {
		chosen = append(chosen, paperName(w.Attribute))
	}
	return chosen, nil
}

// paperName is the paper's name of an objective, or its own.
func paperName(objective string) string {
	for name, own := range paperNames {
		if own == objective {
			return name
		}
	}
	return objective
}

// A Coefficient is how much an attribute counts in the score, as a mean over
// prompts.
type Coefficient struct {
	Attribute string  `json:"attribute"`
	Mean      float64 `json:"mean"`
}

// Coefficients are the largest first.
type Coefficients []Coefficient

// coefficientsKey is where a table's metadata lists its Coefficients.
const coefficientsKey = "coefficients"

// ReadCoefficients lists the mean coefficients of a table of raw scores; none
// for a ranker that does not weigh attributes.
func ReadCoefficients(meta map[string]string) (Coefficients, error) {
	var c Coefficients
	if err := json.Unmarshal([]byte(meta[coefficientsKey]), &c); err != nil {
		return nil, fmt.Errorf("the scores table has no coefficients in its metadata; rank again: %w", err)
	}
	return c, nil
}

// String is a line each.
func (c Coefficients) String() string {
	var b strings.Builder
	for _, w := range c {
		fmt.Fprintf(&b, "%8.4f  %s\n", w.Mean, w.Attribute)
	}
	return b.String()
}
