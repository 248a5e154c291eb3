package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/table"
)

// A whatIf is a variant of the paper and what its rows would be.
type whatIf struct {
	Variant string `json:"variant"`
	augment.Survey
}

// WhatIf prints what training would see of scored samples under each variant,
// side by side or as JSON lines. It trains nothing and keeps nothing.
func (a Alone) WhatIf(ctx context.Context, samples, scores string, asJSON bool, w io.Writer) error {
	dir, err := os.MkdirTemp("", "radpo-what-if-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	a.Out = filepath.Join(dir, "prompts")
	policy, err := resolveModel(a.Model, filepath.Join(dir, "policy"), checkText)
	if err != nil {
		return &InputError{err}
	}
	columns, settings, err := variants(a.Config)
	if err != nil {
		return err
	}
	err = a.run(ctx, func(l *loop) (string, error) { return a.prompts(l) }, func(g *gallery) (string, error) {
		var made []augment.Config
		for _, c := range settings {
			made = append(made, (&loop{Config: c}).pairing(1))
		}
		surveys, err := augment.WhatIf(ctx, made, g.path("prompts"), samples, scores, policy, g.Scale.Low, g.Scale.High)
		for i, s := range surveys {
			columns[i].Survey = s
		}
		return g.path("prompts"), err
	})
	if err != nil {
		return err
	}
	return show(columns, a.Config.Scale, asJSON, w)
}

// WhatIfGiven is [Alone.WhatIf] of scored responses of a file, which it passes
// over once a variant. Without a model rows have no tokens.
func (a Alone) WhatIfGiven(ctx context.Context, input string, asJSON bool, w io.Writer) error {
	g, scale, err := a.given(input)
	if err != nil {
		return err
	}
	defer g.Close()
	columns, settings, err := variants(a.Config)
	if err != nil {
		return err
	}
	plain, encode, err := a.rendering()
	if err != nil {
		return err
	}
	for i := range columns {
		c, render := worded(*plain, settings[i])
		rows := table.Ahead(groups(g.rows(nil), scale))
		if columns[i].Survey, err = c.Survey(ctx, rows, render, encode, a.Config.Scale.Low, a.Config.Scale.High); err != nil {
			return g.listed(err)
		}
	}
	return show(columns, a.Config.Scale, asJSON, w)
}

// show prints columns side by side, or as JSON lines.
func show(columns []whatIf, scale configs.Scale, asJSON bool, w io.Writer) error {
	if !asJSON {
		return sideBySide(columns, scale, w)
	}
	out := json.NewEncoder(w)
	for _, c := range columns {
		if err := out.Encode(c); err != nil {
			return err
		}
	}
	return nil
}

// variants are the methods that need no training, by c's other settings, and
// RA as the released code makes it.
func variants(c configs.Config) (columns []whatIf, settings []configs.Config, err error) {
	for _, name := range []string{"none", "ra-plus", "ra", "half-ra", configs.ReleasedCode} {
		by := c
		if by.Augment.Method = name; name == configs.ReleasedCode {
			by.Augment.Method = "ra"
			if by, err = configs.Override(by, []string{"augment.parity=" + name}); err != nil {
				return nil, nil, err
			}
		}
		columns = append(columns, whatIf{Variant: name})
		settings = append(settings, by)
	}
	return columns, settings, nil
}

// sideBySide prints a column a variant; a cause that occurs in none has no row.
func sideBySide(columns []whatIf, scale configs.Scale, w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	line := func(name string, value func(whatIf) string) {
		fmt.Fprintf(t, "%s\t", name)
		for _, c := range columns {
			fmt.Fprintf(t, "%s\t", value(c))
		}
		fmt.Fprintln(t)
	}
	count := func(name string, n func(whatIf) int) {
		line(name, func(c whatIf) string { return fmt.Sprint(n(c)) })
	}
	line("", func(c whatIf) string { return c.Variant })
	count("rows", func(c whatIf) int { return c.Counts.Rows })
	count("pairs", func(c whatIf) int { return c.Counts.Pairs })
	count("dropped", func(c whatIf) int { return c.Counts.Dropped() })
	for i, cause := range columns[0].Counts.Causes() {
		seen := 0
		for _, c := range columns {
			seen += c.Counts.Causes()[i].N
		}
		if seen > 0 {
			count(cause.Name, func(c whatIf) int { return c.Counts.Causes()[i].N })
		}
	}
	for i := range augment.GoalParts {
		edge := func(i int) float64 { return scale.Low + (scale.High-scale.Low)*float64(i)/augment.GoalParts }
		count(fmt.Sprintf("goal %.3g to %.3g", edge(i), edge(i+1)), func(c whatIf) int { return c.Goals[i] })
	}
	count("contradictory pairs of rows", func(c whatIf) int { return c.Contradictory })
	line("margin, mean", func(c whatIf) string { return fmt.Sprintf("%.2f", c.Margin.Mean) })
	line("margin, 5 %", func(c whatIf) string { return fmt.Sprintf("%.2f", c.Margin.Low) })
	line("margin, median", func(c whatIf) string { return fmt.Sprintf("%.2f", c.Margin.Median) })
	line("margin, 95 %", func(c whatIf) string { return fmt.Sprintf("%.2f", c.Margin.High) })
	if columns[0].Tokens > 0 { // rows have ids
		line("tokens", func(c whatIf) string { return fmt.Sprint(c.Tokens) })
		line("tokens, times none", func(c whatIf) string {
			return fmt.Sprintf("%.2f", float64(c.Tokens)/float64(columns[0].Tokens))
		})
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(w, "\nira has the pairs of none, two rows each as ra; its goals are known after a first run of DPO on them.")
	return err
}
