package eval

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Versus is two runs beside each other: what differs in what they were made
// of, and their results on the held-out prompts of both.
type Versus struct {
	First, Second Input
	Settings      []Change // keys of the configuration
	Sources       []Change // hashes of what the runs read
}

// A Change is something that two runs have differently.
type Change struct{ Name, First, Second string }

// WriteMarkdown writes the comparison for a terminal or a file.
func (v Versus) WriteMarkdown(w io.Writer) error { return v.write(w, page.markdown) }

// WriteHTML writes it as one offline page.
func (v Versus) WriteHTML(w io.Writer) error { return v.write(w, page.html) }

func (v Versus) write(w io.Writer, as func(page, io.Writer) error) error {
	if err := errors.Join(v.First.check(), v.Second.check()); err != nil {
		return err
	}
	a, b := v.First.Title, v.Second.Title
	p := page{
		Title: a + " and " + b,
		About: fmt.Sprintf("What differs between two runs. A is %s, B is %s.", a, b),
	}
	results, pairing := v.results()
	p.Sections = []chapter{
		v.mind(pairing),
		{ID: "settings", Title: "Settings that differ", Note: none(v.Settings), Grids: grids(changeGrid(v.Settings))},
		{ID: "data", Title: "Data and models that differ", Note: none(v.Sources), Grids: grids(changeGrid(v.Sources))},
		results,
	}
	return as(p, w)
}

func none(changes []Change) string {
	if len(changes) == 0 {
		return "None: they are the same in both."
	}
	return ""
}

func changeGrid(changes []Change) grid {
	g := grid{Words: true, Columns: []string{"A", "B"}}
	for _, c := range changes {
		g.row(c.Name, cell{Value: c.First}, cell{Value: c.Second})
	}
	return g
}

// results pairs the answers of policies of one name to the same prompts.
func (v Versus) results() (chapter, error) {
	c := chapter{ID: "results", Title: "Results on the same prompts"}
	p, err := Paired(v.First.items(), v.Second.items())
	if err != nil {
		return c, err
	}
	c.Note = fmt.Sprintf("Mean reward of policies of one name at one goal, and tokens of their answers in use, over %d answers to the same prompts in both runs; %d of A alone and %d of B alone are left out. A − B has a 95 %% interval by paired bootstrap over prompts, p is of a sign-flip permutation, or of McNemar where all values are 0 or 1, and is adjusted by Holm for the number of rows. Detectable is the difference that so many prompts would show with 80 %% power.",
		p.Items, p.Alone[0], p.Alone[1])
	g := grid{Columns: []string{"A", "B", "A − B", "p", "p, Holm", "detectable", "answers"}}
	for _, d := range p.Differences {
		difference := cell{Value: signed(d.Value), Span: "[" + two(d.CI[0]) + ", " + two(d.CI[1]) + "]", Strong: d.CI[0] > 0 || d.CI[1] < 0}
		g.row(d.Metric, cell{Value: two(d.First)}, cell{Value: two(d.Second)}, difference,
			cell{Value: four(d.P)}, cell{Value: four(d.Holm)}, cell{Value: two(d.Detectable)}, cell{Value: fmt.Sprint(d.N)})
	}
	c.Grids = grids(g)
	return c, nil
}

// items are the answers of all policies, by what their prompts say.
func (in Input) items() []Item {
	said := map[string]string{}
	for _, p := range in.Prompts {
		said[p.ID] = fmt.Sprintf("%x", sha256.Sum256(fmt.Appendf(nil, "%q", p.Messages)))
	}
	var items []Item
	ids := roll{}
	for _, p := range in.Policies {
		for _, g := range p.groups() {
			for _, row := range g.rows {
				prompt := said[p.Samples[row].PromptID]
				values := map[string]float64{"reward/" + p.Name + "/" + g.name: p.reward(row)}
				if g.name == goalName(p.Goal) {
					values["length/"+p.Name] = p.tokens(row)
				}
				items = append(items, Item{Benchmark: "run", ID: ids.once(strings.Join([]string{p.Name, g.name, prompt}, "/")), Cluster: prompt, Values: values})
			}
		}
	}
	return items
}

// mind says what to hold against the comparison.
func (v Versus) mind(pairing error) chapter {
	var items []string
	if pairing != nil {
		items = append(items, fmt.Sprintf("No results are compared: %v.", pairing))
	}
	if v.First.ruled() != v.Second.ruled() {
		items = append(items, "One run has its reward from the exact rule and the other from a ranker: their rewards are not on one scale.")
	} else if name := v.scale(); name != "" && !v.First.ruled() {
		items = append(items, fmt.Sprintf("The rewards are of different rankers or maps to 1–10 (%s differs): their difference means little.", name))
	}
	items = append(items, "The intervals are over held-out prompts of these two runs, one training each. They say nothing about other training seeds.")
	return chapter{ID: "mind", Title: "Keep in mind", Lists: []list{{"mind", "Before you conclude", items}}}
}

// ruled says whether rewards are the exact rule's.
func (in Input) ruled() bool { return len(in.Policies) > 0 && in.Policies[0].Rule != nil }

// scale is a change that moves a ranker's rewards, or nothing.
func (v Versus) scale() string {
	for _, c := range append(append([]Change(nil), v.Settings...), v.Sources...) {
		if strings.HasPrefix(c.Name, "ranker.") || strings.HasPrefix(c.Name, "scale.") || strings.HasPrefix(c.Name, "reward-model") {
			return c.Name
		}
	}
	return ""
}
