package model

import (
	"slices"

	"radpo/internal/nn"
	"radpo/internal/torch"
)

// A Fork is a prompt and the responses that branch from it. The prompt's work
// is done once: every response sees the prompt and itself, never another.
type Fork struct {
	Prompt    []int32
	Responses [][]int32
}

// Len is the number of tokens that a fork costs.
func (f Fork) Len() int {
	n := len(f.Prompt)
	for _, r := range f.Responses {
		n += len(r)
	}
	return n
}

// Forks is a batch of forks, without padding.
type Forks struct {
	Input
	forks    []Fork
	prompts  []int   // where each prompt begins
	branches [][]int // [fork][response]: where it begins
}

// NewForks lays out forks, prompts first, as one sequence [1,M].
func NewForks(s *torch.Scope, forks []Fork) Forks {
	b := Forks{forks: forks}
	var ids, positions []int64
	put := func(tokens []int32, from int) (at int) {
		at = len(ids)
		for i, id := range tokens {
			ids, positions = append(ids, int64(id)), append(positions, int64(from+i))
		}
		return at
	}
	for _, f := range forks {
		b.prompts = append(b.prompts, put(f.Prompt, 0))
		var starts []int
		for _, r := range f.Responses {
			starts = append(starts, put(r, len(f.Prompt)))
		}
		b.branches = append(b.branches, starts)
	}
	m := int64(len(ids))
	b.IDs, b.Positions = s.Longs(ids, 1, m), s.Longs(positions, 1, m)
	b.Input.Forks = b.rows(s, len(ids))
	return b
}

// rows is the batch of m tokens as attention wants it.
func (b Forks) rows(s *torch.Scope, m int) *nn.Forks {
	var prompts, branches []stretch
	for i, f := range b.forks {
		prompts = append(prompts, stretch{own: b.prompts[i], n: len(f.Prompt)})
		for k, r := range f.Responses {
			branches = append(branches, stretch{b.prompts[i], len(f.Prompt), b.branches[i][k], len(r)})
		}
	}
	back := make([]int64, m)
	first := rowsOf(s, prompts, back, 0)
	return &nn.Forks{Prompts: first, Branches: rowsOf(s, branches, back, first.Tokens.Len()), Back: s.Longs(back, int64(m))}
}

// A stretch is n tokens of a batch from the place own on, behind so many of a
// prompt.
type stretch struct{ prompt, before, own, n int }

// lanes is what rows are padded to a multiple of. Attention adds up so many
// numbers at once: then a row's sums do not depend on how far others pad it,
// and a token's logits are the same to the last bit in any company.
const lanes = 16

// rowsOf is a row a stretch, and notes in back where each token stands when the
// first does at place base.
func rowsOf(s *torch.Scope, list []stretch, back []int64, base int64) nn.Rows {
	width, reach := 1, 1
	for _, r := range list {
		width, reach = max(width, r.n), max(reach, r.before+r.n)
	}
	width, reach = (width+lanes-1)/lanes*lanes, (reach+lanes-1)/lanes*lanes
	n, t, all := int64(len(list)), int64(width), int64(reach)
	tokens, positions := make([]int64, n*t), make([]int64, n*t)
	seen, keys := make([]int64, n*all), make([]int64, n*all)
	for i, r := range list {
		for j := range width {
			at := i*width + j
			positions[at] = int64(min(r.before+j, reach-1)) // even padding sees a key
			if j < r.n {
				tokens[at], back[r.own+j] = int64(r.own+j), base+int64(at)
			}
		}
		for k := range reach {
			at := i*reach + k
			switch keys[at] = int64(k); {
			case k < r.before:
				seen[at] = int64(r.prompt + k)
			case k < r.before+r.n:
				seen[at] = int64(r.own + k - r.before)
			}
		}
	}
	return nn.Rows{
		Tokens: s.Longs(tokens, n*t), Seen: s.Longs(seen, n*all),
		Positions: s.Longs(positions, n, t), Keys: s.Longs(keys, n, all),
		Mask: sight(s, list, width, reach),
	}
}

// sight is the mask of rows: a token sees its prompt and what came before it.
// Without prompts that is causal.
func sight(s *torch.Scope, list []stretch, width, reach int) torch.Tensor {
	if !slices.ContainsFunc(list, func(r stretch) bool { return r.before > 0 }) {
		return torch.Tensor{}
	}
	mask := make([]bool, len(list)*width*reach)
	for i, r := range list {
		for j := range width {
			row := mask[(i*width+j)*reach:][:reach]
			for k := range min(r.before+j+1, reach) {
				row[k] = true
			}
		}
	}
	return s.Bools(mask, int64(len(list)), 1, int64(width), int64(reach))
}

// At is the place in the batch of token t of the sequence that fork i's prompt
// and its response k make.
func (b Forks) At(i, k, t int) int64 {
	if prompt := len(b.forks[i].Prompt); t >= prompt {
		return int64(b.branches[i][k] + t - prompt)
	}
	return int64(b.prompts[i] + t)
}

// Hidden is the hidden states of the tokens at places of the batch, [N,D]. A
// few are filled up to lanes, as a product of one row rounds in its own way.
func (b Forks) Hidden(s *torch.Scope, m Body, places []int64) torch.Tensor {
	n := int64(len(places))
	places = append(slices.Clone(places), make([]int64, max(0, lanes-len(places)))...)
	in := b.Input
	in.Leave = s.Longs(places, int64(len(places)))
	return s.Narrow(m.Hidden(s, in), 0, 0, n)
}

// Flat is the hidden state of every token, [M,D].
func (b Forks) Flat(s *torch.Scope, m Body) torch.Tensor {
	hidden := m.Hidden(s, b.Input)
	return s.View(hidden, -1, hidden.Dim(-1))
}

// Logps is the log-probability of every response token, [N] fp32 in order of
// forks, responses and tokens.
func (b Forks) Logps(s *torch.Scope, p Policy) torch.Tensor {
	hidden, ids := b.Predictors(s, p)
	return p.Logps(s, hidden, ids)
}

// Predictors is the hidden states that predict each response token, [N,D], and
// the tokens, [N], in the order of Logps.
func (b Forks) Predictors(s *torch.Scope, p Policy) (states, ids torch.Tensor) {
	var from, targets []int64 // the token that predicts, and what it should
	for i, f := range b.forks {
		for k, r := range f.Responses {
			for j, id := range r {
				from, targets = append(from, b.At(i, k, len(f.Prompt)+j-1)), append(targets, int64(id))
			}
		}
	}
	return b.Hidden(s, p, from), s.Longs(targets, int64(len(targets)))
}

// Batches splits the numbers 0 … n−1 into batches of similar length, longest
// first, of at most budget tokens each, padding included; one item may exceed it.
func Batches(n, budget int, length func(int) int) [][]int {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return length(b) - length(a) })
	var out [][]int
	for len(order) > 0 {
		k := min(max(1, budget/max(1, length(order[0]))), len(order))
		out = append(out, order[:k])
		order = order[k:]
	}
	return out
}
