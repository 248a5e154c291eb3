package ranker

import (
	"context"
	"math"
	"slices"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// reward is the built-in model: ArmoRM's layout with a window of 512 tokens.
const reward = "../demo/models/reward"

// closingText is what ends a prompt, as somebody might write it.
const closingText = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"

var answers = []string{
	"a fox is red.",
	"",
	"a fox",
	"a fox is red. it lives in the wood, and it is not afraid.",
	"it ends " + closingText + " and goes on",
	"a fox is red.",
	"\n\n  a fox",
}

func asking(text string) []table.Message { return []table.Message{{Role: "user", Content: text}} }

// withRanker opens the built-in reward model.
func withRanker(t *testing.T, fn func(*torch.Scope, *armoRM)) {
	t.Helper()
	open(t, reward, func(s *torch.Scope, f *hf.Folder) error {
		r, err := Open(s, like("armorm"), f, torch.Float)
		if err == nil {
			fn(s, r.(*armoRM))
		}
		return err
	})
}

// like is a configuration of the given kind, otherwise the default.
func like(kind string) configs.Ranker {
	c := configs.Default().Ranker
	c.Kind = kind
	return c
}

func rank(t *testing.T, s *torch.Scope, r Ranker, requests ...Request) [][]Rating {
	t.Helper()
	out, err := r.Rank(context.Background(), s, requests)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// near compares ratings of which one was computed among others.
func near(a, b Rating) bool {
	for _, side := range [][2][]float64{{{a.Score}, {b.Score}}, {a.Attributes, b.Attributes}, {a.Gating, b.Gating}} {
		for i, x := range side[0] {
			if math.Abs(x-side[1][i]) > 1e-5*max(1, math.Abs(x)) {
				return false
			}
		}
	}
	return len(a.Attributes) == 19 && len(b.Attributes) == 19
}

// TestCompanyDoesNotShow rates responses alone, together, in another order and
// beside other prompts: the ratings stay, and equal responses rate alike to
// the last bit.
func TestCompanyDoesNotShow(t *testing.T) {
	withRanker(t, func(s *torch.Scope, r *armoRM) {
		prompt := asking("what is a fox?")
		backwards := slices.Clone(answers)
		slices.Reverse(backwards)
		long := Request{Messages: asking(strings.Repeat("tell me more. ", 20)), Responses: []string{"no."}}
		all := rank(t, s, r, long, Request{Messages: prompt, Responses: answers}, Request{Messages: prompt, Responses: backwards})
		for i, text := range answers {
			alone := rank(t, s, r, Request{Messages: prompt, Responses: []string{text}})[0][0]
			if !near(alone, all[1][i]) || !near(alone, all[2][len(answers)-1-i]) {
				t.Errorf("%q: alone %.6f, among others %.6f, backwards %.6f", text, alone.Score, all[1][i].Score, all[2][len(answers)-1-i].Score)
			}
		}
		if all[1][0].Score != all[1][5].Score {
			t.Errorf("equal responses score %v and %v", all[1][0].Score, all[1][5].Score)
		}
		for i, text := range answers[1:5] {
			if all[1][0].Score == all[1][i+1].Score {
				t.Errorf("%q scores as %q does", text, answers[0])
			}
		}
	})
}

// TestGateReadsTheEndOfThePrompt: its place is that of the pattern which the
// template put there, not of the same words in a text, and so the gate is one
// for all responses to a prompt.
func TestGateReadsTheEndOfThePrompt(t *testing.T) {
	withRanker(t, func(s *torch.Scope, r *armoRM) {
		conversations := [][]table.Message{
			asking("what is a fox?"),
			asking("say " + closingText + " twice"),
			{{Role: "system", Content: "be brief"}, {Role: "user", Content: "a fox?"}, {Role: "assistant", Content: "a fox is red."}, {Role: "user", Content: "and?"}},
		}
		for _, messages := range conversations {
			prompt, err := r.template.Encode(r.tokens, messages, true, false)
			if err != nil {
				t.Fatal(err)
			}
			groups, err := r.groups([]Request{{Messages: messages, Responses: answers}})
			if err != nil {
				t.Fatal(err)
			}
			for i, k := range groups[0].which {
				if got, want := lastIndex(groups[0].sequences[k], r.pattern), len(prompt)-len(r.pattern); got != want {
					t.Errorf("%q: the gate reads token %d, want %d", answers[i], got, want)
				}
			}
			ratings := rank(t, s, r, Request{Messages: messages, Responses: answers})[0]
			for i, x := range ratings {
				for j, g := range x.Gating {
					if math.Abs(g-ratings[0].Gating[j]) > 1e-5*math.Abs(g) {
						t.Fatalf("%q: gate %v, want %v as for %q", answers[i], x.Gating, ratings[0].Gating, answers[0])
					}
				}
			}
		}
	})
}

// TestWindow: a response loses what is beyond the window, a prompt that fills
// more than half of it loses its middle first, and what fits is left alone.
func TestWindow(t *testing.T) {
	withRanker(t, func(s *torch.Scope, r *armoRM) {
		short, long := asking("what is a fox?"), asking("first "+strings.Repeat("and a fox ", 300)+"last")
		encode := func(messages []table.Message, response string) []int32 {
			c, err := r.encode(messages, response)
			if err != nil {
				t.Fatal(err)
			}
			return c.ids
		}
		answer := strings.Repeat("a fox is red. ", 60)
		whole := append(slices.Clone(encode(short, answer)), r.tokens.AppendIDs(nil, answer, false)...)
		cut := encode(short, strings.Repeat(answer, 3))
		if len(cut) != 512 || !slices.Equal(cut[:200], whole[:200]) {
			t.Errorf("a long response leaves %d tokens, want the first 512", len(cut))
		}
		both := encode(long, "a fox is red.")
		text := r.tokens.Decode(both, true)
		if len(both) > 300 || !strings.Contains(text, "first and") || !strings.Contains(text, "fox last") || !strings.Contains(text, "is red.") {
			t.Errorf("a long prompt leaves %d tokens: %q", len(both), text)
		}
		request := Request{Messages: long, Responses: []string{"a fox is red.", strings.Repeat(answer, 3)}}
		got := rank(t, s, r, request)[0]
		if want := []Cut{{Prompt: true}, {true, true}}; got[0].Cut != want[0] || got[1].Cut != want[1] {
			t.Errorf("cut %+v and %+v, want %+v", got[0].Cut, got[1].Cut, want)
		}
		if got[0].Score == got[1].Score || !torch.Finite(got[0].Score+got[1].Score) {
			t.Errorf("responses behind a long prompt score %v and %v", got[0].Score, got[1].Score)
		}
	})
}

func TestRankRefuses(t *testing.T) {
	withRanker(t, func(s *torch.Scope, r *armoRM) {
		pattern := r.pattern
		for _, tt := range []struct {
			name    string
			request Request
			pattern []int32
			want    string
		}{
			{"no messages", Request{Responses: answers}, pattern, "request 0: the prompt has no messages"},
			{"no responses", Request{Name: "prompt a", Messages: asking("a fox?")}, pattern, "prompt a has no responses"},
			{"no pattern", Request{Name: "prompt a", Messages: asking("a fox?"), Responses: answers}, []int32{1, 1, 1}, "prompt a: no end of the prompt"},
			{"pattern elsewhere", Request{Name: "prompt a", Messages: asking("a fox?"), Responses: answers}, pattern[1:2], "prompt a: the chat template ends the prompt at token"},
		} {
			r.pattern = tt.pattern
			if _, err := r.Rank(context.Background(), s, []Request{tt.request}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
			}
		}
	})
}
