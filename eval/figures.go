package eval

import (
	"cmp"
	"html/template"
	"maps"
	"math"
	"slices"

	"radpo/internal/plot"
	"radpo/internal/table"
)

// A figure is a plot with its words; figures without data are left out.
type figure struct {
	Title, Note string
	Wide        bool
	SVG         template.HTML // made by package plot, which escapes
	Data        grid          // the same numbers
}

// wide is the width from which a figure has a row of its own.
const wide = 900

// lines is a figure of lines, whose table has so many points of each at most;
// nothing where none has any.
func lines(l plot.Lines, note string, most int) []figure {
	g := grid{Fold: "The same as a table"}
	at := map[float64]int{}
	some := false
	for k, s := range l.Series {
		step := (len(s.Points) + most - 1) / max(1, most)
		g.Columns = append(g.Columns, cmp.Or(s.Name, "dashed"))
		for i, p := range s.Points {
			if some = true; (len(s.Points)-1-i)%step != 0 {
				continue
			}
			r, ok := at[p.X]
			if !ok {
				r = len(g.Rows)
				at[p.X] = r
				g.Rows = append(g.Rows, gridRow{Cells: slices.Repeat([]cell{{Value: missing}}, len(l.Series))})
			}
			g.Rows[r].Name, g.Rows[r].Cells[k] = four(p.X), pointCell(p)
		}
	}
	if !some {
		return nil
	}
	xs := slices.Sorted(maps.Keys(at))
	rows := make([]gridRow, len(xs))
	for i, x := range xs {
		rows[i] = g.Rows[at[x]]
	}
	g.Rows = rows
	return []figure{{Title: l.Title, Note: note, Wide: l.Width >= wide, SVG: template.HTML(l.SVG()), Data: g}}
}

func pointCell(p plot.Point) cell {
	if p.Lo == p.Hi {
		return cell{Value: four(p.Y)}
	}
	return cell{Value: two(p.Y), Span: "[" + two(p.Lo) + ", " + two(p.Hi) + "]"}
}

// A chart is a figure of bars: one group a column, one colour a policy.
type chart struct {
	title, note string
	frame       plot.Frame
	decimals    int
	columns     []string                               // labels
	measure     func(policy string, column int) string // its name
	percent     bool
}

// bars draws a chart of the policies that have some of it; nothing where none
// has.
func (b book) bars(policies []Policy, c chart) []figure {
	bars := plot.Bars{Frame: c.frame, Decimals: c.decimals}
	bars.Title = c.title
	for _, name := range c.columns {
		bars.Groups = append(bars.Groups, spaced(name))
	}
	for i, p := range policies {
		s := plot.Series{Name: p.Name, Color: i}
		some := false
		for k := range c.columns {
			m, ok := b[c.measure(p.Name, k)]
			if !ok {
				m = table.Measure{Value: math.NaN()} // a gap
			}
			some = some || ok
			if c.percent {
				m.Value, m.Lo, m.Hi = 100*m.Value, 100*m.Lo, 100*m.Hi
			}
			s.Points = append(s.Points, plot.Point{Y: m.Value, Lo: m.Lo, Hi: m.Hi})
		}
		if some {
			bars.Series = append(bars.Series, s)
		}
	}
	if len(bars.Series) == 0 {
		return nil
	}
	g := grid{Fold: "The same as a table", Columns: bars.Groups}
	for _, s := range bars.Series {
		row := gridRow{Name: s.Name}
		for _, p := range s.Points {
			if c := pointCell(p); math.IsNaN(p.Y) {
				row.Cells = append(row.Cells, cell{Value: missing})
			} else {
				row.Cells = append(row.Cells, c)
			}
		}
		g.Rows = append(g.Rows, row)
	}
	return []figure{{Title: c.title, Note: c.note, Wide: c.frame.Width >= wide, SVG: template.HTML(bars.SVG()), Data: g}}
}

var points = plot.Axis{Label: "reward (1–10)", Min: 1, Max: 10, Ticks: []float64{1, 2, 4, 6, 8, 10}}

// asked names every one-valued goal of the run, and none, for columns.
func asked(policies []Policy) (groups, labels []string) {
	for _, g := range append([][]float64{nil}, goals(policies, 1)...) {
		groups, labels = append(groups, goalName(g)), append(labels, goalLabel(g))
	}
	return groups, labels
}

func dialFigure(in Input, b book) []figure {
	l := plot.Lines{Frame: plot.Frame{Width: 480, Height: 400, X: points, Y: points}, Dots: true, Diagonal: true}
	l.Title, l.X.Label, l.Y.Label = "Asked for, and reached", "reward asked for", "reward reached"
	for i, p := range in.Policies {
		s := plot.Series{Name: p.Name, Color: i}
		for _, g := range p.groups() {
			if m, ok := b["reward/"+p.Name+"/"+g.name]; ok && len(g.goal) == 1 {
				s.Points = append(s.Points, plot.Point{X: g.goal[0], Y: m.Value, Lo: m.Lo, Hi: m.Hi})
			}
		}
		if len(s.Points) > 1 {
			l.Series = append(l.Series, s)
		}
	}
	return lines(l, "A policy that did as asked would lie on the dotted line.", 100)
}

func rewardFigures(in Input, b book) []figure {
	groups, labels := asked(in.Policies)
	ends := []int{0, len(groups) - 1}[:min(2, len(groups))]
	c := chart{
		title: "Reward by policy", note: "Mean over held-out prompts, asked without a goal and for the highest.",
		frame: plot.Frame{Width: 480, Height: 400, Y: points}, decimals: 1,
		measure: func(p string, k int) string { return "reward/" + p + "/" + groups[ends[k]] },
	}
	for _, e := range ends {
		c.columns = append(c.columns, labels[e])
	}
	return append(b.bars(in.Policies, c), attributeFigure(in, b)...)
}

