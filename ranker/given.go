package ranker

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"

	"radpo/configs"
	"radpo/internal/table"
)

// Given maps scores that others gave, which it sees go by.
type Given struct {
	*Scaling
	c      configs.Scale
	at     []int
	labels []string
}

// FitGiven fits the maps of c to rows, unless they are fixed or each prompt has
// its own. Names are those of the rows' attributes, of which goals are made of
// some: label, label=name.
func FitGiven(c configs.Scale, names, goals []string, rows iter.Seq2[table.Score, error]) (*Given, error) {
	labels := configs.Labels(goals)
	g := &Given{Scaling: newScaling(ByData, labels), c: c, labels: labels}
	for _, entry := range goals {
		_, name := configs.Attribute(entry)
		at := slices.Index(names, name)
		if at < 0 {
			return nil, fmt.Errorf("augment.attributes: the data have no attribute %q; they have %v", name, names)
		}
		g.at = append(g.at, at)
	}
	if c.Scope == "per-prompt" {
		return g, nil
	}
	f := newFitter(c, g.at, labels)
	if c.Fixed() { // no value counts
		f.add(table.Score{Attributes: make([]float64, len(names))})
		rows = func(func(table.Score, error) bool) {}
	}
	for r, err := range rows {
		if err != nil {
			return nil, err
		}
		if err := g.holds(r); err != nil {
			return nil, err
		}
		f.add(r)
	}
	var err error
	g.Maps, err = f.maps()
	return g, err
}

// holds checks that a row has the attributes that goals are made of.
func (g *Given) holds(r table.Score) error {
	for _, at := range g.at {
		if at >= len(r.Attributes) {
			return fmt.Errorf("prompt %s: response %d has %d attributes, those of goals need more", r.PromptID, r.Sample, len(r.Attributes))
		}
	}
	return nil
}

// Apply maps the rows of one prompt in place.
func (g *Given) Apply(rows []table.Score) error {
	for _, r := range rows {
		if err := g.holds(r); err != nil {
			return err
		}
	}
	maps := g.Maps
	if maps == nil {
		var err error
		if maps, err = ownMaps(g.c, rows, g.at, g.labels); err != nil {
			return err
		}
	}
	g.apply(rows, maps, g.at, g.labels)
	g.Rows += int64(len(rows))
	g.Prompts++
	g.ties(rows)
	return nil
}

// Meta is metadata that holds the maps.
func (g *Given) Meta() (map[string]string, error) {
	text, err := json.Marshal(g.Scaling)
	return map[string]string{scaling: string(text)}, err
}

// Words is one line for a log.
func (g *Given) Words() string {
	line := fmt.Sprintf("%d scores of %d prompts by %s", g.Rows, g.Prompts, g.Ranker)
	for _, m := range g.Maps {
		line += fmt.Sprintf("; %s: %.4g to %.4g become %g to %g", m.Name, m.From, m.To, m.Low, m.High)
	}
	if n := g.NonFinite(); n > 0 {
		line += fmt.Sprintf("; %d not scored %v", n, g.Lost)
	}
	return line
}
