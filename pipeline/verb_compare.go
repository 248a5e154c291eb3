package pipeline

import (
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"radpo/eval"
	"radpo/internal/table"
	"radpo/ranker"
)

// Compare measures how far scores tables of the same samples agree, each named
// as DIR or NAME=DIR, and writes a table for people, or the measures as JSON.
// Samples is the samples table behind them, or empty.
func Compare(tables []string, samples string, asJSON bool, w io.Writer) error {
	rankings := make([]eval.Ranking, len(tables))
	origins := make([]ranker.Origin, len(tables))
	for i, arg := range tables {
		name, dir, named := strings.Cut(arg, "=")
		if !named {
			name, dir = filepath.Base(filepath.Clean(arg)), arg
		}
		var err error
		if rankings[i], origins[i], err = readRanking(name, dir); err != nil {
			return &InputError{err}
		}
	}
	var drawn []table.Sample
	if samples != "" {
		var err error
		if drawn, err = table.ReadAll[table.Sample](samples); err != nil {
			return &InputError{err}
		}
		rankings = append(rankings, eval.Ranking{Name: samples})
		origins = append(origins, ranker.Origin{Samples: table.SamplesDigest(drawn)})
	}
	for i, o := range origins {
		if o.Samples != origins[0].Samples {
			return inputError("%s and %s are of different responses: score one samples table with every ranker", rankings[0].Name, rankings[i].Name)
		}
	}
	rankings = rankings[:len(tables)]
	measures, err := eval.Compare(rankings, drawn)
	if err != nil {
		return inputError("%w; NAME=DIR names a table", err)
	}
	if asJSON {
		return eval.WriteJSON(w, measures)
	}
	return printComparison(w, rankings, origins, measures)
}

// readRanking reads the scores table in dir.
func readRanking(name, dir string) (eval.Ranking, ranker.Origin, error) {
	t, err := table.Open[table.Score](dir)
	if err != nil {
		return eval.Ranking{}, ranker.Origin{}, err
	}
	o, err := ranker.ReadOrigin(t.Meta())
	if err != nil {
		return eval.Ranking{}, o, fmt.Errorf("%s: %w", dir, err)
	}
	rows, err := table.ReadAll[table.Score](dir)
	return eval.Ranking{Name: name, Attributes: o.Attributes, Scores: rows}, o, err
}

// printComparison writes a column a ranker, then a column a pair of them.
func printComparison(w io.Writer, rankings []eval.Ranking, origins []ranker.Origin, measures []table.Measure) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	var names, alone, pairs []string
	for i, r := range rankings {
		names, alone = append(names, r.Name+" ("+origins[i].Ranker+")"), append(alone, "ranker/"+r.Name+"/")
	}
	printColumns(t, "ranker", names, alone, measures)
	names = nil
	for i, a := range rankings {
		for _, b := range rankings[i+1:] {
			names, pairs = append(names, a.Name+" and "+b.Name), append(pairs, "compare/"+a.Name+"/"+b.Name+"/")
		}
	}
	fmt.Fprintln(t)
	printColumns(t, "agreement", names, pairs, measures)
	return t.Flush()
}

// printColumns writes a row for each end of a measure's name and a column for each
// beginning.
func printColumns(w io.Writer, title string, names, beginnings []string, measures []table.Measure) {
	fmt.Fprintf(w, "%s\t%s\n", title, strings.Join(names, "\t"))
	cells := map[string][]string{}
	var rows []string
	for k, beginning := range beginnings {
		for _, m := range measures {
			row, ok := strings.CutPrefix(m.Name, beginning)
			if !ok {
				continue
			}
			if cells[row] == nil {
				rows, cells[row] = append(rows, row), slices.Repeat([]string{"-"}, len(beginnings))
			}
			cells[row][k] = fmt.Sprintf("%.3f [%.3f, %.3f]", m.Value, m.Lo, m.Hi)
		}
	}
	for _, row := range rows {
		fmt.Fprintf(w, "%s\t%s\n", row, strings.Join(cells[row], "\t"))
	}
}
