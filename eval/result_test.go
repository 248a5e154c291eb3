package eval

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// runOf is items of a benchmark with one value each.
func runOf(name string, values ...float64) []Item {
	var items []Item
	for i, v := range values {
		items = append(items, Item{Benchmark: "bench", Version: "1", ID: fmt.Sprint("q", i), Values: map[string]float64{name: v}})
	}
	return items
}

// TestResultRoundTrip: what is written is read again, by either file, and the
// metric is the mean of the items.
func TestResultRoundTrip(t *testing.T) {
	items := runOf("score", 1, 2, 6)
	items[2].Values["odd"] = math.NaN()
	r := Result{Benchmark: "bench", Version: "1", Model: "m", Metrics: MetricsOf(items, 7), Seed: 7, Settings: map[string]int{"k": 1}}
	path := filepath.Join(t.TempDir(), "run.json")
	if err := r.Write(path, items); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{path: "m", itemsOf(path): "run"} {
		model, got, err := ReadItems(file)
		if err != nil || model != want || len(got) != 3 || got[2].Values["score"] != 6 {
			t.Errorf("%s: %q, %v, %v", filepath.Base(file), model, got, err)
		}
		if _, ok := got[2].Values["odd"]; ok {
			t.Error("a value that is not finite is kept")
		}
	}
	if m := r.Metrics["score"]; m.Value != 3 || m.N != 3 || !(m.SE > 0.5 && m.CI[0] < 3 && m.CI[1] > 3) {
		t.Errorf("metric %+v", m)
	}
	text, err := os.ReadFile(path)
	if err != nil || !strings.Contains(string(text), `"config_hash": "`) || strings.Contains(string(text), `"config_hash": ""`) {
		t.Errorf("result %s, %v", text, err)
	}
}

// TestMetricsOfShares: zeros and ones have Wilson's interval, which counts
// clusters.
func TestMetricsOfShares(t *testing.T) {
	items := runOf("right", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1)
	if m := MetricsOf(items, 1)["right"]; !close(m.Value, 1) || math.Abs(m.CI[0]-0.7224672) > 1e-6 || !close(m.CI[1], 1) {
		t.Errorf("10 of 10: %+v", m)
	}
	for i := range items {
		items[i].Cluster = "one"
	}
	if m := MetricsOf(items, 1)["right"]; m.CI[0] > 0.3 {
		t.Errorf("10 of 10 in one cluster: %+v", m)
	}
}

func TestBadResults(t *testing.T) {
	line := `{"benchmark":"b","version":"1","id":"a","values":{"x":1}}`
	for name, test := range map[string]struct{ text, want string }{
		"empty":     {"", "there are no items"},
		"no json":   {"{", "line 1"},
		"no values": {`{"benchmark":"b","id":"a"}`, "want an item"},
		"twice":     {line + "\n" + line, `item "a" again`},
		"two":       {line + "\n" + strings.Replace(strings.Replace(line, `"b"`, `"c"`, 1), `"a"`, `"d"`, 1), "after b 1"},
		"text":      {`{"benchmark":"b","version":"1","id":"a","values":{"x":"y"}}`, "line 1"},
	} {
		path := filepath.Join(t.TempDir(), "x.jsonl")
		if err := os.WriteFile(path, []byte(test.text), 0o666); err != nil {
			t.Fatal(err)
		}
		if _, _, err := ReadItems(path); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q in it", name, err, test.want)
		}
	}
	list := filepath.Join(t.TempDir(), "annotations.json")
	if err := os.WriteFile(list, []byte("[]"), 0o666); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ReadItems(list); err == nil || !strings.Contains(err.Error(), "annotations.json: want a result") {
		t.Errorf("a list is read as a result: %v", err)
	}
	if err := (Result{}).Write("x.txt", nil); err == nil {
		t.Error("a result is written to x.txt")
	}
}

func FuzzItems(f *testing.F) {
	f.Add(`{"benchmark":"b","version":"1","id":"a","cluster":"c","values":{"x":1e308}}`)
	f.Add("[]\nnull\n{}")
	f.Fuzz(func(t *testing.T, text string) {
		items, err := parseItems(strings.NewReader(text))
		if (err == nil) != (len(items) > 0) {
			t.Errorf("%d items, %v", len(items), err)
		}
	})
}

func TestPaired(t *testing.T) {
	a, b := runOf("s", 3, 5, 4, 8, 6, 7), runOf("s", 1, 3, 2, 6, 4, 5)
	b = append(b[:5:5], Item{Benchmark: "bench", Version: "1", ID: "other", Values: map[string]float64{"s": 9}})
	p, err := Paired(a, b)
	if err != nil {
		t.Fatal(err)
	}
	d := p.Differences[0]
	if p.Items != 5 || p.Alone != [2]int{1, 1} || !close(d.Value, 2) || !close(d.CI[0], 2) || !close(d.CI[1], 2) || d.Test != "sign-flip" || d.N != 5 {
		t.Errorf("%+v", p)
	}
	// All five differences have one sign: 2 of 32 sign changes are as extreme.
	if math.Abs(d.P-2.0/32) > 0.01 {
		t.Errorf("p %v, want about 1/16", d.P)
	}
	if p, err = Paired(runOf("s", 0.3, 0.7, 1.1), runOf("s", 0.1, 0.5, 0.9)); err != nil || p.Differences[0].SE != 0 || p.Differences[0].CI[0] != p.Differences[0].Value {
		t.Errorf("a constant difference: %+v, %v", p, err)
	}
	for name, other := range map[string][]Item{
		"compare runs of one benchmark": {{Benchmark: "other", Version: "1", ID: "q0", Values: map[string]float64{"s": 1}}},
		"of bench 2":                    {{Benchmark: "bench", Version: "2", ID: "q0", Values: map[string]float64{"s": 1}}},
		"no item has the same id":       {{Benchmark: "bench", Version: "1", ID: "z", Values: map[string]float64{"s": 1}}},
		"no metric in common":           {{Benchmark: "bench", Version: "1", ID: "q0", Values: map[string]float64{"t": 1}}},
	} {
		if _, err := Paired(a, other); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v, want %q in it", err, name)
		}
	}
}

// TestMcNemar holds the exact test to scipy.stats.binomtest.
func TestMcNemar(t *testing.T) {
	x, y := make([]float64, 30), make([]float64, 30)
	for i := range 9 {
		x[i] = 1 // right on the first side only
	}
	y[20], y[21] = 1, 1
	if p := mcNemar(x, y); math.Abs(p-0.0654296875) > 1e-12 {
		t.Errorf("9 against 2: p %v", p)
	}
	if p := mcNemar(x, x); p != 1 {
		t.Errorf("no discordant item: p %v", p)
	}
}

// TestHolm holds the adjustment to R's p.adjust(method = "holm").
func TestHolm(t *testing.T) {
	family := []Difference{{P: 0.01}, {P: 0.04}, {P: 0.03}, {P: 0.005}}
	holm(family)
	for i, want := range []float64{0.03, 0.06, 0.06, 0.02} {
		if !close(family[i].Holm, want) {
			t.Errorf("p %v becomes %v, want %v", family[i].P, family[i].Holm, want)
		}
	}
}

// TestDetectable: 2.8 standard errors, by the power of a normal test.
func TestDetectable(t *testing.T) {
	if math.Abs(detectable-2.8016) > 1e-3 {
		t.Errorf("detectable %v", detectable)
	}
}
