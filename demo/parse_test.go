package demo

import (
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
)

// TestParseInvertsWrite reads back thousands of random answers.
func TestParseInvertsWrite(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 0))
	for range 10000 {
		want := pick(rng, Requests()).Write(rng, DrawLevels(rng))
		text := Text(want)
		got, total := Parse(text)
		if total != len(want) || !reflect.DeepEqual(got, want) {
			t.Fatalf("Parse(%q) = %+v of %d sentences, want %+v", text, got, total, want)
		}
	}
}

func TestParse(t *testing.T) {
	tests := []struct {
		name, text string
		want       Sentence
		total      int
	}{
		{"bare", "The fox eats mice.", Sentence{Entity: "fox", Aspect: "food", Value: "mice"}, 1},
		{"city", "Rome is sunny.", Sentence{Entity: "Rome", Aspect: "weather", Value: "sunny"}, 1},
		{"city, adjective", "The old city of Rome is sunny.", Sentence{Entity: "Rome", Adjective: "old", Aspect: "weather", Value: "sunny"}, 1},
		{"pronoun", "It lies on a lake.", Sentence{Aspect: "water", Value: "a lake"}, 1},
		{"all parts", "The quiet owl truly can see in the dark, because its sight is sharp.",
			Sentence{"owl", "quiet", "truly", "skill", "see in the dark", "its sight is sharp"}, 1},
		{"filler", "It tastes hot, because that is so.", Sentence{Aspect: "taste", Value: "hot", Reason: "that is so"}, 1},
		{"space around", "  It tastes hot.\n", Sentence{Aspect: "taste", Value: "hot"}, 1},
		{"broken neighbour", "The just does. It tastes hot. It it", Sentence{Aspect: "taste", Value: "hot"}, 3},

		{name: "empty"},
		{name: "only stops", text: ". . ."},
		{name: "open end", text: "The fox eats mice", total: 1},
		{name: "no article", text: "Fox eats mice.", total: 1},
		{name: "article before a city", text: "The Rome is sunny.", total: 1},
		{name: "city without adjective", text: "The city of Rome is sunny.", total: 1},
		{name: "adjective of another domain", text: "The grand fox eats mice.", total: 1},
		{name: "verb of another domain", text: "The lemon eats mice.", total: 1},
		{name: "value of another aspect", text: "The fox eats the forest.", total: 1},
		{name: "no value", text: "The fox eats.", total: 1},
		{name: "two adverbs", text: "The fox really truly eats mice.", total: 1},
		{name: "stutter", text: "The fox eats eats mice.", total: 1},
		{name: "unknown reason", text: "The fox eats mice, because of hunger.", total: 1},
		{name: "no reason after because", text: "The fox eats mice, because .", total: 1},
		{name: "two reasons", text: "The fox eats mice, because that is so, because that is so.", total: 1},
		{name: "run on", text: "The fox eats mice It has thick fur.", total: 1},
		{name: "double space", text: "The  fox eats mice.", total: 1},
		{name: "lower case", text: "the fox eats mice.", total: 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var want []Sentence
			if tt.want != (Sentence{}) {
				want = []Sentence{tt.want}
			}
			got, total := Parse(tt.text)
			if total != tt.total || !reflect.DeepEqual(got, want) {
				t.Errorf("Parse(%q) = %+v of %d, want %+v of %d", tt.text, got, total, want, tt.total)
			}
		})
	}
}

// FuzzParse: on any text Parse is total, and what it read it would write the
// same way.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", ".", "The fox eats mice.", "The old city of Rome really is sunny, because clouds are rare. It", "It can \xff."} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sentences, total := Parse(text)
		if len(sentences) > total {
			t.Fatalf("%d sentences parsed of %d", len(sentences), total)
		}
		for _, s := range sentences {
			if !strings.Contains(text, strings.TrimSuffix(s.String(), ".")) {
				t.Errorf("Parse(%q) found %q", text, s)
			}
		}
		m, err := Score("Explain the skill of the owl in one sentence.", text, true)
		if err != nil || m.Overall < 1 || m.Overall > 10 {
			t.Errorf("Score(%q) = %+v, %v", text, m, err)
		}
	})
}
