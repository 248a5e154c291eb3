package ranker

import (
	"context"
	"slices"

	"radpo/internal/model"
	"radpo/internal/torch"
)

// A group is one request as token sequences.
type group struct {
	name      string
	sequences [][]int32  // distinct ones
	prompts   []int      // of each sequence: how many of its tokens are the prompt's
	which     []int      // of each response: its sequence
	cuts      []Cut      // of each response
	fork      model.Fork // what sequences begin with in common is computed once
}

// newGroup shares what conversations, one a response, have in common: equal
// ones are rated once and so alike to the last bit.
func newGroup(name string, conversations []conversation) group {
	g := group{name: name}
	for _, c := range conversations {
		at := slices.IndexFunc(g.sequences, func(other []int32) bool { return slices.Equal(c.ids, other) })
		if at < 0 {
			at = len(g.sequences)
			g.sequences, g.prompts = append(g.sequences, c.ids), append(g.prompts, c.prompt)
		}
		g.which, g.cuts = append(g.which, at), append(g.cuts, c.cut)
	}
	shared := common(g.sequences)
	g.fork.Prompt = g.sequences[0][:shared]
	for _, ids := range g.sequences {
		g.fork.Responses = append(g.fork.Responses, ids[shared:])
	}
	return g
}

// common is the length of what all sequences begin with, leaving each at
// least one token of its own.
func common(sequences [][]int32) int {
	n := len(sequences[0])
	for _, ids := range sequences {
		n = min(n, len(ids)-1)
		for i, id := range ids[:n] {
			if id != sequences[0][i] {
				n = i
				break
			}
		}
	}
	return n
}

// rate calls read with groups of similar length, under a token budget. Read
// returns the ratings of their sequences in order; rate hands them out to the
// responses of each group.
func rate(ctx context.Context, s *torch.Scope, groups []group, budget int, read func(*torch.Scope, []group, model.Forks) ([]Rating, error)) ([][]Rating, error) {
	out := make([][]Rating, len(groups))
	for _, at := range model.Batches(len(groups), budget, func(i int) int { return groups[i].fork.Len() }) {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		var part []group
		var forks []model.Fork
		for _, i := range at {
			part, forks = append(part, groups[i]), append(forks, groups[i].fork)
		}
		var ratings []Rating
		var err error
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) { ratings, err = read(s, part, model.NewForks(s, forks)) })
		})
		if err != nil {
			return nil, err
		}
		for _, i := range at {
			for j, k := range groups[i].which {
				r := ratings[k]
				r.Cut = groups[i].cuts[j]
				out[i] = append(out[i], r)
			}
			ratings = ratings[len(groups[i].sequences):]
		}
	}
	return out, nil
}
