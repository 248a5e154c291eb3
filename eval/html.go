package eval

import (
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strconv"
	"strings"

	"radpo/internal/plot"
	"radpo/internal/table"
)

//go:embed report.html.tmpl
var reportTemplate string

//go:embed report.css
var reportStyle string

// A page is the report as the template reads it.
type page struct {
	Style    template.CSS
	Title    string
	About    string
	Tiles    []tile
	Reading  reading
	Rewards  grid
	Stages   []stageRow
	Total    float64
	Dial     []figure
	Reward   []figure
	Unlearn  []figure
	Ranker   []figure
	Rates    []figure
	Curves   []figure
	Turns    []grid
	Scales   grid
	Answers  []prompt
	Config   string
	Files    []Artifact
	Measures []table.Measure
}

// A tile is one headline number.
type tile struct{ Label, Value, Note string }

// A grid is a table with names on both sides.
type grid struct {
	Title   string
	Columns []string
	Rows    []gridRow
}

type gridRow struct {
	Name  string
	Cells []cell
}

// A cell is a number and its interval in small print.
type cell struct {
	Value, Span string
	Strong      bool
}

// A stageRow is a timing with its share of the longest, in percent.
type stageRow struct {
	Timing
	Width float64
}

// WriteHTML writes the report as one page that needs no script, no network
// and no other file. The measures are those of [Measures].
func WriteHTML(w io.Writer, in Input, ms []table.Measure) error {
	if err := in.check(); err != nil {
		return err
	}
	t, err := template.New("report").Funcs(template.FuncMap{
		"show": visible, "two": two, "seconds": func(v float64) string { return number(v, 1) },
	}).Parse(reportTemplate)
	if err != nil {
		return fmt.Errorf("report template: %w", err)
	}
	if err := t.Execute(w, newPage(in, ms)); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func newPage(in Input, ms []table.Measure) page {
	b := open(ms)
	p := page{
		Style: template.CSS(reportStyle + plot.Style),
		Title: in.Title, About: about(in),
		Tiles: tiles(in, b), Reading: read(in, b), Rewards: rewardGrid(in, b),
		Dial: dialFigure(in, b), Reward: rewardFigures(in, b), Unlearn: unlearningFigure(in, b),
		Ranker: rankerFigure(in, b), Rates: rateFigures(in, b), Curves: curveFigures(in),
		Turns: turnGrids(in, b), Scales: scaleGrid(in, b), Answers: answers(in),
		Config: in.Config, Files: in.Artifacts, Measures: ms,
	}
	longest := 0.0
	for _, s := range in.Timings {
		if !s.Reused {
			p.Total += s.Seconds
		}
		longest = max(longest, s.Seconds)
	}
	for _, s := range in.Timings {
		p.Stages = append(p.Stages, stageRow{s, 100 * s.Seconds / max(longest, 1e-9)})
	}
	return p
}

// about says in a line what the numbers rest on.
func about(in Input) string {
	held := map[string]bool{}
	reward := "the ranker's score, mapped to 1–10"
	for _, p := range in.Policies {
		for _, s := range p.Samples {
			held[s.PromptID] = true
		}
		if p.Rule != nil {
			reward = "an exact rule, 1–10"
		}
	}
	return fmt.Sprintf("%d policies on %d held-out prompts. Reward is %s. In brackets: 95 %% intervals by bootstrap over prompts, %d draws, seed %d.",
		len(in.Policies), len(held), reward, resamples, in.Seed)
}

// tiles are the numbers that a reader wants first.
func tiles(in Input, b book) []tile {
	var out []tile
	if first, last, ok := b.ends(in.Policies, "reward/", ""); ok {
		from, to := b["reward/"+first.Name], b["reward/"+last.Name]
		out = append(out, tile{"Reward", two(from.Value) + " → " + two(to.Value), asUsed(first) + " → " + asUsed(last)})
	}
	for _, p := range in.Policies {
		if turn, rho := "goal/"+p.Name+"/range", "goal/"+p.Name+"/spearman"; len(p.Goal) > 0 && b.has(turn, rho) {
			out = append(out, tile{"Goal dial", signed(b[turn].Value), p.Name + ", highest goal minus lowest; Spearman " + two(b[rho].Value)})
			break
		}
	}
	for i := len(in.Unlearning) - 1; i > 1; i-- {
		u, v := in.Unlearning[i].Name, in.Unlearning[i-1].Name
		if m, ok := b["unlearning/"+u+"/over-"+v]; ok {
			out = append(out, tile{"Good rejected answers", signed(m.Value) + " nats", "log-probability, " + u + " against " + v})
			break
		}
	}
	if first, last, ok := b.ends(in.Policies, "ranker/", "/spearman"); ok {
		from, to := b["ranker/"+first.Name+"/spearman"], b["ranker/"+last.Name+"/spearman"]
		out = append(out, tile{"Ranker against rule", two(from.Value) + " → " + two(to.Value), "Spearman on answers of " + first.Name + " → " + last.Name})
	}
	return out
}

// cellOf is a measure as a cell; a dash where it is not measured.
func (b book) cellOf(name string) cell {
	m, ok := b[name]
	switch {
	case !ok:
		return cell{Value: "–"}
	case m.Lo == m.Hi:
		return cell{Value: two(m.Value)}
	}
	return cell{Value: two(m.Value), Span: span(m)}
}

func rewardGrid(in Input, b book) grid {
	groups, labels := asked(in.Policies)
	g := grid{Title: "Mean reward by goal", Columns: labels}
	for _, p := range in.Policies {
		row := gridRow{Name: p.Name}
		some := false
		for _, group := range groups {
			name := "reward/" + p.Name + "/" + group
			c := b.cellOf(name)
			c.Strong, some = group == goalName(p.Goal), some || b.has(name)
			row.Cells = append(row.Cells, c)
		}
		if some {
			g.Rows = append(g.Rows, row)
		}
	}
	return g
}

// turnGrids shows what turning each attribute's dial does to every attribute.
func turnGrids(in Input, b book) []grid {
	var out []grid
	for _, p := range in.Policies {
		g := grid{Title: p.Name}
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
	g := grid{Title: "Score map", Columns: columns}
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
		return "–"
	}
	return strings.Replace(strconv.FormatFloat(m.Value, 'g', 3, 64), "-", "−", 1)
}
