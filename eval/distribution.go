package eval

import (
	"cmp"
	"slices"

	"radpo/internal/plot"
)

// bins of a distribution; 1–10 is cut in halves of a point.
const bins = 18

// scoreFigures are the distributions of overall scores before and after mapping,
// a line an iteration.
func scoreFigures(in Input) []figure {
	low, high := 0.0, 0.0
	for i, s := range in.Scales {
		for _, v := range s.RawScores {
			if finite(v) && (i == 0 && low == high || v < low) {
				low = v
			}
			if finite(v) {
				high = max(high, v)
			}
		}
	}
	raw := in.distribution("Raw scores", low, high, func(s Scale) []float64 { return s.RawScores })
	return append(raw, in.distribution("Scores mapped to 1–10", 1, 10, func(s Scale) []float64 { return s.Scores })...)
}

func (in Input) distribution(title string, low, high float64, values func(Scale) []float64) []figure {
	l := plot.Lines{Frame: plot.Frame{Title: title, Width: 480, Height: 300, X: plot.Axis{Label: "score"}, Y: plot.Axis{Label: "% of answers"}}}
	for _, s := range in.Scales {
		if points := histogram(values(s), low, high); len(points) > 0 {
			l.Series = append(l.Series, plot.Series{Name: s.Name, Color: colorOf(in.Policies, s.Name, len(l.Series)+1), Points: points})
		}
	}
	return lines(l, "Share of the sampled answers in each of "+number(bins, 0)+" equal steps of the scale.", bins)
}

// histogram is the share of the finite values in each bin, in percent, at the
// bins' middles.
func histogram(values []float64, low, high float64) []plot.Point {
	var counts [bins]float64
	n := 0.0
	for _, v := range values {
		if finite(v) && high > low {
			counts[min(bins-1, max(0, int(bins*((v-low)/(high-low)))))]++
			n++
		}
	}
	if n == 0 {
		return nil
	}
	var out []plot.Point
	for i, c := range counts {
		share := 100 * c / n
		out = append(out, plot.Point{X: low + (float64(i)+0.5)*(high-low)/bins, Y: share, Lo: share, Hi: share})
	}
	return out
}

// lengthGroups of answers, of equal size.
const lengthGroups = 5

// lengthFigure is the mean reward of short and of long answers.
func lengthFigure(in Input) []figure {
	l := plot.Lines{Frame: plot.Frame{Title: "Reward by length of the answer", Width: 1000, Height: 320, X: plot.Axis{Label: "tokens"}, Y: points}, Dots: true}
	for i, p := range in.Policies {
		g, _ := p.inUse()
		rows := slices.DeleteFunc(slices.Clone(g.rows), func(r int) bool { return !finite(p.reward(r)) })
		slices.SortStableFunc(rows, func(a, b int) int { return cmp.Compare(p.tokens(a), p.tokens(b)) })
		s := plot.Series{Name: asUsed(p), Color: i}
		for k := range lengthGroups {
			x, y, n := 0.0, 0.0, 0.0
			for _, r := range rows[k*len(rows)/lengthGroups : (k+1)*len(rows)/lengthGroups] {
				x, y, n = x+p.tokens(r), y+p.reward(r), n+1
			}
			if n > 0 {
				s.Points = append(s.Points, plot.Point{X: x / n, Y: y / n, Lo: y / n, Hi: y / n})
			}
		}
		l.Series = append(l.Series, s)
	}
	return lines(l, "", 100)
}
