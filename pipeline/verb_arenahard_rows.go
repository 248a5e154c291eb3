package pipeline

import (
	"context"
	"fmt"

	"radpo/eval"
	"radpo/internal/table"
)

// An arenaRow is a line of model_judgment/JUDGE/MODEL.jsonl.
type arenaRow struct {
	UID      string      `json:"uid"`
	Category string      `json:"category"`
	Judge    string      `json:"judge"`
	Model    string      `json:"model"`
	Baseline string      `json:"baseline"`
	Games    []arenaGame `json:"games"`
}

type arenaGame struct {
	Score    *string   `json:"score"`
	Judgment arenaText `json:"judgment"`
	Prompt   []turn    `json:"prompt"`
}

type arenaText struct {
	Answer string `json:"answer"`
}

func turnsOf(messages []table.Message) []turn {
	out := make([]turn, len(messages))
	for i, m := range messages {
		out[i] = turn(m)
	}
	return out
}

// answers are the model's, in the order of the questions: given, or made here
// and written.
func (a ArenaHard) answers(ctx context.Context, questions []eval.ArenaQuestion) ([]eval.ArenaAnswer, error) {
	if a.Model != "" {
		return a.answer(ctx, questions)
	}
	rows, err := readAnswers[eval.ArenaAnswer](a.Answers, eval.ArenaAnswerShape)
	if err != nil {
		return nil, err
	}
	by := byKey(rows)
	var out []eval.ArenaAnswer
	for _, q := range questions {
		r, ok := by[q.Key()]
		if !ok {
			return nil, inputError("%s: there is no answer to question %s", a.Answers, q.Key())
		}
		out = append(out, r)
	}
	return out, nil
}

// An answered row is a line of model_answer/MODEL.jsonl.
type answered struct {
	UID      string         `json:"uid"`
	AnswerID string         `json:"ans_id"`
	Model    string         `json:"model"`
	Messages [2]any         `json:"messages"`
	Time     float64        `json:"tstamp"`
	Metadata map[string]any `json:"metadata"`
}

func (a ArenaHard) answer(ctx context.Context, questions []eval.ArenaQuestion) ([]eval.ArenaAnswer, error) {
	all := make([]*conversation, len(questions))
	for i, q := range questions {
		all[i] = &conversation{name: "question " + q.Key(), asks: []string{q.Text()}}
	}
	name, err := a.converse(ctx, all)
	if err != nil {
		return nil, err
	}
	var rows []answered
	var out []eval.ArenaAnswer
	for i, q := range questions {
		text := all[i].answers[0]
		style := eval.MarkdownOf(text)
		rows = append(rows, answered{
			UID: q.Key(), AnswerID: fmt.Sprintf("%s-%s-%d", name, q.Key(), a.Seed), Model: name, Time: seconds(),
			Messages: [2]any{turn{"user", q.Text()}, map[string]any{"role": "assistant", "content": arenaText{text}}},
			Metadata: map[string]any{"header_count": style.Headers, "list_count": style.Lists, "bold_count": style.Bold},
		})
		out = append(out, eval.NewArenaAnswer(q.Key(), name, text))
	}
	return out, writeRows(a.Out, "model_answer", name, rows)
}
