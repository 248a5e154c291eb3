package sampler

import (
	"fmt"

	"radpo/internal/table"
)

// A question is one prompt at one goal.
type question struct {
	Request
	id       string
	goal     []float64
	messages []table.Message // what Prompt is of
}

// questions are one a prompt and goal. Samples are numbered through the goals
// of their prompt. All are made before the first is asked, so that a prompt
// that cannot be is found at once, not after hours.
func (w *worker) questions(prompts []table.Prompt) ([]question, error) {
	var out []question
	for _, p := range prompts {
		name := fmt.Sprintf("prompt %s (%s)", p.ID, p.Source)
		for g, goal := range w.config.Goals {
			messages, ids, err := w.prompter.Prompt(p.Messages, goal)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", name, err)
			}
			r := Request{Name: name, Prompt: ids, N: w.config.N, First: g * w.config.N}
			if err := r.check(w.window, w.vocabulary, w.config.MaxTokens); err != nil {
				return nil, err
			}
			out = append(out, question{r, p.ID, goal, messages})
		}
	}
	return out, nil
}
