package plot

import (
	"fmt"
	"strings"
)

// Lines is one line a series, with a band where its points have intervals.
type Lines struct {
	Frame
	Series   []Series
	Dots     bool // mark every point
	Diagonal bool // draw y = x, for goal asked against reward reached
}

// SVG returns the figure as one element.
func (l Lines) SVG() string {
	var xs, ys []float64
	lines := make([][]Point, len(l.Series))
	for i, s := range l.Series {
		lines[i] = finite(s.Points)
		for _, p := range lines[i] {
			xs, ys = append(xs, p.X), append(ys, p.Y, p.Lo, p.Hi)
		}
	}
	l.X, l.Y = l.X.fit(xs), l.Y.fit(ys)
	c := open(l.Frame, l.Series, 0)
	c.bottomAxis(l.X)
	if l.Diagonal {
		lo, hi := max(l.X.Min, l.Y.Min), min(l.X.Max, l.Y.Max)
		c.line("diagonal", c.x.at(lo), c.y.at(lo), c.x.at(hi), c.y.at(hi))
	}
	for i, s := range l.Series {
		c.band(s, lines[i])
	}
	for i, s := range l.Series {
		c.curve(s, lines[i])
		if !l.Dots {
			continue
		}
		for _, p := range lines[i] {
			fmt.Fprintf(c, `<circle class="fill %s" cx="%s" cy="%s" r="3.6">%s</circle>`,
				s.class(), px(c.x.at(p.X)), px(c.y.at(p.Y)), tip(s.Name, p))
		}
	}
	return c.close()
}

// band fills the area between the intervals' ends.
func (c *canvas) band(s Series, points []Point) {
	var up, down []string
	wide := false
	for i, p := range points {
		q := points[len(points)-1-i]
		up = append(up, px(c.x.at(p.X))+" "+px(c.y.at(p.Hi)))
		down = append(down, px(c.x.at(q.X))+" "+px(c.y.at(q.Lo)))
		wide = wide || p.Lo != p.Hi
	}
	if wide {
		fmt.Fprintf(c, `<path class="band %s" d="M%sZ"/>`, s.class(), strings.Join(append(up, down...), "L"))
	}
}

func (c *canvas) curve(s Series, points []Point) {
	var at []string
	for _, p := range points {
		at = append(at, px(c.x.at(p.X))+" "+px(c.y.at(p.Y)))
	}
	if len(at) > 0 {
		fmt.Fprintf(c, `<path class="line %s" d="M%s"/>`, s.class(), strings.Join(at, "L"))
	}
}

func finite(points []Point) []Point {
	var out []Point
	for _, p := range points {
		if drawable(p.X, p.Y, p.Lo, p.Hi) {
			out = append(out, p)
		}
	}
	return out
}
