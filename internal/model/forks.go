package model

import (
	"slices"

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

// Forks is a batch of forks, padded on the right to the longest, T.
type Forks struct {
	Input
	starts [][]int // [fork][response]: where the response begins in its row
	forks  []Fork
	width  int // T
}

// NewForks lays out forks as one batch.
func NewForks(s *torch.Scope, forks []Fork) Forks {
	b := Forks{forks: forks}
	for _, f := range forks {
		b.width = max(b.width, f.Len())
	}
	rows, t := int64(len(forks)), int64(b.width)
	ids, positions := make([]int64, rows*t), make([]int64, rows*t)
	branch := make([]int, rows*t) // 0 prompt, 1… responses, −1 padding
	for i, f := range forks {
		row := i * b.width
		b.starts = append(b.starts, b.lay(f, ids[row:row+b.width], positions[row:row+b.width], branch[row:row+b.width]))
	}
	b.IDs, b.Positions = s.Longs(ids, rows, t), s.Longs(positions, rows, t)
	b.Mask = s.Bools(seen(branch, b.width), rows, 1, t, t)
	return b
}

// lay fills one row and returns where its responses begin.
func (b *Forks) lay(f Fork, ids, positions []int64, branch []int) []int {
	at := 0
	put := func(tokens []int32, from, part int) {
		for i, id := range tokens {
			ids[at], positions[at], branch[at] = int64(id), int64(from+i), part
			at++
		}
	}
	put(f.Prompt, 0, 0)
	var starts []int
	for i, r := range f.Responses {
		starts = append(starts, at)
		put(r, len(f.Prompt), i+1)
	}
	for ; at < len(branch); at++ {
		branch[at] = -1
	}
	return starts
}

// seen is the mask [B,T,T]: token i sees token j up to itself when j is of the
// prompt or of i's own branch. Padding sees itself, so that no row is empty.
func seen(branch []int, width int) []bool {
	mask := make([]bool, len(branch)*width)
	for i, own := range branch {
		first := i / width * width
		row := mask[i*width : (i+1)*width]
		for j, part := range branch[first : i+1] {
			row[j] = part == own || part == 0 && own > 0
		}
	}
	return mask
}

// At is the place in Flat of token t of the sequence that fork i's prompt and
// its response k make.
func (b Forks) At(i, k, t int) int64 {
	if prompt := len(b.forks[i].Prompt); t >= prompt {
		t += b.starts[i][k] - prompt
	}
	return int64(i*b.width + t)
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
	var from, targets []int64 // the flat token that predicts, and what it should
	for i, f := range b.forks {
		for k, r := range f.Responses {
			for j, id := range r {
				from, targets = append(from, b.At(i, k, len(f.Prompt)+j-1)), append(targets, int64(id))
			}
		}
	}
	n := int64(len(from))
	hidden := b.Flat(s, p)
	return s.Index(hidden, 0, s.Longs(from, n)), s.Longs(targets, n)
}

// Flat is the hidden state of every token, [B·T, D].
func (b Forks) Flat(s *torch.Scope, m Body) torch.Tensor {
	hidden := m.Hidden(s, b.Input)
	return s.View(hidden, -1, hidden.Dim(-1))
}

// Batches splits the numbers 0 … n−1 into batches of similar length, longest
// first, of at most budget padded tokens each; one item may exceed it.
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
