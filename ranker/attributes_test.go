package ranker

import (
	"slices"
	"strings"
	"testing"

	"radpo/internal/table"
)

func TestColumns(t *testing.T) {
	for _, tt := range []struct {
		kind, attribute string
		want            int
		err             string
	}{
		{"armorm", "complexity", 14, ""},
		{"armorm", "instruction_following", 6, ""},
		{"armorm", "honesty", 8, ""},
		{"armorm", "helpfulness", 9, ""},
		{"armorm", "intellectual_depth", 3, ""},
		{"armorm", "code-style", 15, ""},
		{"armorm", "safety=beavertails-is_safe", 10, ""},
		{"armorm", "wit=0", 0, ""},
		{"armorm", "wit=18", 18, ""},
		{"armorm", "wit=19", 0, `has no attribute "19"`},
		{"armorm", "wit=-1", 0, `has no attribute "-1"`},
		{"armorm", "wit", 0, `has no attribute "wit"`},
		{"classifier", "honesty", 0, "ranker classifier has no attribute"},
	} {
		got, err := Column(tt.kind, tt.attribute)
		if tt.err == "" && (err != nil || got != tt.want) {
			t.Errorf("%s is column %d (%v), want %d", tt.attribute, got, err, tt.want)
		}
		if tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
			t.Errorf("%s: got %v, want %s", tt.attribute, err, tt.err)
		}
	}
}

// TestChoose takes what is listed, else what an earlier table took, else what
// counts most: by value, so that a large negative coefficient does not.
func TestChoose(t *testing.T) {
	raw := map[string]string{"coefficients": `[{"attribute":"code-complexity","mean":0.2},{"attribute":"code-style","mean":0.1},{"attribute":"helpsteer-verbosity","mean":-0.5}]`}
	earlier := t.TempDir() + "/scores"
	if err := table.WriteAll(earlier, map[string]string{table.LevelNames: `["honesty"]`}, []table.Score{{}}); err != nil {
		t.Fatal(err)
	}
	listed := []string{"wit=3"}
	for name, tt := range map[string]struct {
		listed  []string
		n       int
		raw     map[string]string
		earlier string
		want    []string
		err     string
	}{
		"listed":          {listed, 0, raw, earlier, listed, ""},
		"earlier":         {nil, 2, raw, earlier, []string{"honesty"}, ""},
		"largest":         {nil, 2, raw, "", []string{"complexity", "code-style"}, ""},
		"too many":        {nil, 4, raw, "", nil, "the ranker weighs 3 attributes, 4 are wanted"},
		"no coefficients": {nil, 1, nil, "", nil, "no coefficients in its metadata"},
	} {
		got, err := choose(tt.listed, tt.n, tt.raw, tt.earlier)
		if !slices.Equal(got, tt.want) || (err == nil) != (tt.err == "") || err != nil && !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%s: got %v, %v; want %v, %s", name, got, err, tt.want, tt.err)
		}
	}
}
