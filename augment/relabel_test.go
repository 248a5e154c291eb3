package augment_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/table"
)

// relabelled gives the plain pairs of prompts p0, p1, … other scores.
func relabelled(t *testing.T, c configs.Augment, pairs []table.Pair, scores []table.Score) ([]table.Pair, augment.Counts, error) {
	t.Helper()
	prompts := map[string]table.Prompt{}
	for _, p := range pairs {
		prompts[p.PromptID] = table.Prompt{ID: p.PromptID, Messages: []table.Message{{Role: "user", Content: "hi"}}}
	}
	var got []table.Pair
	counts, err := augment.Relabelled(c, 2, prompts, each(pairs), scores, writer{}, func(p table.Pair) error {
		got = append(got, p)
		return nil
	})
	return got, counts, err
}

// TestRelabelled: the goals and the order of a pair are those of the new
// scores; a response without one drops its pair.
func TestRelabelled(t *testing.T) {
	samples, scores := tables("p1", four)
	plain, _, err := rows(t, use("none", "best-worst"), samples, scores)
	if err != nil {
		t.Fatal(err)
	}
	best, worst := plain[0].ChosenSample, plain[0].RejectedSample
	score := func(sample int32, raw, mapped float64) table.Score {
		return table.Score{PromptID: "p1", Sample: sample, Raw: raw, Score: mapped}
	}
	for _, tt := range []struct {
		name   string
		c      configs.Augment
		scores []table.Score
		want   []string
		counts augment.Counts
	}{
		{"kept", use("ira", "best-worst"), []table.Score{score(best, 0.2, 7), score(worst, -0.1, 3)},
			[]string{fmt.Sprintf("goal_chosen [7] %d>%d", best, worst), fmt.Sprintf("goal_rejected [3] %d>%d", worst, best)},
			augment.Counts{Pairs: 1, Rows: 2}},
		{"turned round", use("ira", "best-worst"), []table.Score{score(best, -0.1, 3), score(worst, 0.2, 7)},
			[]string{fmt.Sprintf("goal_chosen [7] %d>%d", worst, best), fmt.Sprintf("goal_rejected [3] %d>%d", best, worst)},
			augment.Counts{Pairs: 1, Rows: 2, Turned: 1}},
		{"missing", use("ira", "best-worst"), []table.Score{score(best, 0.2, 7)}, nil, augment.Counts{TooFew: 1, Unscored: 1}},
		{"not finite", use("ira", "best-worst"), []table.Score{score(best, math.NaN(), math.NaN()), score(worst, 0.2, 7)}, nil, augment.Counts{TooFew: 1, Unscored: 1}},
		{"tie", use("ira", "best-worst"), []table.Score{score(best, 0.2, 7), score(worst, 0.2, 7)}, nil, augment.Counts{Tie: 1}},
	} {
		got, counts, err := relabelled(t, tt.c, plain, tt.scores)
		tt.counts.Prompts, tt.counts.Responses = 1, 2
		if d := cmp.Diff(brief(got), tt.want); d != "" || err != nil {
			t.Errorf("%s: %v (-got +want):\n%s", tt.name, err, d)
		}
		if d := cmp.Diff(counts, tt.counts); d != "" {
			t.Errorf("%s: counts (-got +want):\n%s", tt.name, d)
		}
	}
	_, err = augment.Relabelled(use("ira", "best-worst"), 1, nil, each(plain), nil, writer{}, nil)
	if err == nil || !strings.Contains(err.Error(), "its prompt is not in the prompts table") {
		t.Errorf("an unknown prompt: got %v", err)
	}
}

// TestHalf: of an odd number of prompts the larger first half is used, as RA
// would use it.
func TestHalf(t *testing.T) {
	var samples []table.Sample
	var scores []table.Score
	for i := range 5 {
		s, r := tables(fmt.Sprint("p", i), four)
		samples, scores = append(samples, s...), append(scores, r...)
	}
	got, counts, err := rows(t, use("half-ra", "best-worst"), samples, scores)
	if err != nil {
		t.Fatal(err)
	}
	want, _, err := rows(t, use("ra", "best-worst"), samples[:3*len(four)], scores[:3*len(four)])
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(got, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
	if d := cmp.Diff(counts, augment.Counts{Prompts: 5, Responses: 20, Pairs: 3, Rows: 6, OtherHalf: 2}); d != "" {
		t.Errorf("counts (-got +want):\n%s", d)
	}
	if line := counts.String(); !strings.Contains(line, "prompts of the other half 2") {
		t.Errorf("got %s", line)
	}
}
