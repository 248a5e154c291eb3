package sampler

import (
	"context"

	"radpo/internal/model"
	"radpo/internal/torch"
)

// eager computes plans operator by operator on any device and in any dtype. It
// is what the decoder in C++ is held to.
type eager struct {
	policy model.Policy
	pool   pool
}

// step implements computer: prompts first, each whole and padded on the right,
// then a token of each row.
func (e *eager) step(_ context.Context, s *torch.Scope, p *plan, d *draws) error {
	e.pool.reserve(s, p)
	var states []torch.Tensor // of the draws, in their order
	if len(p.chunks) > 0 {
		if t := e.prompts(s, p.chunks); t.Defined() {
			states = append(states, t)
		}
	}
	if len(p.rows) > 0 {
		states = append(states, e.rows(s, p.rows))
	}
	if len(d.list) == 0 {
		return nil
	}
	inParts(s, s.Cat(states, 0), func(s *torch.Scope, some torch.Tensor, i, n int) {
		d.make(s.To(e.policy.Logits(s, some), torch.Float), i, n)
	})
	return nil
}

// inParts calls f with n rows of states at a time, from row i on: so few that
// their logits do not fill memory.
func inParts(s *torch.Scope, states torch.Tensor, f func(s *torch.Scope, some torch.Tensor, i, n int)) {
	const most = 256
	for i, total := 0, int(states.Dim(0)); i < total; i += most {
		n := min(most, total-i)
		s.Each(func(s *torch.Scope) { f(s, s.Narrow(states, 0, int64(i), int64(n)), i, n) })
	}
}

// prompts computes whole prompts and returns the states of the tokens that are
// asked about, [N,D], or nothing.
func (e *eager) prompts(s *torch.Scope, chunks []chunk) torch.Tensor {
	width := 0
	for _, c := range chunks {
		width = max(width, c.to)
	}
	n := len(chunks)
	ids, positions := make([]int64, n*width), make([]int64, n*width)
	var places, asked []int64
	e.pool.clear()
	for i, c := range chunks {
		for t := range width {
			at := i*width + t
			positions[at] = int64(t)
			if t >= c.to {
				continue
			}
			ids[at] = int64(c.Prompt[t])
			places = append(places, int64(at))
			e.pool.put(c.blocks, t)
			if c.Prompts && !c.told {
				asked = append(asked, int64(at))
			}
		}
	}
	rows, t := int64(n), int64(width)
	e.pool.fresh = s.Longs(places, int64(len(places)))
	e.pool.begin(s)
	in := model.Input{IDs: s.Longs(ids, rows, t), Positions: s.Longs(positions, rows, t), KV: &e.pool}
	hidden := e.policy.Hidden(s, in)
	if len(asked) == 0 {
		return torch.Tensor{}
	}
	return s.Index(s.View(hidden, -1, hidden.Dim(-1)), 0, s.Longs(asked, int64(len(asked))))
}

// rows feeds each sequence its next token and returns the states of those that
// draw, [N,D].
func (e *eager) rows(s *torch.Scope, list []*sequence) torch.Tensor {
	n := len(list)
	ids, positions := make([]int64, n), make([]int64, n)
	var drawn []int64
	span := 0
	e.pool.clear()
	for i, q := range list {
		at := q.shared() + q.fed
		ids[i], positions[i], span = int64(q.next()), int64(at), max(span, at+1)
		e.pool.put(q.blocks, q.fed)
		if q.newest() {
			drawn = append(drawn, int64(i))
		}
	}
	e.pool.look(s, list, span)
	e.pool.begin(s)
	rows := int64(n)
	in := model.Input{
		IDs: s.Longs(ids, rows, 1), Positions: s.Longs(positions, rows, 1),
		Mask: s.Bools(filled(positions, span), rows, 1, 1, int64(span)), KV: &e.pool,
	}
	hidden := s.Select(e.policy.Hidden(s, in), 1, 0)
	return s.Index(hidden, 0, s.Longs(drawn, int64(len(drawn))))
}

// filled is true where row i has a token: positions 0 … last[i].
func filled(last []int64, span int) []bool {
	mask := make([]bool, len(last)*span)
	for i, n := range last {
		row := mask[i*span:]
		for j := range n + 1 {
			row[j] = true
		}
	}
	return mask
}
