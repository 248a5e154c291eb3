package demo

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestScore holds every clause of the rule to marks worked out by hand.
func TestScore(t *testing.T) {
	const (
		one   = "Describe the food of the fox in one sentence."
		two   = "Explain the food and the home of the fox in two sentences."
		three = "What is true about the food and the home of the fox? Use three sentences."
	)
	tests := []struct {
		name, prompt, answer string
		cut                  bool
		want                 [5]float64 // complexity, instruction, honesty, helpfulness, depth
	}{
		{name: "perfect", prompt: one, answer: "The quiet fox clearly eats mice, because it hunts at dusk.",
			want: [5]float64{10, 10, 10, 10, 10}},
		{name: "plain and true", prompt: one, answer: "The fox eats mice.", want: [5]float64{1, 10, 10, 10, 1}},
		{name: "plain and false", prompt: one, answer: "The fox eats grass.", want: [5]float64{1, 10, 1, 10, 1}},
		{name: "one descriptive word", prompt: one, answer: "The fox really eats mice.", want: [5]float64{5.5, 10, 10, 10, 1}},
		{name: "reason fits the false value", prompt: one, answer: "The fox eats grass, because it grows everywhere.",
			want: [5]float64{1, 10, 1, 10, 10}},
		{name: "reason of another value", prompt: one, answer: "The fox eats mice, because it grows everywhere.",
			want: [5]float64{1, 10, 10, 10, 1}},
		{name: "filler", prompt: one, answer: "The fox eats mice, because that is so.", want: [5]float64{1, 10, 10, 10, 1}},
		{name: "aspect not asked for", prompt: one, answer: "The fox has a bushy tail.", want: [5]float64{1, 10, 10, 1, 1}},
		{name: "another entity", prompt: one, answer: "The owl eats mice.", want: [5]float64{1, 5.5, 1, 1, 1}},
		{name: "cut off after a sentence", prompt: one, answer: "The fox eats mice.", cut: true, want: [5]float64{1, 5.5, 10, 10, 1}},
		{name: "cut off within", prompt: one, answer: "The fox eats", cut: true, want: [5]float64{1, 1, 1, 1, 1}},
		{name: "one too many", prompt: one, answer: "The fox eats mice. It has a bushy tail.", want: [5]float64{1, 5.5, 10, 10, 1}},
		{name: "two too many", prompt: one, answer: "The fox eats mice. It has a bushy tail. It can run fast.",
			want: [5]float64{1, 1, 10, 10, 1}},
		{name: "half covered", prompt: two, answer: "The fox eats mice. It can run fast.", want: [5]float64{1, 10, 10, 5.5, 1}},
		{name: "covered once, said twice", prompt: two, answer: "The fox eats mice. The fox eats grass.",
			want: [5]float64{1, 10, 5.5, 5.5, 1}},
		{name: "both covered", prompt: two, answer: "It lives in the forest, because it likes the shade. It eats mice.",
			want: [5]float64{1, 10, 10, 10, 5.5}},
		{name: "one too few", prompt: two, answer: "The lively fox truly lives in the forest.", want: [5]float64{10, 5.5, 10, 5.5, 1}},
		{name: "it after another entity", prompt: two, answer: "The owl lives in the barn. It eats mice.", want: [5]float64{1, 1, 1, 1, 1}},
		{name: "it of another domain", prompt: two, answer: "The fox eats mice. It serves bread.", want: [5]float64{1, 5.5, 5.5, 5.5, 1}},
		{name: "junk", prompt: three, answer: "The just does just does just does.", want: [5]float64{1, 1, 1, 1, 1}},
		{name: "junk dilutes", prompt: three, answer: "The proud fox surely eats mice, because it hunts at dusk. Fox. The fox lives in the forest.",
			want: [5]float64{4, 5.5, 7, 10, 4}},
		{name: "empty", prompt: three, answer: "", want: [5]float64{1, 1, 1, 1, 1}},
		{name: "only a stop", prompt: three, answer: " .", want: [5]float64{1, 1, 1, 1, 1}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Score(tt.prompt, tt.answer, !tt.cut)
			if err != nil {
				t.Fatal(err)
			}
			for k := range tt.want {
				if math.Abs(got.Attributes[k]-tt.want[k]) > 1e-12 {
					t.Errorf("%q: %s = %v, want %v", tt.answer, Attributes[k], got.Attributes[k], tt.want[k])
				}
			}
		})
	}
}

// TestOverall: each kind of prompt weighs its own attribute with .40 and the
// others with .15.
func TestOverall(t *testing.T) {
	const answer = "The fox really eats mice." // 5.5, 10, 10, 10, 1
	want := map[Kind]float64{Describe: 6.85, Exactly: 7.975, True: 7.975, Tell: 7.975, Explain: 5.725}
	for kind, want := range want {
		prompt := Request{kind, "fox", []string{"food"}, 1}.String()
		got, err := Score(prompt, answer, true)
		if err != nil {
			t.Fatal(err)
		}
		if math.Abs(got.Overall-want) > 1e-12 {
			t.Errorf("%q: overall = %v, want %v", prompt, got.Overall, want)
		}
	}
}

func TestScoreCounts(t *testing.T) {
	got, err := Score("Describe the food of the fox in one sentence.", "The fox eats mice. Fox fox. It", true)
	if err != nil {
		t.Fatal(err)
	}
	if got.Sentences != 3 || got.Parsed != 1 {
		t.Errorf("%d of %d sentences parsed, want 1 of 3", got.Parsed, got.Sentences)
	}
	if _, err := Score("Who are you?", "The fox eats mice.", true); err == nil {
		t.Error("Score marked an answer to a prompt from outside the world")
	}
}

// TestLevelsReachTheirAttribute: at level one an attribute is perfect whatever
// the others are, at level zero it is clearly below.
func TestLevelsReachTheirAttribute(t *testing.T) {
	rng := rand.New(rand.NewPCG(2, 0))
	for k, name := range Attributes {
		for _, level := range []float64{0, 1} {
			var mean float64
			const n = 2000
			for range n {
				l := DrawLevels(rng)
				l[k] = level
				r := pick(rng, Requests())
				if k == int(Tell) {
					l[Exactly] = 1 // one sentence cannot cover two aspects
				}
				m, err := Score(r.String(), Text(r.Write(rng, l)), true)
				if err != nil {
					t.Fatal(err)
				}
				mean += m.Attributes[k] / n
			}
			if level == 1 && mean != 10 && math.Abs(mean-10) > 1e-6 {
				t.Errorf("%s at level 1: mean %.3f, want 10", name, mean)
			}
			if level == 0 && mean > 4.2 {
				t.Errorf("%s at level 0: mean %.3f, want at most 4.2", name, mean)
			}
		}
	}
}
