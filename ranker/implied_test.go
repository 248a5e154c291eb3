package ranker

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/flow"
	"radpo/internal/table"
)

// TestImplied holds rewards to β·(log π − log π_ref) worked out by hand: one a
// response, though two pairs share one, and none for a pair that was dropped.
func TestImplied(t *testing.T) {
	pairs := []table.Pair{
		{ID: "a", PromptID: "p", ChosenSample: 2, RejectedSample: 0}, {ID: "dropped", PromptID: "q", ChosenSample: 1},
		{ID: "b", PromptID: "r", ChosenSample: 1, RejectedSample: 3}, {ID: "c", PromptID: "r", ChosenSample: 1, RejectedSample: 0},
	}
	policy := []table.Ref{{PairID: "a", Chosen: -4, Rejected: -9}, {PairID: "b", Chosen: -1, Rejected: -2}, {PairID: "c", Chosen: -1, Rejected: -6}}
	reference := []table.Ref{{PairID: "a", Chosen: -6, Rejected: -5}, {PairID: "b", Chosen: -3, Rejected: -2.5}, {PairID: "c", Chosen: -3, Rejected: -5}}
	stage := Implied.With(ImpliedConfig{Beta: 0.5}, "implied", "pairs", "policy", "reference")
	dir, err := made(t.Context(), t, t.TempDir(), flow.Source("pairs", create(t, pairs)), flow.Source("policy", create(t, policy)),
		flow.Source("reference", create(t, reference)), stage)
	if err != nil {
		t.Fatal(err)
	}
	got, err := table.ReadAll[table.Score](dir)
	want := []table.Score{
		{PromptID: "p", Sample: 2, Raw: 1}, {PromptID: "p", Sample: 0, Raw: -2},
		{PromptID: "r", Sample: 1, Raw: 1}, {PromptID: "r", Sample: 3, Raw: 0.25}, {PromptID: "r", Sample: 0, Raw: -0.5},
	}
	if d := cmp.Diff(got, want); d != "" || err != nil {
		t.Errorf("%v (-got +want):\n%s", err, d)
	}
	for name, tt := range map[string]struct {
		policy, reference []table.Ref
		want              string
	}{
		"lengths":  {policy, reference[:2], "3 rows of the policy's log-probabilities and 2 of its reference's"},
		"unlike":   {policy[:1], reference[1:2], "row 0 is pair a of the policy and b of its reference"},
		"of other": {[]table.Ref{{PairID: "x"}}, []table.Ref{{PairID: "x"}}, "pair x, which the pairs table lacks"},
	} {
		if _, err := implied(1, pairs, tt.policy, tt.reference); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}
