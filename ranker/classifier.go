package ranker

import (
	"context"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// classifier is a Bradley–Terry reward model: one score, read at the last
// token of the sequence by its true length, never by a pad id.
type classifier struct {
	reader
	model *model.Classifier
}

func openClassifier(s *torch.Scope, f *hf.Folder, d torch.DType) (Ranker, error) {
	r, err := newReader(f)
	if err != nil {
		return nil, err
	}
	m, err := model.OpenClassifier(s, f, d)
	return &classifier{r, m}, err
}

func (c *classifier) Names() []string { return nil }

// Rank implements Ranker.
func (c *classifier) Rank(ctx context.Context, s *torch.Scope, requests []Request) ([][]Rating, error) {
	groups, err := c.groups(requests)
	if err != nil {
		return nil, err
	}
	return c.rank(ctx, s, groups)
}

func (c *classifier) rank(ctx context.Context, s *torch.Scope, groups []group) ([][]Rating, error) {
	out := make([][]Rating, len(groups))
	err := batches(ctx, s, groups, func(s *torch.Scope, at []int, b model.Forks) error {
		var last []int64
		for i, g := range at {
			for k, ids := range groups[g].sequences {
				last = append(last, b.At(i, k, len(ids)-1))
			}
		}
		hidden := s.Index(b.Flat(s, c.model.Body), 0, s.Longs(last, int64(len(last))))
		scores := c.model.Score.Forward(s, s.To(hidden, torch.Float)).Floats()
		for _, g := range at {
			for range groups[g].sequences {
				out[g] = append(out[g], Rating{Score: float64(scores[0])})
				scores = scores[1:]
			}
		}
		return nil
	})
	return out, err
}
