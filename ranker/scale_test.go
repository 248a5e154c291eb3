package ranker

import (
	"math"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/table"
)

func scores(raw ...float64) []table.Score {
	rows := make([]table.Score, len(raw))
	for i, r := range raw {
		rows[i] = table.Score{Raw: r, Attributes: []float64{-r, 2 * r}}
	}
	return rows
}

func TestMaps(t *testing.T) {
	base := configs.Scale{Low: 1, High: 10, Quantile: 0.25, Slope: 10, Offset: 0.5}
	tests := []struct {
		method string
		raw    []float64
		want   []float64
	}{
		{"minmax", []float64{0, 1, 2, 4}, []float64{1, 3.25, 5.5, 10}},
		{"quantile", []float64{0, 1, 2, 3, 4}, []float64{1, 1, 5.5, 10, 10}},
		{"affine", []float64{0.05, 0.5, 0.95, 2}, []float64{1, 5.5, 10, 10}},
		{"minmax", []float64{3, 3}, []float64{5.5, 5.5}},
	}
	for _, tt := range tests {
		base.Method = tt.method
		rows := scores(tt.raw...)
		maps, err := Fit(base, rows, []int{0}, []string{"minus"})
		if err != nil {
			t.Fatal(err)
		}
		apply(rows, maps, []int{0})
		for i, r := range rows {
			if math.Abs(r.Score-tt.want[i]) > 1e-9 {
				t.Errorf("%s of %v: row %d is %v, want %v", tt.method, tt.raw, i, r.Score, tt.want[i])
			}
			if tt.method == "minmax" && math.Abs(r.Levels[0]-(11-r.Score)) > 1e-9 {
				t.Errorf("%s: level %v beside score %v of the negated attribute", tt.method, r.Levels[0], r.Score)
			}
		}
	}
}

// TestFirstMapStays: later scores outside the first table's range are clipped
// and counted.
func TestFirstMapStays(t *testing.T) {
	c := configs.Scale{Method: "minmax", Low: 1, High: 10}
	maps, err := Fit(c, scores(0, 1), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	later := scores(-1, .5, 2, 3)
	apply(later, maps, nil)
	got := summarise(later, maps)
	if got.ClippedLow != 1 || got.ClippedHigh != 2 || got.Mean != 1.125 {
		t.Errorf("got %+v", got)
	}
	if later[1].Score != 5.5 || later[3].Score != 10 {
		t.Errorf("got scores %v and %v", later[1].Score, later[3].Score)
	}
}

func TestColumns(t *testing.T) {
	paper := []string{"complexity", "instruction_following", "honesty", "helpfulness", "intellectual_depth"}
	got, err := columns("armorm", paper)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []int{14, 6, 8, 9, 3} {
		if got[i] != want {
			t.Errorf("%s is column %d, want %d", paper[i], got[i], want)
		}
	}
	if _, err := columns("armorm", []string{"wit"}); err == nil || !strings.Contains(err.Error(), "wit") {
		t.Errorf("got %v, want an error that names wit", err)
	}
}

func TestNotFiniteIsNamed(t *testing.T) {
	samples := []table.Sample{{PromptID: "a"}, {PromptID: "b"}, {PromptID: "b", Sample: 1}}
	err := finite(samples, [][]Rating{{{Score: 1}}, {{Score: 2}, {Score: math.NaN()}}})
	if err == nil || !strings.Contains(err.Error(), "prompt b: the score of sample 1 is NaN") {
		t.Errorf("got %v", err)
	}
	if err := finite(samples, [][]Rating{{{Score: 1}}, {{Score: 2}, {Score: 3}}}); err != nil {
		t.Errorf("got %v", err)
	}
}

// TestCheck refuses rows that no map can take, by sample and prompt.
func TestCheck(t *testing.T) {
	rows := scores(1, 2, 3)
	for i := range rows {
		rows[i].PromptID, rows[i].Sample = "p", int32(i)
	}
	if err := check(rows, []int{1}); err != nil {
		t.Errorf("got %v", err)
	}
	if err := check(rows, []int{2}); err == nil || !strings.Contains(err.Error(), "sample 0 of prompt p has 2 attributes") {
		t.Errorf("a missing attribute: got %v", err)
	}
	rows[1].Attributes[0] = math.Inf(1)
	if err := check(rows, []int{1}); err != nil {
		t.Errorf("an attribute that is not asked for: got %v", err)
	}
	if err := check(rows, []int{0}); err == nil || !strings.Contains(err.Error(), "sample 1 of prompt p has the score +Inf") {
		t.Errorf("an infinite attribute: got %v", err)
	}
}

func TestCommonLeavesEachAToken(t *testing.T) {
	tests := []struct {
		in   [][]int32
		want int
	}{
		{[][]int32{{1, 2, 3}}, 2},
		{[][]int32{{1, 2, 3}, {1, 2}}, 1},
		{[][]int32{{1, 2, 3}, {1, 2, 4}}, 2},
		{[][]int32{{1}, {2}}, 0},
	}
	for _, tt := range tests {
		if got := common(tt.in); got != tt.want {
			t.Errorf("common(%v) = %d, want %d", tt.in, got, tt.want)
		}
	}
}
