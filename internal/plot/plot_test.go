package plot_test

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"radpo/internal/plot"
)

func dial() plot.Lines {
	return plot.Lines{
		Frame: plot.Frame{Title: "Dial", Width: 480, Height: 400,
			X: plot.Axis{Label: "asked", Min: 1, Max: 10}, Y: plot.Axis{Label: "reached", Min: 1, Max: 10}},
		Dots: true, Diagonal: true,
		Series: []plot.Series{
			{Name: "base", Points: []plot.Point{{2, 4.7, 4.4, 5}, {10, 5.2, 4.9, 5.5}}},
			{Name: "iter-1", Color: 2, Points: []plot.Point{{2, 2.3, 2, 2.6}, {6, 5.9, 5.6, 6.2}, {10, 6.3, 6, 6.6}}},
		},
	}
}

func bars() plot.Bars {
	return plot.Bars{
		Frame:  plot.Frame{Title: "Unlearning"},
		Groups: []string{"good", "poor"}, Decimals: 1,
		Series: []plot.Series{
			{Name: "base", Points: []plot.Point{{0, -19.8, -20.4, -19.2}, {0, -21, -21, -21}}},
			{Name: "plain", Color: 1, Points: []plot.Point{{0, -28, -28.5, -27.5}, {Y: math.NaN()}}},
		},
	}
}

// check reads the figure as strict XML and returns how often each element stands.
func check(t *testing.T, svg string) map[string]int {
	t.Helper()
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("a number is not finite in %.300s", svg)
	}
	count := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return count
		}
		if err != nil {
			t.Fatalf("not well-formed: %v in %.300s", err, svg)
		}
		if start, ok := token.(xml.StartElement); ok {
			count[start.Name.Local]++
		}
	}
}

func TestLines(t *testing.T) {
	svg := dial().SVG()
	count := check(t, svg)
	if got, want := count["circle"], 5; got != want {
		t.Errorf("%d dots, want one a point: %d", got, want)
	}
	// Two keys, two bands, two lines.
	if got, want := count["path"], 6; got != want {
		t.Errorf("%d paths, want %d", got, want)
	}
	if got, want := strings.Count(svg, `class="diagonal"`), 1; got != want {
		t.Errorf("%d diagonals, want %d", got, want)
	}
	if want := "iter-1: 5.9 [5.6, 6.2]"; !strings.Contains(svg, want) {
		t.Errorf("no tip %q", want)
	}
	if svg != dial().SVG() {
		t.Error("two drawings of one figure differ")
	}
}

func TestBars(t *testing.T) {
	svg := bars().SVG()
	count := check(t, svg)
	if got, want := count["rect"], 3; got != want {
		t.Errorf("%d bars, want %d: a missing value is a gap", got, want)
	}
	// Two intervals of positive width, three strokes each.
	if got, want := strings.Count(svg, `class="whisker"`), 6; got != want {
		t.Errorf("%d strokes of whiskers, want %d", got, want)
	}
	if !strings.Contains(svg, ">−28.0<") {
		t.Error("the bar of −28 has no number")
	}
}

// TestPlace holds the picture to the data: a bar of twice the value is twice
// as high, bars below zero hang from it, and those above stand on it.
func TestPlace(t *testing.T) {
	at := func(values ...float64) (tops, heights []float64) {
		b := plot.Bars{Groups: []string{"a", "b"}, Series: []plot.Series{{}}}
		for _, v := range values {
			b.Series[0].Points = append(b.Series[0].Points, plot.Point{Y: v, Lo: v, Hi: v})
		}
		return attribute(t, b.SVG(), "rect", "y"), attribute(t, b.SVG(), "rect", "height")
	}
	near := func(a, b float64) bool { return math.Abs(a-b) < 0.25 }
	if top, height := at(4, 8); !near(height[1], 2*height[0]) || !near(top[0]+height[0], top[1]+height[1]) {
		t.Errorf("bars of 4 and 8 at %v, %v high", top, height)
	}
	if top, height := at(-4, -8); !near(height[1], 2*height[0]) || !near(top[0], top[1]) {
		t.Errorf("bars of −4 and −8 at %v, %v high", top, height)
	}
	if top, height := at(5, -5); !near(height[0], height[1]) || !near(top[0]+height[0], top[1]) {
		t.Errorf("bars of 5 and −5 at %v, %v high", top, height)
	}
}

