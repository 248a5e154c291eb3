package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// word stands in for the goal text of the real chat package.
func word(goals []float64, decimals int) string {
	parts := make([]string, len(goals))
	for i, g := range goals {
		parts[i] = fmt.Sprintf("%.*f", decimals, g)
	}
	return strings.Join(parts, " ")
}

// TestAnswersAreMediocre: the policy learns from answers whose marks leave room
// on both sides, close to those of the models this world was tuned with.
func TestAnswersAreMediocre(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	const n = 20000
	var sum, squares float64
	for range n {
		ex, err := StageSpeak.Example(rng, word)
		if err != nil {
			t.Fatal(err)
		}
		sum += ex.Marks.Overall
		squares += square(ex.Marks.Overall)
		if words := len(strings.Fields(ex.Answer)); words > 45 {
			t.Fatalf("%d words: %q", words, ex.Answer)
		}
	}
	mean := sum / n
	sd := math.Sqrt(squares/n - square(mean))
	if mean < 4.6 || mean > 5.1 || sd < 1.6 || sd > 2.1 {
		t.Errorf("overall marks have mean %.2f and sd %.2f, want about 4.8 and 1.9", mean, sd)
	}
}

// TestStretch: the ends of the goal scale stand for the tails of drawn answers.
func TestStretch(t *testing.T) {
	rng := rand.New(rand.NewPCG(9, 0))
	const n = 20000
	var low, high float64
	for range n {
		ex, err := StageSpeak.Example(rng, word)
		if err != nil {
			t.Fatal(err)
		}
		if g := stretch(ex.Marks.Overall); g <= 1 {
			low += 1. / n
		} else if g >= 10 {
			high += 1. / n
		}
	}
	if low < .01 || low > .08 || high < .01 || high > .08 {
		t.Errorf("%.3f of answers lie below the scale and %.3f above, want .01 to .08 each", low, high)
	}
}

func TestStageShares(t *testing.T) {
	for name, st := range map[string]Stage{"learn": StageLearn, "speak": StageSpeak, "prime": StagePrime, "wash": StageWash} {
		t.Run(name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(4, 0))
			const n = 10000
			var plain, overall, five float64
			for range n {
				ex, err := st.Example(rng, word)
				if err != nil {
					t.Fatal(err)
				}
				switch {
				case len(ex.Messages) == 1:
					plain += 1. / n
				case strings.Contains(ex.Messages[0].Content, " "):
					five += 1. / n
				default:
					overall += 1. / n
				}
			}
			if math.Abs(plain-st.Plain) > .02 || math.Abs(overall-st.Overall) > .02 || math.Abs(five-(1-st.Plain-st.Overall)) > .02 {
				t.Errorf("shares %.2f %.2f %.2f of plain, one goal, five goals; want %+v", plain, overall, five, st)
			}
		})
	}
}

// TestGoalsInform: primed goals follow the answer's marks, the first stage's
// goals do not.
func TestGoalsInform(t *testing.T) {
	distance := func(st Stage) (mean float64) {
		rng := rand.New(rand.NewPCG(5, 0))
		const n = 5000
		var marks Marks
		own := func(goals []float64, _ int) string {
			want := marks.Attributes[:]
			if len(goals) == 1 {
				want = []float64{min(max(stretch(marks.Overall), 1), 10)}
			}
			for i, g := range goals {
				if g < 1 || g > 10 {
					t.Fatalf("goal %v is outside 1–10", g)
				}
				mean += math.Abs(g-want[i]) / float64(n*len(goals))
			}
			return "goals"
		}
		for range n {
			r := pick(rng, Requests())
			var err error
			if marks, err = Score(r.String(), Text(r.Write(rng, DrawLevels(rng))), true); err != nil {
				t.Fatal(err)
			}
			st.system(rng, marks, own)
		}
		return mean
	}
	st := StagePrime
	st.Plain = 0
	if got := distance(st); got > 0.6 {
		t.Errorf("primed goals lie %.2f from the marks, want at most .6", got)
	}
	st = StageSpeak
	st.Plain = 0
	if got := distance(st); got < 2.5 {
		t.Errorf("random goals lie only %.2f from the marks, want at least 2.5", got)
	}
}

func TestExamplesAreReproducible(t *testing.T) {
	draw := func(seed uint64) string {
		rng := rand.New(rand.NewPCG(seed, 0))
		var b strings.Builder
		for range 50 {
			ex, err := StageWash.Example(rng, word)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintln(&b, ex.Messages, ex.Answer, Corrupt(rng, ex.Answer))
		}
		return b.String()
	}
	if draw(7) != draw(7) {
		t.Error("equal seeds gave different examples")
	}
	if draw(7) == draw(8) {
		t.Error("different seeds gave equal examples")
	}
}

// TestLearnIsCorrect: where facts are learnt, nothing false is said.
func TestLearnIsCorrect(t *testing.T) {
	rng := rand.New(rand.NewPCG(8, 0))
	for range 2000 {
		ex, err := StageLearn.Example(rng, word)
		if err != nil {
			t.Fatal(err)
		}
		if m := ex.Marks.Attributes; m[Exactly] != 10 || m[True] != 10 || m[Tell] != 10 {
			t.Fatalf("%s\n%s\nhas marks %v, want 10 but for complexity and depth", ex.Request, ex.Answer, m)
		}
	}
}

// TestCorruptLowersMarks: broken answers are mostly worse, never long.
func TestCorruptLowersMarks(t *testing.T) {
	rng := rand.New(rand.NewPCG(6, 0))
	const n = 2000
	worse := 0
	for range n {
		r := pick(rng, Requests())
		whole := Text(r.Write(rng, DrawLevels(rng)))
		broken := Corrupt(rng, whole)
		before, err := Score(r.String(), whole, true)
		if err != nil {
			t.Fatal(err)
		}
		after, err := Score(r.String(), broken, true)
		if err != nil {
			t.Fatal(err)
		}
		if after.Overall < before.Overall {
			worse++
		}
		if got, limit := len(strings.Fields(broken)), len(strings.Fields(whole))+27; got > limit {
			t.Fatalf("%d words, want at most %d: %q", got, limit, broken)
		}
	}
	if worse < n*8/10 {
		t.Errorf("%d of %d corruptions lowered the overall mark, want at least 80 %%", worse, n)
	}
	if got := Corrupt(rng, ""); got != "" {
		t.Errorf("Corrupt of nothing is %q", got)
	}
}
