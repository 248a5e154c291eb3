package augment_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/table"
)

// parity is the configuration that a parity alone makes.
func parity(t *testing.T, name string, sets ...string) configs.Augment {
	t.Helper()
	c, err := configs.Override(configs.Default(), append(sets, "augment.parity="+name))
	if err != nil {
		t.Fatal(err)
	}
	return c.Augment
}

// TestParity has one case for each difference between paper and released code:
// what the same responses become under either.
func TestParity(t *testing.T) {
	a, b, c := []int32{1, 0}, []int32{2, 0}, []int32{3, 0}
	for _, tt := range []struct {
		name            string
		drafts          []draft
		paper, released []string
	}{
		{"two responses: the other is the random one", []draft{{a, 1, 2, nil}, {b, 2, 8, nil}},
			[]string{"goal_chosen [8] 1>0", "goal_rejected [2] 0>1"}, []string{"goal_chosen [8] 1>0", "goal_rejected [2] 0>1"}},
		{"number: all its digits", []draft{{a, 1, 2.25, nil}, {b, 2, 7.123456789, nil}},
			[]string{"goal_chosen [7.1] 1>0", "goal_rejected [2.2] 0>1"}, []string{"goal_chosen [7.123456789] 1>0", "goal_rejected [2.25] 0>1"}},
		{"tie: two rows that contradict each other", []draft{{a, 2, 8, nil}, {b, 2, 8, nil}},
			nil, []string{"goal_chosen [8] 0>1", "goal_rejected [8] 1>0"}},
		{"one goal", []draft{{a, 2, 8, nil}, {b, 2.1, 8, nil}},
			nil, []string{"goal_chosen [8] 1>0", "goal_rejected [8] 0>1"}},
		{"identical", []draft{{c, 1, 2, nil}, {c, 2, 8, nil}},
			nil, []string{"goal_chosen [8] 1>0", "goal_rejected [2] 0>1"}},
	} {
		samples, scores := tables("p1", tt.drafts)
		for name, want := range map[string][]string{"paper": tt.paper, "released-code": tt.released} {
			got, _, err := rows(t, parity(t, name), samples, scores)
			if d := cmp.Diff(brief(got), want); d != "" || err != nil {
				t.Errorf("%s, %s: %v (-got +want):\n%s", tt.name, name, err, d)
			}
		}
	}
}

// TestParityRejected: rejected is the worst in the paper, and any other than
// the first of the best in the released code, the worst as well.
func TestParityRejected(t *testing.T) {
	drawn := map[string]map[int32]bool{"paper": {}, "released-code": {}}
	for i := range 40 {
		samples, scores := tables(fmt.Sprint("p", i), []draft{{[]int32{1, 0}, 5, 5, nil}, {[]int32{2, 0}, 9, 9, nil}, {[]int32{3, 0}, 1, 1, nil}, {[]int32{4, 0}, 9, 9, nil}})
		for name, seen := range drawn {
			got, _, err := rows(t, parity(t, name), samples, scores)
			if err != nil || len(got) != 2 || got[0].ChosenSample != 1 {
				t.Fatalf("%s: %v, %v", name, got, err)
			}
			seen[got[0].RejectedSample] = true
		}
	}
	want := map[string]map[int32]bool{"paper": {2: true}, "released-code": {0: true, 2: true, 3: true}}
	if d := cmp.Diff(drawn, want); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

// TestParityFilter: the released code drops a pair whose better side has the
// lower mean of fine-grained ratings; the goal is the overall score still.
func TestParityFilter(t *testing.T) {
	samples, scores := tables("p1", []draft{{[]int32{1, 0}, 1, 2, nil}, {[]int32{2, 0}, 2, 8, nil}})
	scores[0].Attributes, scores[1].Attributes = []float64{3, 5, 4, 4}, []float64{3, 4, 4, 4}
	for name, want := range map[string]augment.Counts{
		"paper":         {Prompts: 1, Responses: 2, Pairs: 1, Rows: 2},
		"released-code": {Prompts: 1, Responses: 2, Attributes: 1},
	} {
		if _, counts, err := rows(t, parity(t, name), samples, scores); counts != want || err != nil {
			t.Errorf("%s: got %+v, %v, want %+v", name, counts, err, want)
		}
	}
	scores[1].Attributes[1] = 5 // equal means pass
	if got, _, err := rows(t, parity(t, "released-code"), samples, scores); len(got) != 2 || err != nil {
		t.Errorf("equal means: got %v, %v", brief(got), err)
	}
}

// TestParityWording: the released code asks for target scores.
func TestParityWording(t *testing.T) {
	for name, want := range map[string]string{
		"paper":         "following target score (on a scale of 1-10, where 1 is lowest and 10 is highest):\nOverall score: 7.5.",
		"released-code": "following target scores (on a scale of 1-10, where 1 is lowest and 10 is highest):\nOverall score: 7.5.",
	} {
		c := parity(t, name)
		if text := (chat.Goal{Wording: c.Prompt, Decimals: c.Decimals}).Text([]float64{7.5}); !strings.HasSuffix(text, want) {
			t.Errorf("%s: got %q", name, text)
		}
	}
}

// TestParityOrder: the released code writes all rows at the better one's
// score and then all others; the paper leaves it open and ours stay by prompt.
func TestParityOrder(t *testing.T) {
	kinds := func(name string) (got []string) {
		pairs, err := pairsBy(t, parity(t, name), four)
		if err != nil {
			t.Fatal(err)
		}
		for p, err := range pairs.Rows() {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, p.PromptID+" "+p.Kind)
		}
		return got
	}
	byPrompt := []string{"p0 goal_chosen", "p0 goal_rejected", "p1 goal_chosen", "p1 goal_rejected"}
	byKind := []string{"p0 goal_chosen", "p1 goal_chosen", "p0 goal_rejected", "p1 goal_rejected"}
	if got := kinds("paper"); !slices.Equal(got, byPrompt) {
		t.Errorf("paper: got %v", got)
	}
	if got := kinds("released-code"); !slices.Equal(got, byKind) {
		t.Errorf("released-code: got %v", got)
	}
}

// TestParitySwaps: without a system turn too, the rows at the worse one's
// score swap the responses, which the released code forgets there, and ask
// for the goal once.
func TestParitySwaps(t *testing.T) {
	samples, scores := tables("p1", four)
	got, _, err := rows(t, parity(t, "released-code"), samples, scores)
	if err != nil || len(got) != 2 || got[0].ChosenSample != got[1].RejectedSample || !slices.Equal(got[0].ChosenIDs, got[1].RejectedIDs) {
		t.Errorf("got %v, %v", brief(got), err)
	}
	template, err := chat.New("{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('none') }}{% endif %}{{ m.content }}{% endfor %}", nil)
	if err != nil {
		t.Fatal(err)
	}
	asked := template.WithGoal([]table.Message{{Role: "user", Content: "hi"}}, "GOAL")
	if len(asked) != 1 || strings.Count(asked[0].Content, "GOAL") != 1 {
		t.Errorf("got %v", asked)
	}
}

// TestExplicitKeysWin: a key that is written out is not the parity's.
func TestExplicitKeysWin(t *testing.T) {
	c := parity(t, "released-code", "augment.ties=drop", "augment.decimals=1")
	if c.Ties != "drop" || c.Decimals != 1 || c.Pair != "best-random" || c.Identical != "keep" {
		t.Errorf("got %+v", c)
	}
}
