package eval_test

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"radpo/eval"
	"radpo/internal/table"
)

// A benchCase is one of tools/golden/rewardbench.py.
type benchCase struct {
	Items []struct {
		ID      string    `json:"id"`
		Subset  string    `json:"subset"`
		Scores  []float64 `json:"scores"`
		Correct int       `json:"num_correct"`
	} `json:"items"`
	Subsets  map[string]float64 `json:"subsets"`
	Sections map[string]float64 `json:"sections"`
	Score    *float64           `json:"score"`
}

func (c benchCase) items() []table.BenchItem {
	var out []table.BenchItem
	for _, i := range c.Items {
		b := table.BenchItem{ID: i.ID, Subset: i.Subset, Version: 1, Correct: 1, Scores: i.Scores}
		if i.Correct > 0 {
			b.Version, b.Correct = 2, i.Correct
		}
		out = append(out, b)
	}
	return out
}

// TestRewardBench holds both versions' arithmetic to the restated reference.
func TestRewardBench(t *testing.T) {
	data, err := os.ReadFile("testdata/rewardbench.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]benchCase
	if err := json.Unmarshal(data, &cases); err != nil || len(cases) < 4 {
		t.Fatalf("%d cases, %v", len(cases), err)
	}
	for name, c := range cases {
		got, err := eval.RewardBench(c.items())
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		agree(t, name+", subset", got.Subsets, c.Subsets)
		agree(t, name+", section", got.Sections, c.Sections)
		if (got.Score == nil) != (c.Score == nil) || c.Score != nil && math.Abs(got.Score.Value-*c.Score) > 1e-12 {
			t.Errorf("%s: score %v, want %v", name, got.Score, c.Score)
		}
	}
}

func agree(t *testing.T, name string, got map[string]eval.BenchScore, want map[string]float64) {
	t.Helper()
	if !slices.Equal(slices.Sorted(maps.Keys(got)), slices.Sorted(maps.Keys(want))) {
		t.Errorf("%s: got %v, want %v", name, got, want)
	}
	for k, v := range want {
		s := got[k]
		if math.Abs(s.Value-v) > 1e-12 || s.Lo > s.Value || s.Hi < s.Value || s.N == 0 {
			t.Errorf("%s %s: got %+v, want %v", name, k, s, v)
		}
	}
}

func TestBenchResult(t *testing.T) {
	for _, tt := range []struct {
		version, correct int
		subset           string
		scores           []float64
		want             float64
	}{
		{1, 1, "hep-go", []float64{2, 1}, 1},
		{1, 1, "hep-go", []float64{1, 1}, 0}, // a tie is wrong
		{2, 1, "Math", []float64{3, 1, 2, 0}, 1},
		{2, 1, "Math", []float64{3, 3, 2, 3}, 1. / 3},
		{2, 1, "Math", []float64{2, 3, 2, 0}, 0},
		{2, 2, "Ties", []float64{2, 3, 1}, 1},
		{2, 2, "Ties", []float64{1, 3, 1}, 0},
	} {
		b := table.BenchItem{Version: tt.version, Correct: tt.correct, Subset: tt.subset, Scores: tt.scores}
		if got := eval.BenchResult(b); got != tt.want {
			t.Errorf("version %d, %s, %v: %v, want %v", tt.version, tt.subset, tt.scores, got, tt.want)
		}
	}
}

func TestRewardBenchFaults(t *testing.T) {
	one := func(id, subset string, correct int) table.BenchItem {
		return table.BenchItem{At: "f:" + id, ID: id, Subset: subset, Version: 2, Correct: correct, Scores: []float64{3, 2, 1}}
	}
	old := one("a", "hep-go", 1)
	old.Version = 1
	for _, tt := range []struct {
		items []table.BenchItem
		want  string
	}{
		{nil, "there are no questions"},
		{[]table.BenchItem{one("b", "Math", 1), old}, "f:b is of version 2, f:a of version 1"},
		{[]table.BenchItem{one("b", "Math", 2)}, "f:b: subset Math has 2 correct answers"},
		{[]table.BenchItem{one("both:1", "Ties", 2)}, `id "both:1" in subset Ties: want ref:N or tied:N`},
		{[]table.BenchItem{one("tied", "Ties", 2)}, `id "tied" in subset Ties`},
		{[]table.BenchItem{one("ref:1", "Ties", 1), one("ref:1", "Ties", 1)}, "id ref:1 comes twice"},
		{[]table.BenchItem{one("ref:1", "Ties", 1), one("tied:1", "Ties", 1)}, "tied:1 has one correct answer"},
		{[]table.BenchItem{one("ref:1", "Ties", 1), one("tied:2", "Ties", 2)}, "has no number with both a ref and a tied question"},
	} {
		if _, err := eval.RewardBench(tt.items); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}
