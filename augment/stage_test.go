package augment_test

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// policy is the built-in model, whose tokenizer and template render prompts.
const policy = "../demo/models/policy"

var wording = chat.Goal{Wording: chat.Paper, Decimals: 1}

// create makes a table of rows.
func create[R any](t *testing.T, rows []R) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "table")
	if err := table.WriteAll(dir, nil, rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

// pairs runs the stage on two prompts, one of them too long, and returns its
// table.
func pairs(t *testing.T, drafts []draft) (*table.Table[table.Pair], error) {
	t.Helper()
	return pairsBy(t, use("ra", "best-worst"), drafts)
}

// pairsBy is pairs by the settings of by.
func pairsBy(t *testing.T, by configs.Augment, drafts []draft) (*table.Table[table.Pair], error) {
	t.Helper()
	var prompts []table.Prompt
	var samples []table.Sample
	var scores []table.Score
	for i, text := range []string{"a fox?", strings.Repeat("a fox and ", 200) + "what?"} {
		id := fmt.Sprint("p", i)
		prompts = append(prompts, table.Prompt{ID: id, Messages: []table.Message{{Role: "user", Content: text}}})
		s, r := tables(id, drafts)
		samples, scores = append(samples, s...), append(scores, r...)
	}
	c := augment.Config{
		Augment: by, Wording: wording, MaxPrompt: 150, Seed: 1, Iteration: 3,
	}
	store, err := flow.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	plan := []flow.Stage{
		flow.Source("prompts", create(t, prompts)), flow.Source("samples", create(t, samples)), flow.Source("scores", create(t, scores)),
		flow.Source("policy", policy), augment.Stage.With(c, "pairs", "prompts", "samples", "scores", "policy"),
	}
	if err := store.Run(t.Context(), plan); err != nil {
		return nil, err
	}
	steps, err := store.Plan(plan)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := store.Path(steps[len(steps)-1].Fingerprint)
	return table.Open[table.Pair](dir)
}

// TestStage renders goals with the policy's own template and keeps the sampled
// ids; cut prompts keep their goal and are counted.
func TestStage(t *testing.T) {
	got, err := pairs(t, four)
	if err != nil {
		t.Fatal(err)
	}
	counts, err := augment.ReadCounts(got.Meta())
	if d := cmp.Diff(counts, augment.Counts{Prompts: 2, Responses: 8, Pairs: 2, Rows: 4, Cut: 2}); d != "" || err != nil {
		t.Errorf("counts: %v (-got +want):\n%s", err, d)
	}
	f, err := hf.Open(policy)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	words, err := tokenizer.Load(f.FS())
	if err != nil {
		t.Fatal(err)
	}
	i := 0
	for p, err := range got.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		goal, chosen, rejected := 9.3, four[1].ids, four[2].ids
		if i%2 == 1 {
			goal, chosen, rejected = 1, rejected, chosen
		}
		if p.PromptID != fmt.Sprint("p", i/2) || p.Iteration != 3 || !slices.Equal(p.ChosenIDs, chosen) || !slices.Equal(p.RejectedIDs, rejected) {
			t.Errorf("row %d: %+v", i, p)
		}
		text := words.Decode(p.PromptIDs, true)
		if !strings.Contains(text, wording.Text([]float64{goal})) || len(p.PromptIDs) > 150 {
			t.Errorf("row %d: %d tokens ask for %v in %q", i, len(p.PromptIDs), goal, text)
		}
		i++
	}
	if i != 4 {
		t.Errorf("%d rows, want 4", i)
	}
}

// TestStageWithoutPairs says what became of the responses.
func TestStageWithoutPairs(t *testing.T) {
	_, err := pairs(t, []draft{{ids: []int32{5, 0}, raw: 1, score: 4}, {ids: []int32{9, 0}, raw: 1, score: 4}})
	if err == nil || !strings.Contains(err.Error(), "no pair to train on: 2 prompts, 4 responses: 0 pairs kept as 0 rows, 2 dropped, tie 2") {
		t.Errorf("got %v", err)
	}
}
