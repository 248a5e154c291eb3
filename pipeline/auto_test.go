package pipeline_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radpo/internal/table"
	"radpo/pipeline"
)

// TestAutoAttributes: the attributes that count most in the first iteration
// are what goals are made of in both, and what the answers are asked for.
func TestAutoAttributes(t *testing.T) {
	dir := t.TempDir()
	r := pipeline.Run{Dir: dir, Config: small(t, "augment.auto_attributes=2", "scale.scope=refit", "prompts.per_iteration=16",
		"eval.baseline=false", "eval.rule=false", "augment.pair=best-worst")}
	var out bytes.Buffer
	if err := r.Do(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	artifact := func(stage string) string {
		found, err := filepath.Glob(filepath.Join(dir, "artifacts", stage+"-????????"))
		if err != nil || len(found) != 1 {
			t.Fatalf("%s: %v, %v", stage, found, err)
		}
		return found[0]
	}
	names, err := table.ReadLevelNames(artifact("scores-1"))
	if err != nil || len(names) != 2 {
		t.Fatalf("got %v, %v", names, err)
	}
	if later, err := table.ReadLevelNames(artifact("scores-2")); err != nil || !slices.Equal(later, names) {
		t.Errorf("iteration 2 has %v (%v), iteration 1 %v", later, err, names)
	}
	label := func(name string) string {
		return strings.ToUpper(name[:1]) + strings.ReplaceAll(name[1:], "_", " ") + ": "
	}
	for _, stage := range []string{"pairs-1", "pairs-2"} {
		rows, err := table.ReadAll[table.Pair](artifact(stage))
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			text := row.Messages[0].Content
			if len(row.Goal) != 2 || !strings.Contains(text, label(names[0])) || !strings.Contains(text, label(names[1])) {
				t.Fatalf("%s: goal %v, prompt %q", stage, row.Goal, text)
			}
		}
	}
	samples, err := table.ReadAll[table.Sample](artifact("samples-2"))
	if err != nil || len(samples[0].Goal) != 2 || len(samples[0].PromptIDs) < 40 {
		t.Errorf("samples of iteration 2 are asked for %v in %d tokens (%v)", samples[0].Goal, len(samples[0].PromptIDs), err)
	}

	var shown bytes.Buffer
	if err := pipeline.Show(dir, "raw-1", 1, false, &shown); err != nil {
		t.Fatal(err)
	}
	if text := shown.String(); !strings.Contains(text, "mean coefficients") || strings.Count(text, "code-") < 5 {
		t.Errorf("raw-1 shows %q", text)
	}
}
