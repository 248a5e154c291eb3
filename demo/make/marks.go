package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"

	"radpo/demo"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// A kind is where an answer that the reward model learns from comes from. What
// the policy writes when it starts is drawn; as it trains it comes to write
// the others too, and the reward model has to know them beforehand.
type kind string

const (
	drawn  kind = "drawn"  // as the policy learns to write
	even   kind = "even"   // all levels alike
	stark  kind = "stark"  // each attribute all right or all wrong
	broken kind = "broken" // any of these, corrupted
	astray kind = "astray" // any of these, to another prompt
)

// draw draws a kind by its share in training.
func draw(rng *rand.Rand) kind {
	switch u := rng.Float64(); {
	case u < 0.05:
		return astray
	case u < 0.35:
		return broken
	default:
		return sound(rng)
	}
}

func sound(rng *rand.Rand) kind { return []kind{drawn, drawn, even, stark}[rng.IntN(4)] }

// write makes up an answer of the kind to r.
func (k kind) write(rng *rand.Rand, r demo.Request) string {
	levels := demo.DrawLevels(rng)
	switch k {
	case broken:
		return demo.Corrupt(rng, sound(rng).write(rng, r))
	case astray:
		return sound(rng).write(rng, someRequest(rng))
	case even:
		for i := range levels {
			levels[i] = rng.Float64()
		}
	case stark:
		for i := range levels {
			levels[i] = float64(rng.IntN(2))
		}
	}
	return demo.Text(r.Write(rng, levels))
}

func someRequest(rng *rand.Rand) demo.Request {
	all := demo.Requests()
	return all[rng.IntN(len(all))]
}

// An answer is a marked conversation in the reward model's tokens.
type answer struct {
	ids     []int32
	closing int         // where the user's turn ends: the gate reads there
	opened  int         // where the answer begins
	ends    []int       // where sentences end, and the last token
	rewards [][]float32 // what the heads should say at each end
	overall float64     // the rule's mark
}

// read marks an answer as it grows, sentence by sentence.
func (w words) read(r demo.Request, text string) (answer, error) {
	turns := []table.Message{{Role: "user", Content: r.String()}, {Role: "assistant", Content: text}}
	asked, err := w.template.Encode(w.tokens, turns[:1], false, false)
	if err != nil {
		return answer{}, err
	}
	opened, err := w.template.Encode(w.tokens, turns[:1], true, false)
	if err != nil {
		return answer{}, err
	}
	ids, err := w.template.Encode(w.tokens, turns, false, false)
	if err != nil {
		return answer{}, err
	}
	a := answer{ids: ids, closing: len(asked) - 1, opened: len(opened)}
	stop := w.tokens.AppendIDs(nil, ".", false)[0]
	for i := len(opened); i < len(ids); i++ {
		if last := i == len(ids)-1; !last && ids[i] != stop {
			continue
		}
		m, err := demo.Score(r.String(), w.tokens.Decode(ids[len(opened):i+1], true), true)
		if err != nil {
			return answer{}, err
		}
		a.ends, a.rewards, a.overall = append(a.ends, i), append(a.rewards, rewards(m)), m.Overall
	}
	return a, nil
}

// rewards are the targets of ArmoRM's heads, in its order. Five stand for the
// paper's attributes; the others repeat them or say something simple.
func rewards(m demo.Marks) []float32 {
	complexity, instruction, honesty, helpfulness, depth := m.Attributes[0], m.Attributes[1], m.Attributes[2], m.Attributes[3], m.Attributes[4]
	mean := (complexity + instruction + honesty + helpfulness + depth) / 5
	fluency := 1 + 9*float64(m.Parsed)/float64(max(1, m.Sentences))
	length := min(10, 1+2*float64(m.Sentences))
	const safe = 10
	marks := [objectives]float64{
		helpfulness, honesty, fluency, depth, length, // helpsteer
		mean, instruction, honesty, honesty, helpfulness, // ultrafeedback
		safe, mean, mean, mean, // beavertails, prometheus, argilla
		complexity, complexity, depth, instruction, fluency, // code
	}
	out := make([]float32, objectives)
	for i, v := range marks {
		out[i] = float32((v - 0.5) / 10) // the scale of ArmoRM's own heads
	}
	return out
}

// answers draws n answers of a kind.
func (w words) answers(rng *rand.Rand, n int, k kind) ([]answer, error) {
	out := make([]answer, n)
	for i := range out {
		r := someRequest(rng)
		var err error
		if out[i], err = w.read(r, k.write(rng, r)); err != nil {
			return nil, fmt.Errorf("read an answer to %q: %w", r, err)
		}
	}
	return out, nil
}

// rivalry is how many answers to one prompt are compared.
const rivalry = 4

// rivals draws answers to n prompts, rivalry a prompt. The first of a prompt's
// answers is better than the third, the second better than the fourth.
func (w words) rivals(rng *rand.Rand, n int, of func(*rand.Rand) kind) ([]answer, error) {
	var out []answer
	for len(out) < n*rivalry {
		r := someRequest(rng)
		group := make([]answer, rivalry)
		for i := range group {
			var err error
			if group[i], err = w.read(r, of(rng).write(rng, r)); err != nil {
				return nil, fmt.Errorf("read an answer to %q: %w", r, err)
			}
		}
		slices.SortStableFunc(group, func(a, b answer) int { return cmp.Compare(b.overall, a.overall) })
		if group[0].overall > group[2].overall && group[1].overall > group[3].overall {
			out = append(out, group...)
		}
	}
	return out, nil
}

// A layout is a batch of answers, each so many of them to one prompt, whose
// work is done once.
type layout struct {
	model.Forks
	each int
}

func lay(s *torch.Scope, answers []answer, each int) layout {
	var forks []model.Fork
	for group := range slices.Chunk(answers, each) {
		f := model.Fork{Prompt: group[0].ids[:group[0].opened]}
		for _, a := range group {
			f.Responses = append(f.Responses, a.ids[a.opened:])
		}
		forks = append(forks, f)
	}
	return layout{model.NewForks(s, forks), each}
}

// at is the flat place of a token of answer i.
func (l layout) at(i, token int) int64 { return l.At(i/l.each, i%l.each, token) }
