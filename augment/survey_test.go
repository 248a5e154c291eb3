package augment_test

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/table"
)

// TestWhatIf holds surveys of one prompt's four responses, and of a prompt
// whose responses tie, to what is counted by hand.
func TestWhatIf(t *testing.T) {
	samples, scores := tables("p1", four)
	tied := []draft{{[]int32{7, 0}, 3, 8, nil}, {[]int32{8, 8, 0}, 3, 8, nil}}
	s, r := tables("p2", tied)
	samples, scores = append(samples, s...), append(scores, r...)
	prompts := []table.Prompt{{ID: "p1", Messages: []table.Message{{Role: "user", Content: "a fox?"}}}, {ID: "p2", Messages: []table.Message{{Role: "user", Content: "a fox?"}}}}

	settings := []augment.Config{}
	for _, c := range []configs.Augment{use("none", "best-worst"), use("ra", "best-worst"), parity(t, configs.ReleasedCode, "augment.pair=best-worst")} {
		settings = append(settings, augment.Config{Augment: c, Wording: wording, Seed: 1, Iteration: 1})
	}
	got, err := augment.WhatIf(t.Context(), settings, create(t, prompts), create(t, samples), create(t, scores), policy, 1, 10)
	if err != nil {
		t.Fatal(err)
	}
	plain, ra, released := got[0], got[1], got[2]
	counts := func(c augment.Counts) augment.Counts { c.Prompts, c.Responses = 2, 6; return c }
	want := augment.Survey{
		Counts: counts(augment.Counts{Tie: 1, Pairs: 1, Rows: 1}), Margin: augment.Margin{Mean: 8.26, Low: 8.26, Median: 8.26, High: 8.26}, Tokens: plain.Tokens,
	}
	near := cmpopts.EquateApprox(0, 1e-9)
	if d := cmp.Diff(plain, want, near); d != "" || plain.Tokens <= 4 {
		t.Errorf("none: %d tokens (-got +want):\n%s", plain.Tokens, d)
	}
	want.Counts.Rows, want.Goals, want.Tokens = 2, [augment.GoalParts]int{0: 1, 8: 1}, ra.Tokens
	if d := cmp.Diff(ra, want, near); d != "" || ra.Tokens <= 2*plain.Tokens {
		t.Errorf("ra: %d tokens (-got +want):\n%s", ra.Tokens, d)
	}
	want = augment.Survey{
		Counts: counts(augment.Counts{Pairs: 2, Rows: 4}), Goals: [augment.GoalParts]int{0: 1, 7: 2, 8: 1}, Contradictory: 1,
		Margin: augment.Margin{Mean: 4.13, High: 8.26, Median: 8.26}, Tokens: released.Tokens,
	}
	if d := cmp.Diff(released, want, near); d != "" || math.Abs(float64(released.Tokens)/float64(ra.Tokens)-2) > 0.1 {
		t.Errorf("released: %d tokens (-got +want):\n%s", released.Tokens, d)
	}
}
