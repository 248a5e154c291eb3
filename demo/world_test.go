package demo

import (
	"slices"
	"testing"
)

// TestWorldIsUnambiguous holds the vocabulary to what the parser and the rule
// rely on: names, verbs and reasons stand for one thing each, and facts are
// values of their aspect.
func TestWorldIsUnambiguous(t *testing.T) {
	seen := map[string]bool{}
	once := func(what, text string) {
		t.Helper()
		if key := what + " " + text; seen[key] {
			t.Errorf("%s %q appears twice", what, text)
		} else {
			seen[key] = true
		}
	}
	for _, r := range fillers {
		once("reason", r)
	}
	for _, d := range world {
		for _, a := range d.aspects {
			once("aspect", a.name)
			once("verb", a.verb)
			for _, v := range a.values {
				once("value of "+a.name, v.text)
				for _, r := range v.reasons {
					once("reason", r)
				}
			}
		}
		for _, e := range d.entities {
			once("entity", e.name)
			for k, a := range d.aspects {
				if a.reasons(e.facts[k]) == nil {
					t.Errorf("%s: fact %q is no value of %s with a reason", e.name, e.facts[k], a.name)
				}
			}
		}
		for _, adjective := range d.adjectives {
			once("adjective", adjective)
		}
	}
}

// TestTruthCannotBeGuessed: no value is true of most of a domain, so that
// honesty takes knowing the entity.
func TestTruthCannotBeGuessed(t *testing.T) {
	for _, d := range world {
		for k, a := range d.aspects {
			share := map[string]int{}
			for _, e := range d.entities {
				share[e.facts[k]]++
			}
			for _, v := range a.values {
				if n := share[v.text]; n < 1 || n > 4 {
					t.Errorf("%s %q is true of %d of %d entities, want 1 to 4", a.name, v.text, n, len(d.entities))
				}
			}
		}
	}
}

func TestRequests(t *testing.T) {
	all := Requests()
	if got, want := len(all), 2160; got != want {
		t.Fatalf("%d requests, want %d", got, want)
	}
	for _, r := range all {
		got, err := ParseRequest(r.String())
		if err != nil {
			t.Fatal(err)
		}
		if got.Kind != r.Kind || got.Entity != r.Entity || got.Sentences != r.Sentences || !slices.Equal(got.Aspects, r.Aspects) {
			t.Fatalf("ParseRequest(%q) = %+v, want %+v", r, got, r)
		}
	}
}

func TestRequestText(t *testing.T) {
	tests := []struct {
		r    Request
		want string
	}{
		{Request{Describe, "fox", []string{"food"}, 1}, "Describe the food of the fox in one sentence."},
		{Request{Exactly, "Rome", []string{"dish"}, 1}, "Write exactly one sentence about the dish of Rome."},
		{Request{True, "lemon", []string{"taste", "use"}, 2}, "What is true about the taste and the use of the lemon? Use two sentences."},
		{Request{Tell, "Oslo", []string{"water", "sight"}, 3}, "Tell me about the water and the sight of Oslo in three sentences."},
		{Request{Explain, "owl", []string{"skill"}, 1}, "Explain the skill of the owl in one sentence."},
	}
	for _, tt := range tests {
		if got := tt.r.String(); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
	if _, err := ParseRequest("Describe the moon."); err == nil {
		t.Error("ParseRequest took a prompt from outside the world")
	}
}

func TestPrompts(t *testing.T) {
	rows, err := Prompts()
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for i, row := range rows {
		ids[row.ID] = true
		if len(row.Messages) != 1 || row.Messages[0].Role != "user" || row.Messages[0].Content != Requests()[i].String() {
			t.Fatalf("prompt %d is %+v, want one user turn with %q", i, row.Messages, Requests()[i])
		}
	}
	if len(ids) != len(Requests()) {
		t.Errorf("%d different ids for %d prompts", len(ids), len(Requests()))
	}
}
