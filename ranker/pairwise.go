package ranker

import (
	"encoding/json"
	"fmt"
)

// A matrix holds logits of pairs, or results of games: at [i][j] how much
// better response i is than j when i is read first. The diagonal and what was
// not compared are zero.
type matrix [][]float64

func newMatrix(n int) matrix {
	m := make(matrix, n)
	for i := range m {
		m[i] = make([]float64, n)
	}
	return m
}

// expand gives each response the row and column of its candidate: equal ones
// were compared once.
func (m matrix) expand(which []int) matrix {
	out := newMatrix(len(which))
	for i, a := range which {
		for j, b := range which {
			if i != j {
				out[i][j] = m[a][b]
			}
		}
	}
	return out
}

// means are LLM-Blender's scores, s_i = (1/N)·Σ_j (M[i,j] − M[j,i]): both
// orders count, so that a bias for a place cancels, and they add up to zero.
func (m matrix) means() []float64 {
	out := make([]float64, len(m))
	for i := range m {
		for j := range m {
			out[i] += (m[i][j] - m[j][i]) / float64(len(m))
		}
	}
	return out
}

// wins count in how many of its 2(N−1) comparisons a response is the better.
func (m matrix) wins() []float64 {
	out := make([]float64, len(m))
	for i := range m {
		for j := range m {
			out[i] += float64(one(m[i][j] > 0) + one(m[j][i] < 0))
		}
	}
	return out
}

// A PositionBias says how much a pairwise ranker minds which response it
// reads first.
type PositionBias struct {
	Pairs   int     `json:"pairs"`   // of different responses, compared in both orders
	Flipped int     `json:"flipped"` // of these with another winner in the other order
	Mean    float64 `json:"mean"`    // of M[i,j] + M[j,i]: above zero the first place is favoured
}

// biasKey is where a table's metadata keeps its PositionBias.
const biasKey = "position_bias"

// ReadPositionBias is that of a scores table, and whether it has one.
func ReadPositionBias(meta map[string]string) (b PositionBias, ok bool) {
	return b, json.Unmarshal([]byte(meta[biasKey]), &b) == nil
}

// String is one line for a log.
func (b PositionBias) String() string {
	return fmt.Sprintf("position bias: %d of %d pairs (%.1f %%) have another winner in the other order; mean of both logits %+.3f (above zero: the first place is favoured)",
		b.Flipped, b.Pairs, 100*float64(b.Flipped)/float64(b.Pairs), b.Mean)
}

// add counts the pairs of one request's ratings.
func (b *PositionBias) add(q Request, ratings []Rating) {
	var o PositionBias
	for i, r := range ratings {
		for j := range min(i, len(r.Pairwise)) {
			ahead, behind := r.Pairwise[j], ratings[j].Pairwise[i]
			if q.Responses[i] == q.Responses[j] || ahead == 0 && behind == 0 {
				continue
			}
			o.Pairs++
			o.Flipped += one(ahead > 0 && behind > 0 || ahead < 0 && behind < 0)
			o.Mean += (ahead + behind - o.Mean) / float64(o.Pairs)
		}
	}
	b.join(o)
}

func (b *PositionBias) join(o PositionBias) {
	b.Pairs += o.Pairs
	b.Flipped += o.Flipped
	if b.Pairs > 0 {
		b.Mean += (o.Mean - b.Mean) * float64(o.Pairs) / float64(b.Pairs)
	}
}
