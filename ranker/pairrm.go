package ranker

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// pairRM compares the responses to a prompt two by two, each pair in both
// orders, and makes a score of the outcomes.
type pairRM struct {
	*pairReader
	model *model.PairRM
	configs.PairRM
	budget int // tokens of a batch
}

func openPairRM(s *torch.Scope, c configs.Ranker, f *hf.Folder, d torch.DType) (Ranker, error) {
	m, err := model.OpenPairRM(s, f, d, c.Heads == "float32")
	if err != nil {
		return nil, err
	}
	r, err := newPairReader(f, m.Vocabulary())
	return &pairRM{r, m, c.PairRM, c.BatchTokens}, err
}

// CheckPairRM reports whether f holds a pairwise ranker and its tokenizer,
// without loading weights.
func CheckPairRM(f *hf.Folder) error {
	vocabulary, err := model.CheckPairRM(f)
	if err != nil && vocabulary == 0 {
		return err
	}
	_, text := newPairReader(f, vocabulary)
	return errors.Join(err, text)
}

func (p *pairRM) Names() []string { return nil }

// A contest is one request on its way.
type contest struct {
	source     []int32
	candidates [][]int32 // distinct ones
	which      []int     // of each response: its candidate
	logits     matrix    // of candidates
	ratings    []Rating
}

// A match is one comparison of two candidates of a contest.
type match struct{ contest, first, second int }

// Rank implements Ranker.
func (p *pairRM) Rank(ctx context.Context, s *torch.Scope, requests []Request) ([][]Rating, error) {
	requests, err := checked(requests)
	if err != nil {
		return nil, err
	}
	contests := make([]*contest, len(requests))
	for i, q := range requests {
		if contests[i], err = p.contest(q); err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
	}
	score := p.all
	if p.Aggregation == "bubble" {
		score = p.bubble
	}
	scores, err := score(ctx, s, contests)
	if err != nil {
		return nil, err
	}
	out := make([][]Rating, len(contests))
	for i, c := range contests {
		pairwise := c.logits.expand(c.which)
		for k := range c.ratings {
			c.ratings[k].Score, c.ratings[k].Pairwise = scores[i][k], pairwise[k]
		}
		out[i] = c.ratings
	}
	return out, nil
}

func (p *pairRM) contest(q Request) (*contest, error) {
	text, candidates, err := pairTexts(p.PromptForm, q)
	if err != nil {
		return nil, err
	}
	source := p.part(sourcePrefix, text, p.sourceMax)
	limit := p.candidateLimit(source)
	c := &contest{source: source.ids}
	for _, text := range candidates {
		own := p.part(firstPrefix, text, limit)
		at := slices.IndexFunc(c.candidates, func(other []int32) bool { return slices.Equal(other, own.ids) })
		if at < 0 {
			at = len(c.candidates)
			c.candidates = append(c.candidates, own.ids)
		}
		c.which = append(c.which, at)
		c.ratings = append(c.ratings, Rating{Cut: Cut{Prompt: source.cut, Response: own.cut}, Cleaned: source.cleaned || own.cleaned})
	}
	c.logits = newMatrix(len(c.candidates))
	return c, nil
}

// all compares every ordered pair of responses and scores by the matrix.
func (p *pairRM) all(ctx context.Context, s *torch.Scope, contests []*contest) ([][]float64, error) {
	var matches []match
	for i, c := range contests {
		times := make([]int, len(c.candidates))
		for _, k := range c.which {
			times[k]++
		}
		for a := range c.candidates {
			for b := range c.candidates {
				if a != b || times[a] > 1 { // equal responses meet, too
					matches = append(matches, match{i, a, b})
				}
			}
		}
	}
	if err := p.play(ctx, s, contests, matches); err != nil {
		return nil, err
	}
	scores := make([][]float64, len(contests))
	for i, c := range contests {
		if m := c.logits.expand(c.which); p.Aggregation == "wins" {
			scores[i] = m.wins()
		} else {
			scores[i] = m.means()
		}
	}
	return scores, nil
}

// bubble finds the best and the worst candidate alone, in 4(N−1) comparisons:
// along a random order each is held against the best and the worst so far and
// takes the place of one that it equals or passes. The best scores 1, the
// worst −1, others 0.
func (p *pairRM) bubble(ctx context.Context, s *torch.Scope, contests []*contest) ([][]float64, error) {
	orders := make([][]int, len(contests))
	best, worst, rounds := make([]int, len(contests)), make([]int, len(contests)), 0
	for i, c := range contests {
		orders[i] = order(c)
		best[i], worst[i] = orders[i][0], orders[i][0]
		rounds = max(rounds, len(orders[i]))
	}
	for round := 1; round < rounds; round++ {
		var matches []match
		for i, o := range orders {
			if round < len(o) {
				matches = append(matches, bothOrders(i, best[i], o[round])...)
				if worst[i] != best[i] {
					matches = append(matches, bothOrders(i, worst[i], o[round])...)
				}
			}
		}
		if err := p.play(ctx, s, contests, matches); err != nil {
			return nil, err
		}
		for i, o := range orders {
			if round < len(o) {
				m, next := contests[i].logits, o[round]
				if m[best[i]][next]-m[next][best[i]] <= 0 {
					best[i] = next
				}
				if m[worst[i]][next]-m[next][worst[i]] >= 0 {
					worst[i] = next
				}
			}
		}
	}
	scores := make([][]float64, len(contests))
	for i, c := range contests {
		for _, k := range c.which {
			scores[i] = append(scores[i], float64(one(k == best[i])-one(k == worst[i])))
		}
	}
	return scores, nil
}

func bothOrders(contest, a, b int) []match { return []match{{contest, a, b}, {contest, b, a}} }

// order is a random order of a contest's candidates that depends on its prompt
// alone.
func order(c *contest) []int {
	h := fnv.New64a()
	for _, id := range c.source {
		h.Write([]byte{byte(id), byte(id >> 8), byte(id >> 16), byte(id >> 24)})
	}
	return rand.New(rand.NewPCG(h.Sum64(), 0)).Perm(len(c.candidates))
}

// play enters the logits of matches, in batches of similar length under the
// token budget.
func (p *pairRM) play(ctx context.Context, s *torch.Scope, contests []*contest, matches []match) error {
	length := func(i int) int {
		m := matches[i]
		c := contests[m.contest]
		return len(c.source) + len(c.candidates[m.first]) + len(c.candidates[m.second])
	}
	for _, batch := range model.Batches(len(matches), p.budget, length) {
		if err := ctx.Err(); err != nil {
			return err
		}
		var sequences [][]int32
		var at [][]int
		for _, i := range batch {
			m := matches[i]
			c := contests[m.contest]
			ids, places := p.join(c.source, c.candidates[m.first], c.candidates[m.second])
			sequences, at = append(sequences, ids), append(at, places)
		}
		var logits []float32
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) { logits = p.model.Logits(s, sequences, at).Floats() })
		})
		for k, i := range batch {
			m := matches[i]
			contests[m.contest].logits[m.first][m.second] = float64(logits[k])
		}
	}
	return nil
}
