package pipeline

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"radpo/eval"
)

// CompareRuns compares two results, each named by its .json file or that of its
// items, item by item, and writes a table for people, or JSON.
func CompareRuns(first, second string, asJSON bool, w io.Writer) error {
	var names [2]string
	var items [2][]eval.Item
	for i, path := range []string{first, second} {
		var err error
		if names[i], items[i], err = eval.ReadItems(path); err != nil {
			return &InputError{err}
		}
	}
	p, err := eval.Paired(items[0], items[1])
	if err != nil {
		return &InputError{err}
	}
	if asJSON {
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		return wrapWrite(enc.Encode(struct {
			First  string `json:"first"`
			Second string `json:"second"`
			eval.Pairing
		}{names[0], names[1], p}))
	}
	return printPairing(w, names, p)
}

func printPairing(w io.Writer, names [2]string, p eval.Pairing) error {
	fmt.Fprintf(w, "%s %s: A is %s, B is %s; %d items of both", p.Benchmark, p.Version, names[0], names[1], p.Items)
	if p.Alone != [2]int{} {
		fmt.Fprintf(w, ", %d of A alone and %d of B alone left out", p.Alone[0], p.Alone[1])
	}
	fmt.Fprintf(w, "\n\n")
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "metric\tA\tB\tA − B\t95 %\tSE\tp\tp, Holm\tdetectable\tn\ttest")
	for _, d := range p.Differences {
		fmt.Fprintf(t, "%s\t%.4g\t%.4g\t%+.4g\t%.4g to %.4g\t%.3g\t%.3g\t%.3g\t%.3g\t%d\t%s\n",
			d.Metric, d.First, d.Second, d.Value, d.CI[0], d.CI[1], d.SE, d.P, d.Holm, d.Detectable, d.N, d.Test)
	}
	if err := t.Flush(); err != nil {
		return wrapWrite(err)
	}
	_, err := fmt.Fprintf(w, "\nIntervals are of a paired bootstrap, %d draws, seed %d. Detectable is the difference found at 5 %% in four of five comparisons of this size.\n", p.Bootstrap, p.Seed)
	return wrapWrite(err)
}
