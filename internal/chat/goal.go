package chat

import (
	"fmt"
	"strconv"
	"strings"
)

// Wordings of the goal prompt, which end in one line a value. The released code says "target scores" where
// the paper's appendix A.1 says "target score".
const (
	Paper        = "paper"
	ReleasedCode = "released-code"
)

var wordings = map[string]string{
	Paper: "You are an assistant that generates responses for the instruction while implicitly achieving the following " +
		"target score (on a scale of 1-10, where 1 is lowest and 10 is highest):\n",
	ReleasedCode: "You are an assistant that generates responses for the instruction while implicitly achieving the following " +
		"target scores (on a scale of 1-10, where 1 is lowest and 10 is highest):\n",
}

// A Goal words the rewards that a response shall reach.
type Goal struct {
	// Wording is Paper, ReleasedCode, or the user's own text. In such a text
	// {lines} stands for one line a value, {score} for the first number, and
	// {name} for the number of the attribute of that name.
	Wording string
	// Decimals is the most that a number prints with; negative: all of them.
	Decimals int
	// Names are the attributes, such as instruction_following; empty for one
	// overall score.
	Names []string
}

// Text returns the goal prompt for values: one overall score, or one value an
// attribute in the order of Names.
func (g Goal) Text(values []float64) string {
	if known, ok := wordings[g.Wording]; ok {
		return known + g.lines(values)
	}
	var pairs []string
	for i, v := range values {
		number := g.Number(v)
		if i < len(g.Names) {
			pairs = append(pairs, "{"+g.Names[i]+"}", number)
		}
		if i == 0 {
			pairs = append(pairs, "{score}", number)
		}
	}
	pairs = append(pairs, "{lines}", g.lines(values))
	return strings.NewReplacer(pairs...).Replace(g.Wording)
}

// lines are one a value.
func (g Goal) lines(values []float64) string {
	text := ""
	for i, v := range values {
		if i > 0 {
			text += "\n"
		}
		label := "Overall score"
		if i < len(g.Names) {
			label = labelOf(g.Names[i])
		}
		text += label + ": " + g.Number(v) + "."
	}
	return text
}

// All is the goal that has v for every number.
func (g Goal) All(v float64) []float64 {
	values := make([]float64, max(1, len(g.Names)))
	for i := range values {
		values[i] = v
	}
	return values
}

// Named is the goal of values by name: one for every attribute, or "score"
// where there is one overall score.
func (g Goal) Named(values map[string]float64) ([]float64, error) {
	names := g.Names
	if len(names) == 0 {
		names = []string{"score"}
	}
	var out []float64
	for _, name := range names {
		v, ok := values[name]
		if !ok || len(values) > len(names) {
			return nil, fmt.Errorf("want a number for each of %s and nothing else", strings.Join(names, ", "))
		}
		out = append(out, v)
	}
	return out, nil
}

// labelOf turns instruction_following into "Instruction following".
func labelOf(name string) string {
	name = strings.ReplaceAll(name, "_", " ")
	if name == "" {
		return name
	}
	return strings.ToUpper(name[:1]) + name[1:]
}

// Number prints a value for every wording by one rule: rounded to Decimals
// (a tie as its nearest binary value falls), then without trailing zeros, so
// that the goal 10 is "10" in training as in the paper's inference prompt.
func (g Goal) Number(v float64) string {
	s := strconv.FormatFloat(v, 'f', max(g.Decimals, -1), 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	if s == "-0" {
		return "0"
	}
	return s
}

// WithGoal returns the conversation with the goal in its system turn, in front
// of what stands there, where the template keeps one; else in front of the
// first user turn. Two newlines separate. The argument does not change; an
// empty goal adds nothing.
func (t *Template) WithGoal(messages []Message, goalText string) []Message {
	role := "user"
	if t.SystemTurn() {
		role = "system"
	}
	return withGoal(messages, goalText, role)
}

// withGoal puts the goal into the first turn of role, or one of its own.
func withGoal(messages []Message, goalText, role string) []Message {
	out := append([]Message(nil), messages...)
	if goalText == "" {
		return out
	}
	if role == "system" && (len(out) == 0 || out[0].Role != role) {
		return append([]Message{{Role: role, Content: goalText}}, out...)
	}
	for i, m := range out {
		if m.Role == role {
			out[i].Content = goalText + "\n\n" + m.Content
			break
		}
	}
	return out
}
