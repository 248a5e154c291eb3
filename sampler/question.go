package sampler

import (
	"fmt"

	"radpo/internal/table"
)

// A question is one prompt at one goal.
type question struct {
	Request
	id   string
	goal []float64
}

// questions are one a prompt and goal. Samples are numbered through the goals
// of their prompt. All are made before the first is asked, so that a prompt
// that cannot be is found at once, not after hours.
func (w *worker) questions(prompts []table.Prompt) ([]question, error) {
	var out []question
	for _, p := range prompts {
		name := fmt.Sprintf("prompt %s (%s)", p.ID, p.Source)
		for g, goal := range w.config.Goals {
			_, ids, err := w.prompter.Prompt(p.Messages, goal)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			r := Request{Name: name, Prompt: ids, N: w.config.N, First: g * w.config.N}
			if err := r.check(w.window); err != nil {
				return nil, err
			}
			out = append(out, question{r, p.ID, goal})
		}
	}
	return out, nil
}

// batches splits questions, in their order, into lists that want at most size
// responses; where one is full, a question goes on in the next.
func batches(questions []question, size int) [][]question {
	var out [][]question
	room := 0
	for _, q := range questions {
		for left := q.N; left > 0; {
			if room == 0 {
				out, room = append(out, nil), size
			}
			q.N = min(left, room)
			out[len(out)-1] = append(out[len(out)-1], q)
			q.First, left, room = q.First+q.N, left-q.N, room-q.N
		}
	}
	return out
}
