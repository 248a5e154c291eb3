package augment_test

import (
	"slices"
	"strings"
	"testing"

	"radpo/augment"
	"radpo/internal/flow"
	"radpo/internal/table"
)

// TestAt: plain pairs keep their responses and scores and are asked for a goal,
// one for all or the rejected response's own score.
func TestAt(t *testing.T) {
	plain := create(t, []table.Pair{{
		ID: "a", PromptID: "p", Kind: table.KindPlain, Messages: []table.Message{{Role: "user", Content: "a fox?"}},
		ChosenIDs: []int32{1}, RejectedIDs: []int32{2, 3}, RewardChosen: 9, RewardRejected: 3.5,
	}})
	var seen []string
	for text, goal := range map[string][]float64{"score: 10.": {10}, "score: 3.5": nil} {
		store, err := flow.Open(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		plan := []flow.Stage{
			flow.Source("pairs", plain), flow.Source("model", policy),
			augment.At.With(augment.AtConfig{Wording: wording, MaxPrompt: 150, Goal: goal}, "at", "pairs", "model"),
		}
		if err := store.Run(t.Context(), plan); err != nil {
			t.Fatal(err)
		}
		steps, err := store.Plan(plan)
		if err != nil {
			t.Fatal(err)
		}
		dir, _ := store.Path(steps[len(steps)-1].Fingerprint)
		rows, err := table.ReadAll[table.Pair](dir)
		if err != nil || len(rows) != 1 {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		p := rows[0]
		if !strings.Contains(p.Messages[0].Content, text) || len(p.PromptIDs) == 0 || p.ID != "a" || !slices.Equal(p.RejectedIDs, []int32{2, 3}) || p.RewardRejected != 3.5 {
			t.Errorf("goal %v: %+v, want %q in the prompt", goal, p, text)
		}
		seen = append(seen, p.Messages[0].Content)
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if seen[0] == seen[1] {
		t.Error("the goals make no difference")
	}
}
