package eval

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"gonum.org/v1/gonum/stat"
)

// A Result is what a benchmark made of one model: a file NAME.json, beside
// which NAME.jsonl has its [Item] rows, so that runs can be compared later.
type Result struct {
	Benchmark  string            `json:"benchmark"` // such as alpaca_eval
	Version    string            `json:"version"`
	Model      string            `json:"model"`
	Judge      string            `json:"judge"` // who scored, with the hash of its prompt where it has one; empty: nobody
	Metrics    map[string]Metric `json:"metrics"`
	ConfigHash string            `json:"config_hash"` // of Settings
	Seed       int64             `json:"seed"`        // of answers drawn and of the bootstrap
	Settings   any               `json:"settings,omitempty"`
}

// A Metric is a number with its standard error and 95 % interval.
type Metric struct {
	Value float64    `json:"value"`
	SE    float64    `json:"se"`
	CI    [2]float64 `json:"ci"`
	N     int64      `json:"n"`
}

// An Item is what one question counts: a metric of the same name, where the
// result has one, is the mean over items.
type Item struct {
	Benchmark string             `json:"benchmark"`
	Version   string             `json:"version"`
	ID        string             `json:"id"`                // the same in every run
	Cluster   string             `json:"cluster,omitempty"` // of items that are drawn together, such as a question's turns; empty: the item's own
	Values    map[string]float64 `json:"values"`
}

// cluster names what the item is drawn with.
func (i Item) cluster() string {
	if i.Cluster != "" {
		return i.Cluster
	}
	return i.ID
}

// MetricsOf are the means of the items' values by name, with the bootstrap over
// clusters, or with Wilson's interval where all values are 0 or 1.
func MetricsOf(items []Item, seed int64) map[string]Metric {
	s := &sheet{seed: seed}
	for _, name := range valueNames(items) {
		var clusters []string
		var values []float64
		for _, i := range items {
			if v, ok := i.Values[name]; ok && finite(v) {
				clusters, values = append(clusters, i.cluster()), append(values, v)
			}
		}
		if slices.ContainsFunc(values, func(v float64) bool { return v != 0 && v != 1 }) {
			s.add(name, clusters, mean(values, 0))
		} else {
			s.share(name, clusters, values)
		}
	}
	return s.metrics()
}

var digits = regexp.MustCompile(`[0-9]+`)

// valueNames are those that any item has, sorted, numbers in them by size.
func valueNames(items []Item) []string {
	names := map[string]bool{}
	for _, i := range items {
		for name := range i.Values {
			names[name] = true
		}
	}
	key := func(name string) string {
		return digits.ReplaceAllStringFunc(name, func(n string) string { return fmt.Sprintf("%20s", n) })
	}
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int { return cmp.Compare(key(a), key(b)) })
}

// metrics are the sheet's rows.
func (s *sheet) metrics() map[string]Metric {
	out := map[string]Metric{}
	for i, m := range s.rows {
		out[m.Name] = Metric{m.Value, s.errors[i], [2]float64{m.Lo, m.Hi}, m.N}
	}
	return out
}

// Metric is a spread as the result has it.
func (s *Spread95) Metric(value float64, n int) Metric {
	if s == nil {
		return Metric{Value: value, CI: [2]float64{value, value}, N: int64(n)}
	}
	return Metric{value, s.Error, [2]float64{s.Lo, s.Hi}, int64(n)}
}

// itemsOf is where the items of a result lie.
func itemsOf(path string) string { return strings.TrimSuffix(path, ".json") + ".jsonl" }

// Write writes the result to path, which ends in .json, and the items beside
// it, each file whole or as before. Values that are not finite are left out.
func (r Result) Write(path string, items []Item) error {
	if filepath.Ext(path) != ".json" {
		return fmt.Errorf("%s: the name of a result ends in .json; its items lie beside it in .jsonl", path)
	}
	text, err := r.Text()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	var lines bytes.Buffer
	enc := json.NewEncoder(&lines)
	enc.SetEscapeHTML(false)
	for _, i := range items {
		i.Benchmark, i.Version = r.Benchmark, r.Version
		i.Values = maps.Clone(i.Values)
		maps.DeleteFunc(i.Values, func(_ string, v float64) bool { return !finite(v) })
		if err := enc.Encode(i); err != nil {
			return fmt.Errorf("%s: item %s: %w", path, i.ID, err)
		}
	}
	return errors.Join(put(itemsOf(path), lines.Bytes()), put(path, append(text, '\n')))
}

