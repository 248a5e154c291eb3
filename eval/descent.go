package eval

import (
	"math"

	"gonum.org/v1/gonum/floats"
)

// A descent minimises |w|₁ + C·Σ weight·CE(target, σ(w·x)) over rows, for one C
// after another. It is a proximal Newton method (Lee, Sun and Saunders 2014),
// exact but for rounding; scikit-learn's liblinear, which the published numbers
// come from, stops at a tolerance of 1e-4.
type descent struct {
	rows    []columns
	w       [3]float64 // where it stands
	at      surface    // there: no C is in it, so that the next C begins with it
	scratch scratch
}

func newDescent(start LengthWeights, rows ...columns) *descent {
	d := &descent{rows: rows, w: start.vector()}
	d.at = d.surface(d.w)
	return d
}

func (d *descent) surface(w [3]float64) (s surface) {
	for i := range d.rows {
		d.rows[i].add(w, &d.scratch, &s)
	}
	return s
}

// fit is the optimum at C; its last step is shorter than least and leaves about
// the square of that.
func (d *descent) fit(c, least float64) LengthWeights {
	const steps = 200
	var step [3]float64
	for range steps {
		gradient, hessian := d.at.times(c)
		if step = proximal(gradient, hessian, d.w); taxicab(step) < least {
			break
		}
		d.move(c, step, dot(step, gradient)+taxicab(plus(d.w, step, 1))-taxicab(d.w))
		step = [3]float64{}
	}
	w := plus(d.w, step, 1)
	return LengthWeights{w[0], w[1], w[2]}
}

// move goes along a step as far as the objective falls enough of what a step of
// length one promises.
func (d *descent) move(c float64, step [3]float64, fall float64) {
	loss := taxicab(d.w) + c*d.at.loss
	for length := 1.0; ; length /= 2 {
		w := plus(d.w, step, length)
		at := d.surface(w)
		if taxicab(w)+c*at.loss <= loss+0.01*length*fall+1e-13*loss || length < 1e-6 {
			d.w, d.at = w, at
			return
		}
	}
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
			moved = max(moved, math.Abs(to-at))
		}
		if moved < least {
			break
		}
	}
	return d
}

// soft is the threshold of the L1 norm: exact zeros come of it.
func soft(v, by float64) float64 {
	return math.Copysign(max(math.Abs(v)-by, 0), v)
}

func taxicab(w [3]float64) float64 { return math.Abs(w[0]) + math.Abs(w[1]) + math.Abs(w[2]) }

func dot(a, b [3]float64) float64 { return a[0]*b[0] + a[1]*b[1] + a[2]*b[2] }

func plus(w, d [3]float64, by float64) [3]float64 {
	return [3]float64{w[0] + by*d[0], w[1] + by*d[1], w[2] + by*d[2]}
}

// Columns are rows of the regression, a slice a feature: sums over rows are then
// products of vectors, which gonum is quick at.
type columns struct {
	x              [3][]float64
	xx             [3][3][]float64 // products of two features, the second not after the first
	target, weight []float64
}

func newColumns(rows []glmRow) (m columns) {
	n := len(rows)
	room := make([]float64, 11*n)
	column := func() []float64 {
		c := room[:n:n]
		room = room[n:]
		return c
	}
	m.target, m.weight = column(), column()
	for j := range m.x {
		m.x[j] = column()
	}
	for i, r := range rows {
		m.target[i], m.weight[i] = r.target, r.weight
		m.x[0][i], m.x[1][i], m.x[2][i] = r.x[0], r.x[1], r.x[2]
	}
	for j, x := range m.x {
		for k := range j + 1 {
			m.xx[j][k] = floats.MulTo(column(), x, m.x[k])
		}
	}
	return m
}

// A scratch is what sums need room for, a number a row: z = w·x and the
// cross-entropy's derivatives by it.
type scratch struct{ z, slope, bend []float64 }

func (s *scratch) grow(n int) {
	if len(s.z) < n {
		s.z, s.slope, s.bend = make([]float64, n), make([]float64, n), make([]float64, n)
	}
}

// A surface is the rows' cross-entropy at a point, with its derivatives.
type surface struct {
	loss     float64
	gradient [3]float64
	hessian  [3][3]float64
}

// add adds the rows to the surface at w.
func (m *columns) add(w [3]float64, by *scratch, s *surface) {
	n := len(m.target)
	by.grow(n)
	z, slope, bend := by.z[:n], by.slope[:n], by.bend[:n]
	floats.ScaleTo(z, w[0], m.x[0])
	floats.AddScaled(z, w[1], m.x[1])
	floats.AddScaled(z, w[2], m.x[2])
	s.loss += m.entropy(z, slope, bend)
	for j, x := range m.x {
		s.gradient[j] += floats.Dot(slope, x)
		for k := range j {
			s.hessian[j][k] += floats.Dot(bend, m.xx[j][k])
			s.hessian[k][j] = s.hessian[j][k]
		}
		s.hessian[j][j] += floats.Dot(bend, m.xx[j][j])
	}
}

// entropy is Σ weight·CE(target, σ(z)); it sets each row's two derivatives by z.
//
//	CE(p, σ(z)) = (1 − p)·z + ln(1 + exp −z)
//
// Where exp −z passes 1e150, which no fit comes near, it may be infinite.
func (m *columns) entropy(z, slope, bend []float64) float64 {
	sum := 0.0
	product, run := 1.0, 0.0 // of 1 + exp −z over rows of one weight: a logarithm for many rows
	for i, z := range z {
		weight, p := m.weight[i], m.target[i]
		if weight != run || product > 1e150 {
			sum += run * math.Log(product)
			product, run = 1, weight
		}
		e := 1 + math.Exp(-z)
		product *= e
		q := 1 / e // σ(z)
		sum += weight * (1 - p) * z
		slope[i] = weight * (q - p)
		bend[i] = weight * q * (1 - q)
	}
	return sum + run*math.Log(product)
}

// times are the derivatives c times.
func (s surface) times(c float64) (gradient [3]float64, hessian [3][3]float64) {
	for j := range s.hessian {
		gradient[j] = c * s.gradient[j]
		for k := range s.hessian[j] {
			hessian[j][k] = c * s.hessian[j][k]
		}
	}
	return gradient, hessian
}
