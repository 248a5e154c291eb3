package demo

import (
	"math"
	"math/rand/v2"

	"radpo/internal/table"
)

// A Stage is a mixture of supervised examples. Two of them teach the policy to
// read goals before the loop asks for any: goals are useless to a model that
// cannot tell one number from another.
type Stage struct {
	Correct  bool    // answers obey, are true and cover what was asked
	Stark    float64 // share of answers whose attributes are each all right or all wrong
	Plain    float64 // share of examples without a system turn
	Overall  float64 // share that asks for one overall goal; the rest asks for five
	Informed float64 // share of goals that are the answer's marks; others are random
	Noise    float64 // standard deviation of what is added to those marks
	Decimals bool    // half of the random goals have one decimal
}

// The stages, in the order of training.
var (
	// StageLearn teaches language and facts from correct answers. Facts learnt
	// among falsehoods stay guesses, and guesses cannot be made to obey a goal.
	StageLearn = Stage{Correct: true, Plain: 0.80, Overall: 0.10, Decimals: true}
	// StageSpeak spoils the answers and leaves the policy deaf to goals.
	StageSpeak = Stage{Plain: 0.60, Overall: 0.20, Decimals: true}
	// StagePrime teaches it to read them, with differences that cannot be missed.
	StagePrime = Stage{Stark: 0.5, Plain: 0.10, Overall: 0.35, Informed: 1, Noise: 0.5}
	// StageWash makes it all but ignore them again.
	StageWash = Stage{Plain: 0.35, Overall: 0.35, Informed: 0.25, Noise: 0.7}
)

// An Example is a conversation up to the user's turn, an answer and its marks.
type Example struct {
	Request  Request
	Messages []table.Message
	Answer   string
	Marks    Marks
}

// A GoalText words the system turn that asks for goals, printed with this many
// decimals: one goal for the overall mark, or five in the order of [Attributes].
type GoalText func(goals []float64, decimals int) string

// Example draws one example of the stage.
func (st Stage) Example(rng *rand.Rand, word GoalText) (Example, error) {
	r := pick(rng, Requests())
	levels := DrawLevels(rng)
	switch {
	case st.Correct:
		levels[Exactly], levels[True], levels[Tell] = 1, 1, 1
	case chance(rng, st.Stark):
		for i := range levels {
			levels[i] = float64(rng.IntN(2))
		}
	}
	ex := Example{Request: r, Answer: Text(r.Write(rng, levels))}
	prompt := r.String()
	marks, err := Score(prompt, ex.Answer, true)
	if err != nil {
		return Example{}, err
	}
	ex.Marks = marks
	if system := st.system(rng, marks, word); system != "" {
		ex.Messages = append(ex.Messages, table.Message{Role: "system", Content: system})
	}
	ex.Messages = append(ex.Messages, table.Message{Role: "user", Content: prompt})
	return ex, nil
}

// system draws the text of the system turn, "" for none.
func (st Stage) system(rng *rand.Rand, m Marks, word GoalText) string {
	var own []float64
	switch u := rng.Float64(); {
	case u < st.Plain:
		return ""
	case u < st.Plain+st.Overall:
		own = []float64{stretch(m.Overall)}
	default:
		own = m.Attributes[:]
	}
	decimals := 0
	if st.Decimals && rng.IntN(2) == 0 {
		decimals = 1
	}
	informed := chance(rng, st.Informed)
	goals := make([]float64, len(own))
	for i := range goals {
		goals[i] = own[i] + st.Noise*rng.NormFloat64()
		if !informed {
			goals[i] = 0.5 + 10*rng.Float64() // so that each integer is as likely
		}
		goals[i] = round(goals[i], decimals)
	}
	return word(goals, decimals)
}

// stretch maps overall marks of drawn answers, which lie between 1.7 and 8.6 but
// for 3 % at each end, onto 1–10: the loop's score map does the same, and the
// policy should have met a goal of ten before it is asked for one.
func stretch(overall float64) float64 { return 1 + 9*(overall-1.7)/(8.6-1.7) }

// round keeps a goal within 1–10 and to its printed decimals.
func round(goal float64, decimals int) float64 {
	unit := math.Pow10(decimals)
	return min(max(math.Round(goal*unit)/unit, 1), 10)
}
