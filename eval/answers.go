package eval

import (
	"fmt"

	"radpo/internal/table"
)

const (
	shownPrompts = 4   // the first of Input.Prompts, whatever their answers
	shownText    = 700 // characters of an answer
)

// A prompt is a held-out prompt with each policy's answers side by side.
type prompt struct {
	Messages []table.Message
	Columns  []string
	Rows     []answerRow
}

type answerRow struct {
	Policy  string
	Answers []answer
}

// An answer is the policy's first to a goal; not Given where it has none.
type answer struct {
	Given  bool
	Text   string
	Reward string
	Heat   int // 0 at reward 1 to 9 at reward 10
	Cut    bool
}

// answers shows the first prompts as they come, at no goal and at the lowest,
// middle and highest of the goals.
func answers(in Input) []prompt {
	columns := [][]float64{nil}
	if gs := goals(in.Policies, 1); len(gs) > 3 {
		columns = append(columns, gs[0], gs[len(gs)/2], gs[len(gs)-1])
	} else {
		columns = append(columns, gs...)
	}
	var out []prompt
	for _, p := range in.Prompts[:min(shownPrompts, len(in.Prompts))] {
		shown := prompt{Messages: cutMessages(p.Messages)}
		for _, goal := range columns {
			shown.Columns = append(shown.Columns, goalLabel(goal))
		}
		for _, policy := range in.Policies {
			row := answerRow{Policy: policy.Name}
			for _, goal := range columns {
				row.Answers = append(row.Answers, policy.first(p.ID, goalName(goal)))
			}
			shown.Rows = append(shown.Rows, row)
		}
		out = append(out, shown)
	}
	return out
}

// first returns the policy's first answer to a prompt at a goal.
func (p Policy) first(promptID, goal string) answer {
	for i, s := range p.Samples {
		if s.PromptID == promptID && goalName(s.Goal) == goal {
			a := answer{Given: true, Text: cut(s.Text, shownText), Reward: "–", Cut: s.Finish == table.FinishLength}
			if r := p.reward(i); finite(r) {
				a.Reward, a.Heat = fmt.Sprintf("%.1f", r), int(min(9, max(0, r-1)))
			}
			return a
		}
	}
	return answer{}
}

func cutMessages(messages []table.Message) []table.Message {
	var out []table.Message
	for _, m := range messages {
		out = append(out, table.Message{Role: m.Role, Content: cut(m.Content, shownText)})
	}
	return out
}
