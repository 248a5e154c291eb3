package eval

import (
	"fmt"
	"strconv"
	"strings"

	"radpo/internal/table"
)

// A grid is a table with names on both sides.
type grid struct {
	Title   string
	Fold    string // what stands for it where it is folded away; empty: it is not
	Words   bool   // its cells are text
	Columns []string
	Rows    []gridRow
}

// Named says whether the column of the rows' names has no head of its own.
func (g grid) Named() bool { return len(g.Rows) > 0 && len(g.Columns) == len(g.Rows[0].Cells) }

type gridRow struct {
	Name  string
	Cells []cell
}

// A cell is a number and its interval in small print.
type cell struct {
	Value, Span string
	Strong      bool
}

// grids leaves out those without a row.
func grids(all ...grid) []grid {
	var out []grid
	for _, g := range all {
		if len(g.Rows) > 0 {
			out = append(out, g)
		}
	}
	return out
}

// row adds cells unless none of them is measured.
func (g *grid) row(name string, cells ...cell) {
	for _, c := range cells {
		if c.Value != missing {
			g.Rows = append(g.Rows, gridRow{name, cells})
			return
		}
	}
}

// missing stands where nothing is measured.
const missing = "–"

// cellOf is a measure as a cell; a dash where it is not measured.
func (b book) cellOf(name string) cell {
	m, ok := b[name]
	switch {
	case !ok:
		return cell{Value: missing}
	case m.Lo == m.Hi:
		return cell{Value: two(m.Value)}
	}
	return cell{Value: two(m.Value), Span: span(m)}
}

// percents is cellOf in percent.
func (b book) percents(name string) cell {
	m, ok := b[name]
	if !ok {
		return cell{Value: missing}
	}
	return cell{Value: number(100*m.Value, 1), Span: "[" + number(100*m.Lo, 1) + ", " + number(100*m.Hi, 1) + "]"}
}

func rewardGrid(in Input, b book) grid {
	return goalGrid("Mean reward by goal", "reward/", in.Policies, b.cellOf)
}

// winGrid is each policy at each goal against the first without one.
func winGrid(in Input, b book) grid {
	if len(in.Policies) == 0 {
		return grid{}
	}
	return goalGrid("Against "+in.Policies[0].Name+" without a goal", "win/", in.Policies, b.percents)
}

// goalGrid is a measure of each policy asked for each goal, its own in bold.
func goalGrid(title, measure string, policies []Policy, cellOf func(name string) cell) grid {
	groups, labels := asked(policies)
	g := grid{Title: title, Columns: labels}
	for _, p := range policies {
		var cells []cell
		for _, group := range groups {
			c := cellOf(measure + p.Name + "/" + group)
			c.Strong = group == goalName(p.Goal)
			cells = append(cells, c)
		}
		g.row(p.Name, cells...)
	}
	return g
}

// versusGrid is each policy against every earlier one, both asked as in use.
func versusGrid(in Input, b book) grid {
	g := grid{Title: "Each against those before it, asked as in use"}
	for _, p := range in.Policies {
		var cells []cell
		for _, q := range in.Policies[:max(0, len(in.Policies)-1)] {
			cells = append(cells, b.percents("win/"+p.Name+"/over-"+q.Name))
		}
		g.row(asUsed(p), cells...)
	}
	for _, q := range in.Policies[:max(0, len(in.Policies)-1)] {
		g.Columns = append(g.Columns, asUsed(q))
	}
	return g
}

func lengthGrid(in Input, b book) grid {
	g := grid{Columns: []string{"mean tokens", "reward and length, Spearman"}}
	for _, p := range in.Policies {
		g.row(p.Name, b.cellOf("length/"+p.Name), b.cellOf("length/"+p.Name+"/spearman"))
	}
	return g
}

// turnGrids shows what turning each attribute's dial does to every attribute.
func turnGrids(in Input, b book) []grid {
	var out []grid
	for _, p := range in.Policies {
		g := grid{Title: "One dial a quality: " + p.Name}
		some := false
		for _, a := range in.Attributes {
			g.Columns = append(g.Columns, spaced(a.Name))
			row := gridRow{Name: spaced(a.Name)}
			for _, other := range in.Attributes {
				name := "goal/" + p.Name + "/" + a.Name + "/range"
				if a != other {
					name += "/" + other.Name
				}
				c := b.cellOf(name)
				c.Strong, some = a == other, some || b.has(name)
				row.Cells = append(row.Cells, c)
			}
			g.Rows = append(g.Rows, row)
		}
		if some {
			out = append(out, g)
		}
	}
	return out
}

func scaleGrid(in Input, b book) grid {
	columns := []string{"low", "high", "clipped-low", "clipped-high", "mean", "drift", "drift-p05", "drift-p95", "mapped", "drift-mapped", "unscored", "ties"}
	g := grid{Columns: columns}
	for _, s := range in.Scales {
		row := gridRow{Name: strings.TrimSpace(s.Name + " " + spaced(s.Attribute))}
		for _, c := range columns {
			row.Cells = append(row.Cells, cell{Value: b.exact("scale/" + s.name() + "/" + c)})
		}
		g.Rows = append(g.Rows, row)
	}
	return g
}

// exact is a measure with three figures: a ranker's scale may be small.
func (b book) exact(name string) string {
	m, ok := b[name]
	if !ok {
		return missing
	}
	return minus(strconv.FormatFloat(m.Value, 'g', 3, 64))
}

// trainingGrid is what each training came to.
func trainingGrid(in Input, b book) grid {
	keys := []string{"steps", "loss", "rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected", "kl/k1", "kl/k2", "grad_norm"}
	g := grid{Columns: []string{"steps", "loss", "pair accuracy", "margin", "log-prob. chosen", "rejected", "KL k1", "KL k2", "gradient norm"}}
	for _, c := range in.Curves {
		var cells []cell
		for _, key := range keys {
			cells = append(cells, cell{Value: b.exact("train/" + c.Name + "/" + key)})
		}
		g.row(c.Name, cells...)
	}
	return g
}

func factGrid(in Input) grid {
	g := grid{Words: true, Columns: []string{"what", "value"}}
	for _, f := range in.Facts {
		g.row(f.Name, cell{Value: f.Value})
	}
	return g
}

func fileGrid(in Input) grid {
	g := grid{Title: "Artifacts", Fold: fmt.Sprintf("%d artifacts of the run folder", len(in.Artifacts)), Words: true, Columns: []string{"stage", "path"}}
	for _, a := range in.Artifacts {
		g.row(a.Name, cell{Value: a.Path})
	}
	return g
}

func measureGrid(ms []table.Measure) grid {
	g := grid{Fold: fmt.Sprintf("%d numbers, as in report.json", len(ms)), Columns: []string{"value", "low", "high", "n"}}
	for _, m := range ms {
		g.row(m.Name, cell{Value: four(m.Value)}, cell{Value: four(m.Lo)}, cell{Value: four(m.Hi)}, cell{Value: strconv.FormatInt(m.N, 10)})
	}
	return g
}

// four writes four figures.
func four(v float64) string { return minus(strconv.FormatFloat(v, 'g', 4, 64)) }