// TestBand: the band goes out along the upper ends and back along the lower.
func TestBand(t *testing.T) {
	l := plot.Lines{
		Frame:  plot.Frame{Width: 400, Height: 300, X: plot.Axis{Max: 10}, Y: plot.Axis{Max: 10}},
		Series: []plot.Series{{Points: []plot.Point{{0, 4, 3, 6}, {10, 5, 2, 9}}}},
	}
	band := regexp.MustCompile(`class="band c0" d="M([^"]*)Z"`).FindStringSubmatch(l.SVG())
	if band == nil {
		t.Fatal("no band")
	}
	var x, y []float64
	for corner := range strings.SplitSeq(band[1], "L") {
		a, b, _ := strings.Cut(corner, " ")
		x, y = append(x, parse(t, a)), append(y, parse(t, b))
	}
	if len(x) != 4 || x[0] != x[3] || x[1] != x[2] || x[0] >= x[1] {
		t.Fatalf("corners at x %v", x)
	}
	unit := y[2] - y[1] // 2 to 9: seven units
	for i, want := range []float64{3. / 7, 0, 1, 6. / 7} {
		if got := (y[i] - y[1]) / unit; math.Abs(got-want) > 0.01 {
			t.Errorf("corner %d lies %.2f of the way from 9 to 2, want %.2f", i, got, want)
		}
	}
}

// attribute returns a number of each element of a kind.
func attribute(t *testing.T, svg, element, name string) []float64 {
	t.Helper()
	var out []float64
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		token, err := d.Token()
		if err != nil {
			return out
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != element {
			continue
		}
		for _, a := range start.Attr {
			if a.Name.Local == name {
				out = append(out, parse(t, a.Value))
			}
		}
	}
}

func TestHostileText(t *testing.T) {
	evil := "</text><script>alert(1)</script>\x00\xff\"'&"
	l := dial()
	l.Title, l.X.Label, l.Series[0].Name = evil, evil, evil
	b := bars()
	b.Groups[0], b.Series[1].Name, b.Y.Label = evil, evil, evil
	for _, svg := range []string{l.SVG(), b.SVG()} {
		if check(t, svg)["script"] != 0 {
			t.Error("a name became an element")
		}
	}
}

func TestNoData(t *testing.T) {
	for _, svg := range []string{
		plot.Lines{}.SVG(), plot.Bars{}.SVG(),
		plot.Bars{Groups: []string{"a"}}.SVG(),
		plot.Lines{Series: []plot.Series{{Points: []plot.Point{{math.NaN(), 1, 1, 1}, {1, math.Inf(1), 1, 1}}}}}.SVG(),
	} {
		check(t, svg)
	}
}

func FuzzLines(f *testing.F) {
	f.Add(0.0, 0.0, 1.0, 1.0, 0.0, 0.0)
	f.Add(1.0, 5e-7, 2.0, 5e-7, 0.0, 0.0)
	f.Add(-1e308, -1e308, 1e308, 1e308, 0.0, 0.0)
	f.Add(1.0, 1e-320, 1.0, -1e-320, 0.0, 0.0)
	f.Add(3.0, 7.0, 3.0, 7.0, 10.0, 1.0)
	f.Add(1e15, 1e15+1, 1e15, 1e15+2, math.Inf(-1), math.NaN())
	f.Fuzz(func(t *testing.T, x1, y1, x2, y2, lo, hi float64) {
		points := []plot.Point{{x1, y1, y1, y1}, {x2, y2, y2, y2}}
		axis := plot.Axis{Min: lo, Max: hi}
		check(t, plot.Lines{Frame: plot.Frame{Y: axis}, Series: []plot.Series{{Name: "a", Points: points}}, Dots: true, Diagonal: true}.SVG())
		check(t, plot.Bars{Frame: plot.Frame{Y: axis}, Groups: []string{"a", "b"}, Series: []plot.Series{{Points: points}}}.SVG())
	})
}
func parse(t *testing.T, s string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(s, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
