package main

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"radpo/demo"
)

var testWords = sync.OnceValues(func() (words, error) { return newWords(1) })

func mustWords(t *testing.T) words {
	t.Helper()
	w, err := testWords()
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWordsAreTokens: nearly every word of the world is one token, and answers
// come back from their tokens.
func TestWordsAreTokens(t *testing.T) {
	w := mustWords(t)
	rng := rand.New(rand.NewPCG(1, 0))
	var pieces, tokens int
	for range 500 {
		text := drawn.write(rng, someRequest(rng))
		ids := w.tokens.AppendIDs(nil, text, false)
		if got := w.tokens.Decode(ids, true); got != text {
			t.Fatalf("decoded %q, want %q", got, text)
		}
		pieces += len(strings.Fields(text)) + strings.Count(text, ".") + strings.Count(text, ",")
		tokens += len(ids)
	}
	if ratio := float64(tokens) / float64(pieces); ratio > 1.02 {
		t.Errorf("%.3f tokens a word or mark, want at most 1.02", ratio)
	}
}

// TestRead holds the places and targets of a marked answer to the rule.
func TestRead(t *testing.T) {
	w := mustWords(t)
	r, err := demo.ParseRequest("Describe the food of the fox in one sentence.")
	if err != nil {
		t.Fatal(err)
	}
	a, err := w.read(r, "The fox eats mice. It has big eyes.")
	if err != nil {
		t.Fatal(err)
	}
	pattern := w.tokens.AppendIDs(nil, closing, true)
	if got := a.ids[a.closing : a.closing+len(pattern)]; !slices.Equal(got, pattern) {
		t.Errorf("the gate reads at %v, want %v", got, pattern)
	}
	var read []string
	for _, end := range a.ends {
		read = append(read, w.tokens.Token(a.ids[end]))
	}
	if want := []string{".", ".", "<|eot_id|>"}; !slices.Equal(read, want) {
		t.Errorf("ends are %q, want %q", read, want)
	}
	honesty := paperHeads[demo.True]
	for i, want := range []float64{10, 5.5, 5.5} {
		if got := float64(a.rewards[i][honesty])*10 + 0.5; math.Abs(got-want) > 1e-5 {
			t.Errorf("honesty at end %d is %.2f, want %.2f", i, got, want)
		}
	}
	m, err := demo.Score(r.String(), "The fox eats mice. It has big eyes.", true)
	if err != nil {
		t.Fatal(err)
	}
	for k, head := range paperHeads {
		if got := float64(a.rewards[2][head])*10 + 0.5; math.Abs(got-m.Attributes[k]) > 1e-5 {
			t.Errorf("head %d is taught %.2f, want %s %.2f", head, got, demo.Attributes[k], m.Attributes[k])
		}
	}
}

func TestRivalsAreOrdered(t *testing.T) {
	w := mustWords(t)
	all, err := w.rivals(rand.New(rand.NewPCG(2, 0)), 40, draw)
	if err != nil {
		t.Fatal(err)
	}
	if len(all) != 160 {
		t.Fatalf("%d answers, want 160", len(all))
	}
	for i := 0; i < len(all); i += rivalry {
		g := all[i : i+rivalry]
		if g[0].overall <= g[2].overall || g[1].overall <= g[3].overall {
			t.Errorf("marks %.2f %.2f %.2f %.2f, want first above third, second above fourth", g[0].overall, g[1].overall, g[2].overall, g[3].overall)
		}
		for _, a := range g[1:] {
			if !slices.Equal(a.ids[:a.opened], g[0].ids[:g[0].opened]) {
				t.Error("rivals answer different prompts")
			}
		}
	}
}

func TestSpearman(t *testing.T) {
	tests := []struct {
		x, y []float64
		want float64
	}{
		{[]float64{1, 2, 3}, []float64{10, 20, 90}, 1},
		{[]float64{1, 2, 3}, []float64{3, 2, 1}, -1},
		{[]float64{1, 2, 2, 3}, []float64{1, 2, 3, 4}, 3 / math.Sqrt(10)}, // scipy.stats.spearmanr: .9487
	}
	for _, tt := range tests {
		got := spearman(len(tt.x), func(i int) (float64, float64) { return tt.x[i], tt.y[i] })
		if math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("spearman(%v, %v) = %.4f, want %.4f", tt.x, tt.y, got, tt.want)
		}
	}
}

func TestRate(t *testing.T) {
	if got := rate(1, 0, 100, false); got > 0.05 {
		t.Errorf("first rate %v, want a small one", got)
	}
	if got := rate(1, 60, 100, false); got != 1 {
		t.Errorf("constant rate %v after the rise, want 1", got)
	}
	if got := rate(1, 75, 100, true); math.Abs(got-0.25) > 1e-12 {
		t.Errorf("falling rate %v at three quarters, want .25", got)
	}
}
