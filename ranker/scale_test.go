package ranker

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

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
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		method string
		raw    []float64
		want   []float64
	}{
		{"minmax", []float64{0, 1, 2, 4}, []float64{1, 3.25, 5.5, 10}},
		{"quantile", []float64{0, 1, 2, 3, 4}, []float64{1, 1, 5.5, 10, 10}},
		{"affine", []float64{0.05, 0.5, 0.95, 2}, []float64{1, 5.5, 10, 10}},
		{"identity", []float64{1, 7.3, 10.5, -2}, []float64{1, 7.3, 10, 1}},
		{"minmax", []float64{3, 3}, []float64{5.5, 5.5}},
		{"minmax", []float64{0, nan, 2, inf, 4}, []float64{1, nan, 5.5, nan, 10}},
	}
	for _, tt := range tests {
		base.Method = tt.method
		rows := scores(tt.raw...)
		maps, err := Fit(base, rows, []int{0}, []string{"minus"})
		if err != nil {
			t.Fatal(err)
		}
		newScaling("", []string{"minus"}).apply(rows, maps, []int{0}, []string{"minus"})
		for i, r := range rows {
			if math.Abs(r.Score-tt.want[i]) > 1e-9 || math.IsNaN(r.Score) != math.IsNaN(tt.want[i]) || math.IsNaN(r.Levels[0]) != math.IsNaN(r.Score) {
				t.Errorf("%s of %v: row %d is %v with level %v, want %v", tt.method, tt.raw, i, r.Score, r.Levels[0], tt.want[i])
			}
			if tt.method == "minmax" && math.Abs(r.Levels[0]-(11-r.Score)) > 1e-9 {
				t.Errorf("%s: level %v beside score %v of the negated attribute", tt.method, r.Levels[0], r.Score)
			}
		}
	}
	if _, err := Fit(base, scores(nan), nil, nil); err == nil {
		t.Error("a map was fitted to nothing")
	}
}

// TestMapsKeepOrder: whatever the method, a better raw score never becomes a
// worse one.
func TestMapsKeepOrder(t *testing.T) {
	c := configs.Default().Scale
	rng := rand.New(rand.NewPCG(3, 4))
	for _, method := range []string{"minmax", "quantile", "affine", "identity"} {
		raw := make([]float64, 200)
		for i := range raw {
			raw[i] = 5 * rng.NormFloat64()
		}
		slices.Sort(raw)
		c.Method = method
		m, err := fit(c, "score", raw)
		if err != nil {
			t.Fatal(err)
		}
		for i := range raw[1:] {
			if m.At(raw[i]) > m.At(raw[i+1]) {
				t.Errorf("%s maps %v to %v and %v to %v", method, raw[i], m.At(raw[i]), raw[i+1], m.At(raw[i+1]))
			}
		}
	}
}

// TestScalingCounts holds every count and number of a table's Scaling to values
// worked out by hand.
func TestScalingCounts(t *testing.T) {
	nan := math.NaN()
	rows := scores(0, 4, 4, 2, 2, 2, nan, 1, 3, 7, -1, -1)
	for i, p := range []string{"a", "a", "a", "b", "b", "b", "c", "c", "c", "d", "d", "d"} {
		rows[i].PromptID = p
	}
	rows[8].Attributes[1] = math.Inf(-1)
	maps := []Map{{Name: "score", From: 0, To: 4, Low: 1, High: 10}, {Name: "wit", From: 0, To: 8, Low: 1, High: 10}}
	labels, at := []string{"wit"}, []int{1}
	s := newScaling("rule", labels)
	s.Maps = maps
	s.apply(rows, maps, at, labels)
	s.summarise(rows, at, labels)
	want := Scaling{
		Ranker: "rule", Maps: maps, Rows: 12, Prompts: 4, Tied: 3, Flat: 1, Lost: map[string]int64{"NaN": 1, "wit -Inf": 1},
		Columns: []Outcome{
			{Name: "score", ClippedLow: 2, ClippedHigh: 1, Raw: Spread{2, -1, -1, 2, 5.65, 7}, Mapped: Spread{5.275, 1, 1, 5.5, 10, 10}},
			{Name: "wit", ClippedLow: 2, ClippedHigh: 1, Raw: Spread{4, -2, -2, 4, 11.3, 14}, Mapped: Spread{5.275, 1, 1, 5.5, 10, 10}},
		},
	}
	if d := cmp.Diff(*s, want, cmpopts.EquateApprox(0, 1e-9)); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
	const line = "12 scores of 4 prompts by rule: 0 to 4 become 1 to 10, clipped 16.7 % low and 8.3 % high; mean 2 becomes 5.28; " +
		"ties for best or worst in 3 prompts, 1 with one score throughout; 2 not scored map[NaN:1 wit -Inf:1]"
	if got := s.String(); got != line {
		t.Errorf("got  %s\nwant %s", got, line)
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
	wit := []string{"wit"}
	if err := check(rows, []int{1}, wit, false); err != nil {
		t.Errorf("got %v", err)
	}
	if err := check(rows, []int{2}, wit, true); err == nil || !strings.Contains(err.Error(), "sample 0 of prompt p has 2 attributes") {
		t.Errorf("a missing attribute: got %v", err)
	}
	rows[1].Attributes[0] = math.Inf(1)
	if err := check(rows, []int{1}, wit, false); err != nil {
		t.Errorf("an attribute that is not asked for: got %v", err)
	}
	if err := check(rows, []int{0}, wit, false); err == nil || !strings.Contains(err.Error(), "prompt p: the score of sample 1 is wit +Inf") {
		t.Errorf("an infinite attribute: got %v", err)
	}
	if err := check(rows, []int{0}, wit, true); err != nil {
		t.Errorf("an infinite attribute that may be dropped: got %v", err)
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
