package plot

import (
	"encoding/xml"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A Frame is what every figure has around its data.
type Frame struct {
	Title         string // read out by screen readers; the page prints its own
	Width, Height int    // of the view box; 0: 640 × 340
	X, Y          Axis
}

// A Point is a value with its interval; Lo = Hi = Y draws none. A Bars figure
// ignores X.
type Point struct{ X, Y, Lo, Hi float64 }

// A Series is one line, or one colour of bars.
type Series struct {
	Name   string
	Color  int // of Style's colours
	Dashed bool
	Points []Point
}

// A canvas collects SVG elements inside a frame.
type canvas struct {
	strings.Builder
	left, right, top, bottom float64 // edges of the data, in pixels
	x, y                     scale
}

const (
	charWidth = 6.4 // of a 12 px letter, about
	lineStep  = 18
)

// open starts a figure: title, legend and the y axis with its grid. Head is
// room left for numbers above the data.
func open(f Frame, series []Series, head float64) *canvas {
	if f.Width == 0 || f.Height == 0 {
		f.Width, f.Height = 640, 340
	}
	c := &canvas{left: 14, right: float64(f.Width) - 14, bottom: float64(f.Height) - 26}
	fmt.Fprintf(c, `<svg class="plot" viewBox="0 0 %d %d" role="img"><title>%s</title>`, f.Width, f.Height, escape(f.Title))
	c.top = c.legend(series) + 12
	if f.Y.Label != "" {
		c.text(c.left, c.top, "start", "", f.Y.Label)
		c.top += 16
	}
	c.top += head
	if f.X.Label != "" {
		c.text((c.left+c.right)/2, c.bottom+18, "middle", "", f.X.Label)
		c.bottom -= lineStep
	}
	names := labels(f.Y.Ticks)
	for _, name := range names {
		c.left = max(c.left, 22+charWidth*float64(utf8.RuneCountInString(name)))
	}
	c.x = scale{f.X.Min, f.X.Max, c.left, c.right}
	c.y = scale{f.Y.Min, f.Y.Max, c.bottom, c.top}
	for i, t := range f.Y.Ticks {
		c.line("grid", c.left, c.y.at(t), c.right, c.y.at(t))
		c.text(c.left-8, c.y.at(t)+4, "end", "", names[i])
	}
	return c
}

// bottomAxis draws the x axis of numbers.
func (c *canvas) bottomAxis(x Axis) {
	c.line("axis", c.left, c.bottom, c.right, c.bottom)
	for i, name := range labels(x.Ticks) {
		at := c.x.at(x.Ticks[i])
		c.line("axis", at, c.bottom, at, c.bottom+4)
		c.text(at, c.bottom+18, "middle", "", name)
	}
}

// legend writes one key a named series, in as many rows as they need, and
// returns the height used.
func (c *canvas) legend(series []Series) float64 {
	x, y := c.left, 14.0
	for _, s := range series {
		if s.Name == "" {
			continue
		}
		width := 30 + charWidth*float64(utf8.RuneCountInString(s.Name))
		if x > c.left && x+width > c.right {
			x, y = c.left, y+lineStep
		}
		fmt.Fprintf(c, `<path class="line %s" d="M%s %sh14"/>`, s.class(), px(x), px(y-4))
		c.text(x+20, y, "start", "key", s.Name)
		x += width + 8
	}
	if x == c.left {
		return 0
	}
	return y + 6
}

// class names the series' colour and dash.
func (s Series) class() string {
	class := "c" + strconv.Itoa(((s.Color%Colors)+Colors)%Colors)
	if s.Dashed {
		class += " dashed"
	}
	return class
}

func (c *canvas) line(class string, x1, y1, x2, y2 float64) {
	fmt.Fprintf(c, `<line class="%s" x1="%s" y1="%s" x2="%s" y2="%s"/>`, class, px(x1), px(y1), px(x2), px(y2))
}

func (c *canvas) text(x, y float64, anchor, class, s string) {
	if s == "" {
		return
	}
	fmt.Fprintf(c, `<text x="%s" y="%s" text-anchor="%s"`, px(x), px(y), anchor)
	if class != "" {
		fmt.Fprintf(c, ` class="%s"`, class)
	}
	fmt.Fprintf(c, `>%s</text>`, escape(s))
}

func (c *canvas) close() string {
	c.WriteString("</svg>\n")
	return c.String()
}

// px writes a pixel position; a tenth is finer than any screen shows here.
func px(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// escape makes text safe inside SVG; bytes that XML forbids become U+FFFD.
func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) // a Builder never fails
	return b.String()
}

// tip is what a pointer resting on a point shows.
func tip(name string, p Point) string {
	s := fmt.Sprintf("%s: %.4g", name, p.Y)
	if p.Lo != p.Hi {
		s += fmt.Sprintf(" [%.4g, %.4g]", p.Lo, p.Hi)
	}
	return "<title>" + escape(s) + "</title>"
}
