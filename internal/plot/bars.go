package plot

import (
	"fmt"
	"unicode/utf8"
)

// Bars is groups of bars from zero, one bar a series, with whiskers where a
// value has an interval.
type Bars struct {
	Frame
	Groups   []string
	Decimals int      // of the number at each bar
	Series   []Series // Points[i] belongs to Groups[i]; one that is not finite leaves a gap
}

// SVG returns the figure as one element.
func (b Bars) SVG() string {
	ys := []float64{0}
	for _, s := range b.Series {
		for _, p := range finite(s.Points) {
			ys = append(ys, p.Y, p.Lo, p.Hi)
		}
	}
	b.X.Min, b.X.Max, b.Y = 0, 1, b.Y.fit(ys)
	c := open(b.Frame, b.Series, 10)
	slot := (c.right - c.left) / float64(max(1, len(b.Groups)))
	width := min(54, slot*0.84/float64(max(1, len(b.Series))))
	for g, name := range b.Groups {
		middle := c.left + slot*(float64(g)+0.5)
		c.text(middle, c.bottom+18, "middle", "key", name)
		for i, s := range b.Series {
			if g < len(s.Points) && len(finite(s.Points[g:g+1])) == 1 {
				c.bar(s, s.Points[g], middle+width*(float64(i)-float64(len(b.Series))/2), width, b.Decimals)
			}
		}
	}
	zero := c.y.at(min(max(0, b.Y.Min), b.Y.Max))
	c.line("axis", c.left, zero, c.right, zero)
	return c.close()
}

// bar draws one value from zero, its whisker, and its number where it fits.
func (c *canvas) bar(s Series, p Point, x, width float64, decimals int) {
	zero := c.y.at(min(max(0, c.y.lo), c.y.hi))
	y := c.y.at(p.Y)
	gap := min(2, width*0.1)
	fmt.Fprintf(c, `<rect class="fill %s" x="%s" y="%s" width="%s" height="%s" rx="2">%s</rect>`,
		s.class(), px(x+gap), px(min(y, zero)), px(width-2*gap), px(max(y, zero)-min(y, zero)), tip(s.Name, p))
	middle, end := x+width/2, y
	if p.Lo != p.Hi {
		c.line("whisker", middle, c.y.at(p.Lo), middle, c.y.at(p.Hi))
		c.line("whisker", middle-4, c.y.at(p.Lo), middle+4, c.y.at(p.Lo))
		c.line("whisker", middle-4, c.y.at(p.Hi), middle+4, c.y.at(p.Hi))
		end = c.y.at(p.Hi)
	}
	number := fixed(p.Y, decimals)
	if width < charWidth*float64(utf8.RuneCountInString(number)) {
		return
	}
	if p.Y < 0 {
		c.text(middle, max(y, c.y.at(p.Lo))+14, "middle", "value", number)
	} else {
		c.text(middle, min(y, end)-5, "middle", "value", number)
	}
}
