package eval

import (
	"iter"
	"math"
	"slices"
)

// columns are the values of the rows that have all of them, with their prompts.
func (c comparison) columns(x, y func(row int) float64) (prompts []string, xs, ys []float64) {
	for i, p := range c.prompts {
		if finite(x(i), y(i)) {
			prompts, xs, ys = append(prompts, p), append(xs, x(i)), append(ys, y(i))
		}
	}
	return prompts, xs, ys
}

// groups yields the rows of each prompt that have all the values, where those
// are two or more.
func (c comparison) groups(values ...func(row int) float64) iter.Seq2[string, []int] {
	return func(yield func(string, []int) bool) {
		for i := 0; i < len(c.prompts); {
			var rows []int
			prompt := c.prompts[i]
			for ; i < len(c.prompts) && c.prompts[i] == prompt; i++ {
				if !slices.ContainsFunc(values, func(v func(int) float64) bool { return !finite(v(i)) }) {
					rows = append(rows, i)
				}
			}
			if len(rows) > 1 && !yield(prompt, rows) {
				return
			}
		}
	}
}

// ends are the rows of the lowest and the highest value, of equals the first.
func ends(rows []int, value func(row int) float64) (e [2]int) {
	e = [2]int{rows[0], rows[0]}
	for _, i := range rows[1:] {
		if value(i) < value(e[0]) {
			e[0] = i
		}
		if value(i) > value(e[1]) {
			e[1] = i
		}
	}
	return e
}

// A ratio is a sum over another, by prompts.
type ratio struct {
	prompts []string
	part    []float64
	whole   []float64
}

func (r *ratio) add(prompt string, part, whole int) {
	r.prompts, r.part, r.whole = append(r.prompts, prompt), append(r.part, float64(part)), append(r.whole, float64(whole))
}

func (r *ratio) of(w []float64) float64 {
	var part, whole float64
	for i := range w {
		part += w[i] * r.part[i]
		whole += w[i] * r.whole[i]
	}
	return part / whole
}

// kendall is the correlation τ-b (Kendall 1945): of all pairs of rows, those in
// the same order in x and y less those in the other, over the geometric mean of
// the pairs that x orders and those that y does. A row that counts w times is w
// rows. Gonum's, of τ-a, compares every pair with every other.
func kendall(x, y []float64) statistic {
	byX, byY := order(x), order(y)
	place := make([]int, len(y)) // of a row among the distinct values of y, from 1
	distinct := 0
	for k, i := range byY {
		if k == 0 || y[i] != y[byY[k-1]] {
			distinct++
		}
		place[i] = distinct
	}
	sums := make(prefix, distinct+1)
	return func(w []float64) float64 {
		clear(sums)
		var total, agree float64
		for k := 0; k < len(byX); {
			end := k
			for ; end < len(byX) && x[byX[end]] == x[byX[k]]; end++ {
				i := byX[end]
				agree += w[i] * (sums.upTo(place[i]-1) - (total - sums.upTo(place[i])))
			}
			for ; k < end; k++ {
				sums.add(place[byX[k]], w[byX[k]])
				total += w[byX[k]]
			}
		}
		pairs := total * (total - 1) / 2
		return agree / math.Sqrt((pairs-equal(x, byX, w))*(pairs-equal(y, byY, w)))
	}
}

// equal counts the pairs of rows with one value.
func equal(v []float64, ascending []int, w []float64) float64 {
	pairs, n := 0.0, 0.0
	for k, i := range ascending {
		if k > 0 && v[i] != v[ascending[k-1]] {
			pairs += n * (n - 1) / 2
			n = 0
		}
		n += w[i]
	}
	return pairs + n*(n-1)/2
}

// A prefix holds sums of what stands at 1 … i (Fenwick 1994).
type prefix []float64

func (p prefix) add(i int, v float64) {
	for ; i < len(p); i += i & -i {
		p[i] += v
	}
}

func (p prefix) upTo(i int) float64 {
	sum := 0.0
	for ; i > 0; i -= i & -i {
		sum += p[i]
	}
	return sum
}
