package eval

import (
	"encoding/binary"
	"math"
	"math/bits"
	"slices"
	"sync"
	"unicode/utf8"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/stat"
)

// A glm is the logistic regression without intercept by which AlpacaEval 2
// controls for length (arXiv:2404.04475): the log-odds that a model's output
// beats the baseline's are
//
//	w_len·tanh((len_1 − len_2)/s) + w_difficulty·d + w_model
//
// and of a gamed row, which belongs to the baseline itself, the same without
// w_model.
type glm struct {
	rows  []glmRow // the gamed ones first
	gamed int
}

// A glmRow is an observation.
type glmRow struct {
	x      [3]float64 // tanh of the length difference, difficulty, 1 if the model's own
	target float64    // probability
	weight float64
}

// LengthWeights are the coefficients of one model's length control.
type LengthWeights struct {
	Length     float64 `json:"w_len"`
	Difficulty float64 `json:"w_difficulty"`
	Model      float64 `json:"w_model"`
}

func (w LengthWeights) vector() [3]float64 { return [3]float64{w.Length, w.Difficulty, w.Model} }

// Probability is that of beating the baseline by an output of the same length.
func (w LengthWeights) Probability(difficulty float64) float64 {
	return sigmoid(w.Model + w.Difficulty*difficulty)
}

func sigmoid(z float64) float64 { return 1 / (1 + math.Exp(-z)) }

// standardised is the tanh of differences over their deviation, which is not
// taken around their mean.
func standardised(differences []float64) []float64 {
	s := stat.StdDev(differences, nil)
	out := make([]float64, len(differences))
	for i, d := range differences {
		if s > 0 {
			out[i] = math.Tanh(d / s)
		}
	}
	return out
}

// characters are a valid text's code points: its bytes but those that go on with
// one.
func characters(text string) int {
	b := []byte(text) // which copies nothing
	n := len(b)
	for ; len(b) >= 8; b = b[8:] {
		word := binary.LittleEndian.Uint64(b)
		n -= bits.OnesCount64(word >> 7 &^ (word >> 6) & 0x0101010101010101)
	}
	for _, c := range b {
		if !utf8.RuneStart(c) {
			n--
		}
	}
	return n
}

// counted are the rows with each counted as often as times says.
func (g glm) counted(times []float64) []glmRow {
	out := make([]glmRow, 0, len(g.rows))
	for i, r := range g.rows {
		if times[i] != 0 {
			r.weight *= times[i]
			out = append(out, r)
		}
	}
	return out
}

// Cross-validation as upstream has it.
const (
	folds      = 5
	candidates = 10 // of C, from 1e-4 to 1e4

	near, exact = 1e-4, 1e-6 // how short a fit's last step is, of a fold and of all rows
)

// chooseC is the C whose fits predict left-out folds best, of equals the
// smallest. Row i of n is in fold (n−1−i) mod 5: upstream leaves the order of
// equal keys to the processor, so that its choice differs between machines.
func (g glm) chooseC() float64 {
	grid := floats.LogSpan(make([]float64, candidates), 1e-4, 1e4)
	var parts [folds]columns
	for fold := range parts {
		parts[fold] = g.fold(fold)
	}
	var scores [folds][]float64
	var work sync.WaitGroup
	for fold := range folds {
		work.Go(func() {
			left := newDescent(LengthWeights{}, parts[fold])
			rest := newDescent(LengthWeights{}, slices.Delete(slices.Clone(parts[:]), fold, fold+1)...)
			for _, c := range grid {
				loss := left.surface(rest.fit(c, near).vector()).loss
				scores[fold] = append(scores[fold], -loss/float64(len(parts[fold].target)))
			}
		})
	}
	work.Wait()
	for _, s := range scores[1:] {
		floats.Add(scores[0], s)
	}
	return grid[floats.MaxIdx(scores[0])]
}

func (g glm) fold(fold int) columns {
	rows := make([]glmRow, 0, len(g.rows)/folds+1)
	for i := len(g.rows) - 1 - fold; i >= 0; i -= folds {
		rows = append(rows, g.rows[i])
	}
	return newColumns(rows)
}
