package ranker

import (
	"context"
	"fmt"

	"radpo/demo"
	"radpo/internal/torch"
)

// rule is the exact rule of the built-in world. Its gating holds the number of
// sentences and how many of them parse.
type rule struct{}

func (rule) Names() []string { return demo.Attributes[:] }

func (rule) Rank(ctx context.Context, _ *torch.Scope, requests []Request) ([][]Rating, error) {
	out := make([][]Rating, len(requests))
	for i, r := range requests {
		if err := r.check(); err != nil {
			return nil, err
		}
		prompt := r.Messages[len(r.Messages)-1].Content
		for k, answer := range r.Responses {
			m, err := demo.Score(prompt, answer, r.Finished == nil || r.Finished[k])
			if err != nil {
				return nil, fmt.Errorf("ranker.kind rule knows the built-in prompts only: %w", err)
			}
			out[i] = append(out[i], Rating{Score: m.Overall, Attributes: m.Attributes[:], Gating: []float64{float64(m.Sentences), float64(m.Parsed)}})
		}
	}
	return out, ctx.Err()
}
