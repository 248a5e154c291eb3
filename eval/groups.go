package eval

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"radpo/internal/table"
)

// A group is a policy's answers to one goal.
type group struct {
	name string // no-goal, goal-10, goal-6-6-9-6-6
	goal []float64
	rows []int
}

// groups splits answers by goal: none first, then by length and value.
func (p Policy) groups() []group {
	var out []group
	at := map[string]int{}
	for i, s := range p.Samples {
		name := goalName(s.Goal)
		g, ok := at[name]
		if !ok {
			g = len(out)
			at[name] = g
			out = append(out, group{name: name, goal: s.Goal})
		}
		out[g].rows = append(out[g].rows, i)
	}
	slices.SortStableFunc(out, func(a, b group) int {
		return cmp.Or(cmp.Compare(len(a.goal), len(b.goal)), slices.Compare(a.goal, b.goal))
	})
	return out
}

// inUse returns the answers to the policy's own goal, if it has some.
func (p Policy) inUse() (group, bool) {
	for _, g := range p.groups() {
		if g.name == goalName(p.Goal) {
			return g, true
		}
	}
	return group{}, false
}

func goalName(goal []float64) string {
	if len(goal) == 0 {
		return "no-goal"
	}
	var b strings.Builder
	b.WriteString("goal")
	for _, g := range goal {
		b.WriteByte('-')
		b.WriteString(strconv.FormatFloat(g, 'f', -1, 64))
	}
	return b.String()
}

// reward is the exact rule's where there is one, else the ranker's.
func (p Policy) reward(row int) float64 {
	if p.Rule != nil {
		return p.Rule[row].Raw
	}
	return p.Scores[row].Score
}

// level returns attribute k of the goal as reached, by the rule where it has
// the attribute, else by the ranker's mapped level.
func (p Policy) level(a Attribute, k int) func(row int) (float64, bool) {
	return func(row int) (float64, bool) {
		if p.Rule != nil && a.Rule >= 0 {
			return entry(p.Rule[row].Attributes, a.Rule)
		}
		return entry(p.Scores[row].Levels, k)
	}
}

func entry(values []float64, i int) (float64, bool) {
	if i < 0 || i >= len(values) || !finite(values[i]) {
		return 0, false
	}
	return values[i], true
}

// column reads a value of each row that has one: their prompts, and the values.
func (p Policy) column(rows []int, value func(row int) (float64, bool)) (prompts []string, values []float64) {
	for _, r := range rows {
		if v, ok := value(r); ok && finite(v) {
			prompts, values = append(prompts, p.Samples[r].PromptID), append(values, v)
		}
	}
	return prompts, values
}

// all numbers the policy's answers.
func (p Policy) all() []int {
	out := make([]int, len(p.Samples))
	for i := range out {
		out[i] = i
	}
	return out
}

func always(f func(row int) float64) func(row int) (float64, bool) {
	return func(row int) (float64, bool) { return f(row), true }
}

func (p Policy) mapped(row int) float64 { return p.Scores[row].Score }

// unscored says whether the ranker could not place an answer.
func (p Policy) unscored(row int) (holds, known bool) { return !finite(p.Scores[row].Score), true }

func (p Policy) finished(row int) (holds, known bool) {
	return p.Samples[row].Finish == table.FinishStop, true
}

func (p Policy) tokens(row int) float64 { return float64(len(p.Samples[row].ResponseIDs)) }

// parsed reads the rule's count of sentences and of those that parse, which
// it leaves in the two entries of Gating. An answer of no sentence is not whole.
func (p Policy) parsed(row int) (holds, known bool) {
	if p.Rule == nil || len(p.Rule[row].Gating) != 2 {
		return false, false
	}
	sentences, parsed := p.Rule[row].Gating[0], p.Rule[row].Gating[1]
	return sentences > 0 && parsed == sentences, true
}