// Text is the result as JSON. Values that are not finite are left out.
func (r Result) Text() ([]byte, error) {
	settings, err := json.Marshal(r.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings: %w", err)
	}
	sum := sha256.Sum256(settings)
	r.ConfigHash = hex.EncodeToString(sum[:])
	r.Metrics = maps.Clone(r.Metrics)
	maps.DeleteFunc(r.Metrics, func(_ string, m Metric) bool { return !finite(m.Value, m.SE, m.CI[0], m.CI[1]) })
	return json.MarshalIndent(r, "", "  ")
}

// put replaces a file: whole or as before.
func put(path string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".tmp-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// ReadItems reads the items of a result, of which path is either file. Model is
// the result's, or else the file's name.
func ReadItems(path string) (model string, items []Item, err error) {
	model = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if filepath.Ext(path) == ".json" {
		var r Result
		text, err := readAtMost(path, maxItems)
		if err != nil {
			return "", nil, fmt.Errorf("result: %w", err)
		}
		if err := json.Unmarshal(text, &r); err != nil || r.Benchmark == "" || r.Metrics == nil {
			return "", nil, fmt.Errorf(`%s: want a result {"benchmark": …, "metrics": …}, as radpo eval writes it with --result`, path)
		}
		if r.Model != "" {
			model = r.Model
		}
		path = itemsOf(path)
	}
	text, err := readAtMost(path, maxItems)
	if err != nil {
		return "", nil, fmt.Errorf("items: %w", err)
	}
	items, err = parseItems(bytes.NewReader(text))
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", path, err)
	}
	return model, items, nil
}

// maxItems bounds a file of results, in bytes.
const maxItems = 1 << 30

func readAtMost(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("more than %d bytes: this is no file of results", limit)
	}
	return text, err
}

// parseItems reads an item a line, all of one benchmark and version, each id
// once.
func parseItems(r io.Reader) ([]Item, error) {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxLine)
	var items []Item
	seen := map[string]bool{}
	for n := 1; lines.Scan(); n++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			continue
		}
		var i Item
		if err := json.Unmarshal(lines.Bytes(), &i); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		switch {
		case i.ID == "" || i.Benchmark == "" || len(i.Values) == 0:
			return nil, fmt.Errorf(`line %d: want an item {"benchmark", "version", "id", "values": {name: number}}, as radpo eval writes it with --result`, n)
		case seen[i.ID]:
			return nil, fmt.Errorf("line %d: item %q again", n, i.ID)
		case len(items) > 0 && (i.Benchmark != items[0].Benchmark || i.Version != items[0].Version):
			return nil, fmt.Errorf("line %d: benchmark %s %s after %s %s: give one benchmark a file", n, i.Benchmark, i.Version, items[0].Benchmark, items[0].Version)
		}
		seen[i.ID] = true
		items = append(items, i)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("after %d items: %w", len(items), err)
	}
	if len(items) == 0 {
		return nil, errors.New("there are no items")
	}
	return items, nil
}

// deviation is the standard deviation of draws; 0 of fewer than two.
func deviation(draws []float64) float64 {
	if len(draws) < 2 {
		return 0
	}
	return stat.StdDev(draws, nil)
}

// wilson is the interval of a share p of n observations (Wilson 1927), which
// has width at 0 and 1 where the bootstrap has none.
func wilson(p, n float64) (lo, hi float64) {
	const z = 1.959964 // of 95 %
	middle := (p + z*z/(2*n)) / (1 + z*z/n)
	half := z / (1 + z*z/n) * math.Sqrt(p*(1-p)/n+z*z/(4*n*n))
	return max(0, middle-half), min(1, middle+half)
}
