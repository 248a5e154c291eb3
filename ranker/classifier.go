package ranker

import (
	"context"

	"radpo/configs"
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

func openClassifier(s *torch.Scope, c configs.Ranker, f *hf.Folder, d torch.DType) (Ranker, error) {
	if model.IsEncoder(f) {
		return openEncoder(s, c, f, d)
	}
	r, err := newReader(c, f)
	if err != nil {
		return nil, err
	}
	m, err := model.OpenClassifier(s, f, d, c.Heads == "float32")
	return &classifier{r, m}, err
}

func (c *classifier) Names() []string { return nil }

// Rank implements Ranker.
func (c *classifier) Rank(ctx context.Context, s *torch.Scope, requests []Request) ([][]Rating, error) {
	groups, err := c.groups(requests)
	if err != nil {
		return nil, err
	}
	return rate(ctx, s, groups, c.budget, c.read)
}

// read scores the end of each sequence.
func (c *classifier) read(s *torch.Scope, groups []group, b model.Forks) ([]Rating, error) {
	var last []int64
	for i, g := range groups {
		for k, ids := range g.sequences {
			last = append(last, b.At(i, k, len(ids)-1))
		}
	}
	out := make([]Rating, len(last))
	for i, score := range c.model.Rewards(s, b.Hidden(s, c.model.Body, last)).Floats() {
		out[i].Score = float64(score)
	}
	return out, nil
}
