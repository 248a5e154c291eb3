package eval

import (
	"math"

	"gonum.org/v1/gonum/floats"
	"gonum.org/v1/gonum/mat"
	"gonum.org/v1/gonum/optimize"
)

// A logistic is a logistic regression without intercept,
//
//	min_θ  Σ_i w_i CE(y_i, σ(x_i·θ)) + penalty/2 |θ|²,
//
// which Bradley–Terry's model (1952) is when x_i has +1 and −1 for the two that
// play.
type logistic struct {
	x       [][]float64
	y       []float64 // in [0, 1]
	penalty float64
}

// fit is the optimum under weights w, from start on. Where the data are
// separable and nothing is penalised there is none; the fit then stops at
// probabilities that are 0 or 1 to many digits.
func (l logistic) fit(w, start []float64) []float64 {
	problem := optimize.Problem{
		Func: func(t []float64) float64 { return l.loss(w, t) },
		Grad: func(g, t []float64) { l.gradient(g, w, t) },
		Hess: func(h *mat.SymDense, t []float64) { l.hessian(h, w, t) },
	}
	settings := &optimize.Settings{GradientThreshold: 1e-9 * floats.Sum(w), MajorIterations: 50, Converger: optimize.NeverTerminate{}}
	// An error is a step too small to make progress, at the optimum.
	result, _ := optimize.Minimize(problem, start, settings, &optimize.Newton{})
	if result == nil || !finite(result.X...) {
		return start
	}
	return result.X
}

func (l logistic) loss(w, t []float64) float64 {
	sum := l.penalty / 2 * floats.Dot(t, t)
	for i, x := range l.x {
		if w[i] != 0 {
			z := floats.Dot(x, t)
			sum += w[i] * (max(z, 0) + math.Log1p(math.Exp(-math.Abs(z))) - l.y[i]*z)
		}
	}
	return sum
}

func (l logistic) gradient(g, w, t []float64) {
	floats.ScaleTo(g, l.penalty, t)
	for i, x := range l.x {
		if w[i] != 0 {
			floats.AddScaled(g, w[i]*(sigmoid(floats.Dot(x, t))-l.y[i]), x)
		}
	}
}

func (l logistic) hessian(h *mat.SymDense, w, t []float64) {
	h.Zero()
	for k := range t {
		h.SetSym(k, k, l.penalty)
	}
	for i, x := range l.x {
		if w[i] == 0 {
			continue
		}
		p := sigmoid(floats.Dot(x, t))
		c := w[i] * p * (1 - p)
		for a, xa := range x {
			if xa == 0 {
				continue
			}
			for b := a; b < len(x); b++ {
				if x[b] != 0 {
					h.SetSym(a, b, h.At(a, b)+c*xa*x[b])
				}
			}
		}
	}
}