// attributeFigure splits the reward in use into its attributes.
func attributeFigure(in Input, b book) []figure {
	use := map[string]string{}
	for _, p := range in.Policies {
		use[p.Name] = goalName(p.Goal)
	}
	columns := attributeNames(in.Attributes)
	return b.bars(in.Policies, chart{
		title: "Attributes", note: "Each policy asked as it is used.",
		frame: plot.Frame{Width: 1000, Height: 300, Y: points}, decimals: 1, columns: columns,
		measure: func(p string, k int) string { return "attribute/" + p + "/" + use[p] + "/" + columns[k] },
	})
}

func attributeNames(attributes []Attribute) []string {
	var out []string
	for _, a := range attributes {
		out = append(out, a.Name)
	}
	return out
}

func unlearningFigure(in Input, b book) []figure {
	var entries []Policy
	for _, u := range in.Unlearning {
		entries = append(entries, Policy{Name: u.Name})
	}
	kinds := []string{"rejected_logp", "rejected_logp-low"}
	good := number(GoodScore, 0)
	return b.bars(entries, chart{
		title: "Answers that lost their pair", note: "Their mean log-probability under each policy. Good ones ought to stay likely.",
		frame: plot.Frame{Width: 1000, Height: 320, Y: plot.Axis{Label: "nats"}}, decimals: 1,
		columns: []string{"score " + good + " or more", "score below " + good},
		measure: func(u string, k int) string { return "unlearning/" + u + "/" + kinds[k] },
	})
}

func rankerFigure(in Input, b book) []figure {
	columns := append([]string{"overall"}, attributeNames(in.Attributes)...)
	return b.bars(in.Policies, chart{
		title: "Ranker against exact rule", note: "Rank correlation over all answers of a policy: 1 is the same order, 0 no relation.",
		frame: plot.Frame{Width: 1000, Height: 300, Y: plot.Axis{Label: "Spearman"}}, decimals: 2, columns: columns,
		measure: func(p string, k int) string {
			if k == 0 {
				return "ranker/" + p + "/spearman"
			}
			return "ranker/" + p + "/spearman/" + columns[k]
		},
	})
}

func rateFigures(in Input, b book) []figure {
	groups, labels := asked(in.Policies)
	c := chart{
		frame: plot.Frame{Width: 1000, Height: 250, Y: plot.Axis{Max: 100, Ticks: []float64{0, 25, 50, 75, 100}, Label: "% of answers"}},
		title: "Parse whole", note: "The rule can read every sentence. A low reward without that is broken text.", columns: labels, percent: true,
		measure: func(p string, k int) string { return "parse/" + p + "/" + groups[k] },
	}
	out := b.bars(in.Policies, c)
	c.title, c.note = "Finish", "The answer ends by itself and not at the length limit."
	c.measure = func(p string, k int) string { return "finish/" + p + "/" + groups[k] }
	return append(out, b.bars(in.Policies, c)...)
}

// curveFigures draws the trainings beside each other, a figure a quantity.
func curveFigures(in Input) []figure {
	var out []figure
	for _, f := range []struct{ title, solid, dashed string }{
		{"Loss", "loss", ""},
		{"Reward margin", "rewards/margins", ""},
		{"Pair accuracy", "rewards/accuracies", ""},
		{"Log-probability: chosen, and rejected (dashed)", "logps/chosen", "logps/rejected"},
		{"Rejected answers of score " + number(GoodScore, 0) + " or more: log-probability, and asked for (dashed)", "ra/rejected-high/logps/rejected", "ra/rejected-high/logps/chosen"},
		{"Rejected answers of lower score: log-probability, and asked for (dashed)", "ra/rejected-low/logps/rejected", "ra/rejected-low/logps/chosen"},
		{"KL to the reference: k1, and k2 (dashed)", "kl/k1", "kl/k2"},
		{"Gradient norm", "grad_norm", ""},
		{"Learning rate", "learning_rate", ""},
	} {
		l := plot.Lines{Frame: plot.Frame{Title: f.title, Width: 480, Height: 280, X: plot.Axis{Label: "step"}}}
		for i, c := range in.Curves {
			color := colorOf(in.Policies, c.Name, i+1)
			l.Series = append(l.Series, plot.Series{Name: c.Name, Color: color, Points: c.points(f.solid)})
			if f.dashed != "" {
				l.Series = append(l.Series, plot.Series{Color: color, Dashed: true, Points: c.points(f.dashed)})
			}
		}
		out = append(out, lines(l, "", curveRows)...)
	}
	return out
}

// colorOf is the colour of the policy of a name, or another.
func colorOf(policies []Policy, name string, other int) int {
	for i, p := range policies {
		if p.Name == name {
			return i
		}
	}
	return other
}

// curveRows of a training in a table.
const curveRows = 8

// maxPoints of a line: more would not show at its width.
const maxPoints = 240

// points is one quantity of a training; where steps are many, means of equal
// runs of them.
func (c Curve) points(key string) []plot.Point {
	run := (len(c.Steps) + maxPoints - 1) / maxPoints
	var out []plot.Point
	for from := 0; from < len(c.Steps); from += run {
		x, y, n := 0.0, 0.0, 0.0
		for _, s := range c.Steps[from:min(from+run, len(c.Steps))] {
			if v, ok := s.Values[key]; ok {
				x, y, n = x+float64(s.Step), y+v, n+1
			}
		}
		if n > 0 {
			out = append(out, plot.Point{X: x / n, Y: y / n, Lo: y / n, Hi: y / n})
		}
	}
	return out
}
