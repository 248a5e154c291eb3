package eval_test

import (
	"bytes"
	"flag"
	"os"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"radpo/eval"
	"radpo/internal/table"
)

var update = flag.Bool("update", false, "rewrite testdata")

func summary(t *testing.T, in eval.Input, ms []table.Measure) string {
	t.Helper()
	var b bytes.Buffer
	if err := eval.Summary(&b, in, ms); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("a line of %d columns: %s", n, line)
		}
	}
	return b.String()
}

func TestSummary(t *testing.T) {
	ms, err := eval.Measures(synthetic())
	if err != nil {
		t.Fatal(err)
	}
	got := summary(t, synthetic(), ms)
	const golden = "testdata/summary.txt"
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("summary (-want +got):\n%s", diff)
	}
}

func TestSummaryFits(t *testing.T) {
	var ms []table.Measure
	for _, goal := range []string{"no-goal", "goal-1", "goal-2", "goal-3", "goal-4.125", "goal-5", "goal-6", "goal-7-8-9", "goal-10"} {
		for _, policy := range []string{"a", strings.Repeat("long", 40)} {
			ms = append(ms, table.Measure{Name: "reward/" + policy + "/" + goal, Value: 10, Lo: 0, Hi: 20})
		}
	}
	got := summary(t, eval.Input{}, ms)
	if !strings.Contains(got, "goal 10") || strings.Contains(got, "7-8-9") {
		t.Errorf("want the highest goal and no several-valued one:\n%s", got)
	}
	summary(t, eval.Input{}, []table.Measure{{Name: "reward/a/no-goal", Value: -1e300}, {Name: "goal/a/spearman", Value: 1e300}, {Name: "goal"}, {Name: ""}})
	if got := summary(t, eval.Input{}, nil); got != "" {
		t.Errorf("summary of nothing: %q", got)
	}
}
