package eval_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"radpo/eval"
	"radpo/internal/table"
)

// ranked is scores of four responses a prompt, with one attribute.
func ranked(name string, raw ...float64) eval.Ranking {
	r := eval.Ranking{Name: name, Attributes: []string{"wit"}}
	for i, x := range raw {
		r.Scores = append(r.Scores, table.Score{PromptID: fmt.Sprint("p", i/4), Sample: int32(i % 4), Raw: x, Attributes: []float64{-x}})
	}
	return r
}

// drawnFor is samples behind rankings, each a letter longer than the one before
// and the second of a prompt like the first.
func drawnFor(r eval.Ranking) []table.Sample {
	var out []table.Sample
	for i, s := range r.Scores {
		text := strings.Repeat("é", i%4+1)
		if i%4 == 1 {
			text = "é"
		}
		out = append(out, table.Sample{PromptID: s.PromptID, Sample: s.Sample, Text: text, ResponseIDs: make([]int32, 9-i%4)})
	}
	return out
}

// TestCompare holds every measure to values worked out by hand.
func TestCompare(t *testing.T) {
	nan := math.NaN()
	a := ranked("a", 1, 1, 3, 4 /**/, 1, 1, 2, 9 /**/, 5, 5, 5, 5 /**/, 1, 1, nan, 2)
	b := ranked("b", 1, 1, 4, 3 /**/, 9, 9, 2, 1 /**/, 1, 1, 2, 3 /**/, 2, 2, 7, 3)
	ms, err := eval.Compare([]eval.Ranking{a, b}, drawnFor(a))
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]table.Measure{}
	for _, m := range ms {
		got[m.Name] = m
	}
	for name, want := range map[string]float64{
		"ranker/a/unscored": 1. / 16, "ranker/b/unscored": 0,
		// Pairs of different texts: five a prompt, but two in the last, where
		// the third response has no score; a's third prompt ties all five.
		"ranker/a/ties": 5. / 17, "ranker/b/ties": 0,
		"ranker/a/length-tokens-within":     -(0.9486832980505138*2 + 0.8660254037844386) / 3,
		"ranker/b/length-characters-within": (7./9 - 1 + 1 + 7./9) / 4,
		// By prompt: 7/9, −1, none where a is constant, 1.
		"compare/a/b/spearman-within": (7./9 - 1 + 1) / 3,
		"compare/a/b/kendall-within":  (0.6 - 1 + 1) / 3,
		"compare/a/b/best":            3. / 4, // of four prompts, the last alone keeps it: 3→2, 3→0, 0→3
		"compare/a/b/worst":           1. / 4, // the first, of the second prompt
		"compare/a/b/either":          3. / 4,
		"compare/a/b/flips":           1. / 3, // a's third prompt makes no pair
		"compare/a/b/flips-back":      1. / 4,
		"compare/a/b/flips-all":       (1 + 5.) / (5 + 5 + 2),
	} {
		if m, ok := got[name]; !ok || math.Abs(m.Value-want) > 1e-9 || m.Lo > m.Value || m.Hi < m.Value {
			t.Errorf("%s is %+v, want %v", name, m, want)
		}
	}
	if x, y := got["compare/a/b/spearman"], got["compare/a/b/attribute/wit"]; x.Value != y.Value || x.N != 15 || x.Value == 0 {
		t.Errorf("of the scores %+v, of the negated ones %+v", x, y)
	}
}

// TestCompareWithItself agrees wholly.
func TestCompareWithItself(t *testing.T) {
	a := ranked("a", 1, 2, 3, 4, 4, 1, 3, 2)
	again := a
	again.Name = "again"
	ms, err := eval.Compare([]eval.Ranking{a, again}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range ms {
		want := 0.0
		if strings.Contains(m.Name, "spearman") || strings.Contains(m.Name, "kendall") || strings.Contains(m.Name, "attribute") {
			want = 1
		}
		if strings.HasPrefix(m.Name, "compare/") && math.Abs(m.Value-want) > 1e-12 {
			t.Errorf("%s is %v", m.Name, m.Value)
		}
		if strings.Contains(m.Name, "length") {
			t.Errorf("%s without samples", m.Name)
		}
	}
}

func TestCompareFaults(t *testing.T) {
	a, b := ranked("a", 1, 2, 3, 4), ranked("b", 1, 2, 3, 4)
	moved := ranked("b", 1, 2, 3, 4)
	moved.Scores[1].Sample = 7
	for _, tt := range []struct {
		rankings []eval.Ranking
		samples  []table.Sample
		want     string
	}{
		{[]eval.Ranking{a}, nil, "want two rankings"},
		{[]eval.Ranking{a, a}, nil, "two rankings have the name a"},
		{[]eval.Ranking{a, ranked("B", 1)}, nil, `ranking "B": a name has`},
		{[]eval.Ranking{a, ranked("b", 1)}, nil, "a has 4 rows and b 1"},
		{[]eval.Ranking{a, moved}, nil, "row 1 is sample 1 of prompt p0 in a and sample 7 of prompt p0 in b: score one samples table with both"},
		{[]eval.Ranking{a, b}, drawnFor(a)[:2], "a has 4 rows and the samples table 2"},
	} {
		if _, err := eval.Compare(tt.rankings, tt.samples); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("got %v, want %s", err, tt.want)
		}
	}
}
