package ranker

import (
	"context"
	"crypto/sha512"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/mathext/prng"

	"radpo/configs"
	"radpo/internal/remote"
)

// A Duel is two outputs to one instruction.
type Duel struct {
	Name                          string // for errors
	Instruction, Output1, Output2 string
}

// A Verdict is on a duel.
type Verdict struct {
	Preference float64 // 1 + the probability that output 2 is better; NaN: the judge named neither
	Reply      any     // what the judge said, as JSON; nil: it was not asked
}

// Duels asks the judge of a configuration about each duel as AlpacaEval's
// weighted judges are asked: one token, m or M, whose probabilities count; in an
// order that [Switched] draws; and not at all about equal outputs, which tie. An
// empty prompt is the built-in one, see [CheckDuelPrompt]. A duel that the judge
// does not answer is an error, and with ranker.non_finite drop undecided.
func Duels(ctx context.Context, c configs.Ranker, prompt string, duels []Duel, done func()) ([]Verdict, error) {
	client, err := dial(c.Remote, chatPath)
	if err != nil {
		return nil, err
	}
	if prompt == "" {
		prompt = duelPrompt
	}
	if err := CheckDuelPrompt(prompt); err != nil {
		return nil, err
	}
	questions := parseChatML(prompt)
	out := make([]Verdict, len(duels))
	err = askAll(ctx, client, c, len(duels), func(ctx context.Context, i int) (err error) {
		if out[i], err = duels[i].ask(ctx, client, c.Remote.Model, questions); err != nil {
			out[i].Preference = math.NaN()
			return fmt.Errorf("%s: %w", duels[i].Name, err)
		}
		done()
		return nil
	})
	return out, err
}

func (d Duel) ask(ctx context.Context, client *remote.Client, model string, questions []turn) (Verdict, error) {
	if d.Output1 == d.Output2 {
		return Verdict{Preference: 1.5}, nil
	}
	first, second := d.Output1, d.Output2
	switched := Switched(d.Instruction)
	if switched {
		first, second = second, first
	}
	fill := strings.NewReplacer("{instruction}", d.Instruction, "{output_1}", first, "{output_2}", second)
	r := chatRequest{Model: model, Temperature: 1, MaxTokens: 1, Logprobs: true, TopLogprobs: 5}
	for _, q := range questions {
		r.Messages = append(r.Messages, turn{q.Role, fill.Replace(q.Content)})
	}
	a, err := remote.Post(ctx, client, r, func(a chatAnswer) error {
		switch {
		case len(a.Choices) == 0:
			return errors.New("has no choices")
		case len(a.Choices[0].Logprobs.first()) == 0:
			return errors.New("has no log-probabilities (logprobs.content[0].top_logprobs), which the judgement is read from")
		}
		return nil
	})
	if err != nil {
		return Verdict{}, err
	}
	p := firstWins(a.Choices[0].Logprobs.first())
	if switched {
		p = 1 - p
	}
	return Verdict{2 - p, a.Choices[0]}, nil
}

// firstWins is the probability of m, the output that is shown first, against M;
// NaN when neither is likely enough to be listed.
func firstWins(top []likely) float64 {
	probability := map[string]float64{}
	for _, t := range top {
		probability[t.Token] = math.Exp(t.Logprob)
	}
	return probability["m"] / (probability["m"] + probability["M"])
}

// Switched is AlpacaEval's coin for an instruction: whether the model's output is
// shown first. It is Python's random.Random("is_switched_outputs" + instruction +
// "0").choices([False, True]): MT19937, seeded by text and SHA-512 as one
// number of 32-bit words, the least first.
func Switched(instruction string) bool {
	seed := []byte("is_switched_outputs" + instruction + "0")
	sum := sha512.Sum512(seed)
	number := append(seed, sum[:]...)
	slices.Reverse(number)
	words := make([]uint32, (len(number)+3)/4)
	for i, b := range number {
		words[i/4] |= uint32(b) << (8 * (i % 4))
	}
	mt := prng.NewMT19937()
	mt.SeedFromKeys(words)
	high := mt.Uint32() >> 5 // Python's 53 bits; the others do not decide
	return high >= 1<<26
}

// duelPrompt asks in the form that AlpacaEval's judges are asked in.
const duelPrompt = `<|im_start|>system
You compare answers that two assistants gave to the same instruction, and name the one that people would prefer.
<|im_end|>
<|im_start|>user
Below are an instruction and the answers of two assistants, which are called m and M. Decide which answer serves the person who gave the instruction better: whether it does what was asked, is correct, and is clear. The order of the answers says nothing.

## Instruction

{instruction}

## Answer of m

{output_1}

## Answer of M

{output_2}

## Verdict

Reply with the name of the assistant whose answer is better and with nothing else, no quotes and no spaces: m or M.
<|im_end|>`

// CheckDuelPrompt reports what a prompt of one's own lacks. It is in ChatML, as
// AlpacaEval's prompt files are, or else a single user turn.
func CheckDuelPrompt(text string) error {
	for _, name := range []string{"{instruction}", "{output_1}", "{output_2}"} {
		if !strings.Contains(text, name) {
			return fmt.Errorf("the judge's prompt has no %s in it", name)
		}
	}
	return nil
}

// parseChatML cuts a prompt into turns, before texts are put into it.
func parseChatML(text string) []turn {
	var out []turn
	parts := strings.Split(text, "<|im_start|>")
	for _, part := range parts[1:] {
		part, _, _ = strings.Cut(part, "<|im_end|>")
		role, content, _ := strings.Cut(part, "\n")
		out = append(out, turn{strings.TrimSpace(role), strings.TrimSpace(content)})
	}
	if out == nil {
		return []turn{{"user", text}}
	}
	return out
}
