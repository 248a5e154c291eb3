package eval

import (
	"math"
	"sync"

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

// crossEntropy is −p·ln σ(z) − (1−p)·ln(1−σ(z)).
func crossEntropy(p, z float64) float64 {
	return math.Max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - p*z
}

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

// fit minimises |w|₁ + C·Σ times·weight·crossEntropy from the start w, where
// times says how often each row counts. It is a proximal Newton method (Lee,
// Sun and Saunders 2014), exact but for rounding; scikit-learn's liblinear,
// which the published numbers come from, stops at a tolerance of 1e-4.
func (g glm) fit(c float64, times []float64, start LengthWeights) LengthWeights {
	const steps, least = 200, 1e-6 // the last step leaves about its square
	w := start.vector()
	at := g.evaluate(c, times, w)
	for range steps {
		d := proximal(at.gradient, at.hessian, w)
		if taxicab(d) < least {
			w = plus(w, d, 1)
			break
		}
		fall := dot(d, at.gradient) + taxicab(plus(w, d, 1)) - taxicab(w)
		for length := 1.0; ; length /= 2 {
			next := g.evaluate(c, times, plus(w, d, length))
			if next.loss <= at.loss+0.01*length*fall+1e-13*at.loss || length < 1e-6 {
				w, at = plus(w, d, length), next
				break
			}
		}
	}
	return LengthWeights{w[0], w[1], w[2]}
}

// A surface is the objective at a point; the derivatives are of its smooth part.
type surface struct {
	loss     float64
	gradient [3]float64
	hessian  [3][3]float64
}

func (g glm) evaluate(c float64, times []float64, w [3]float64) surface {
	var s surface
	h := &s.hessian
	product, run := 1.0, 0.0 // of 1 + e over rows of one weight: a logarithm for many rows
	for i := range g.rows {
		r := &g.rows[i]
		weight := times[i] * r.weight
		if weight == 0 {
			continue
		}
		z := dot(w, r.x)
		e := math.Exp(-math.Abs(z))
		if weight != run || product > 1e280 {
			s.loss += run * math.Log(product)
			product, run = 1, weight
		}
		product *= 1 + e
		s.loss += weight * (max(z, 0) - r.target*z)
		q := 1 / (1 + e) // σ(|z|)
		if z < 0 {
			q *= e
		}
		slope, bend := weight*(q-r.target), weight*q*(1-q)
		x, y, m := r.x[0], r.x[1], r.x[2]
		s.gradient[0] += slope * x
		s.gradient[1] += slope * y
		s.gradient[2] += slope * m
		h[0][0] += bend * x * x
		h[1][0] += bend * x * y
		h[1][1] += bend * y * y
		h[2][0] += bend * x * m
		h[2][1] += bend * y * m
		h[2][2] += bend * m * m
	}
	s.loss += run * math.Log(product)
	s.loss = taxicab(w) + c*s.loss
	for j := range s.hessian {
		s.gradient[j] *= c
		for k := range j + 1 {
			s.hessian[j][k] *= c
			s.hessian[k][j] = s.hessian[j][k]
		}
	}
	return s
}

// proximal is the step d that minimises g·d + ½·dᵀHd + |w+d|₁, a coordinate at
// a time.
func proximal(g [3]float64, h [3][3]float64, w [3]float64) (d [3]float64) {
	const sweeps, least = 1000, 1e-15
	for range sweeps {
		moved := 0.0
		for j := range d {
			bend := h[j][j]
			if bend <= 0 { // no row has this feature
				continue
			}
			slope := g[j] + dot(h[j], d)
			at := w[j] + d[j]
			to := soft(at-slope/bend, 1/bend)
			d[j] += to - at
			moved = math.Max(moved, math.Abs(to-at))
		}
		if moved < least {
			break
		}
	}
	return d
}

// soft is the threshold of the L1 norm: exact zeros come of it.
func soft(v, by float64) float64 {
	return math.Copysign(math.Max(math.Abs(v)-by, 0), v)
}

func taxicab(w [3]float64) float64 { return math.Abs(w[0]) + math.Abs(w[1]) + math.Abs(w[2]) }

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func plus(w, d [3]float64, by float64) [3]float64 {
	return [3]float64{w[0] + by*d[0], w[1] + by*d[1], w[2] + by*d[2]}
}

// Cross-validation as upstream has it.
const (
	folds      = 5
	candidates = 10 // of C, from 1e-4 to 1e4
)

// chooseC is the C whose fits predict left-out folds best, of equals the
// smallest. Row i of n is in fold (n−1−i) mod 5: upstream leaves the order of
// equal keys to the processor, so that its choice differs between machines.
func (g glm) chooseC() float64 {
	grid := floats.LogSpan(make([]float64, candidates), 1e-4, 1e4)
	scores := make([][]float64, folds)
	n := len(g.rows)
	var work sync.WaitGroup
	for fold := range folds {
		work.Go(func() {
			times := ones(n)
			for i := n - 1 - fold; i >= 0; i -= folds {
				times[i] = 0
			}
			w := LengthWeights{}
			for _, c := range grid {
				w = g.fit(c, times, w)
				scores[fold] = append(scores[fold], -g.leftOut(times, w))
			}
		})
	}
	work.Wait()
	for _, s := range scores[1:] {
		floats.Add(scores[0], s)
	}
	return grid[floats.MaxIdx(scores[0])]
}

// leftOut is the mean weighted cross-entropy of the rows that do not count.
func (g glm) leftOut(times []float64, w LengthWeights) float64 {
	var sum, n float64
	for i, r := range g.rows {
		if times[i] == 0 {
			sum += r.weight * crossEntropy(r.target, dot(w.vector(), r.x))
			n++
		}
	}
	return sum / n
}
