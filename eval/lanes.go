package eval

import (
	"fmt"
	"slices"
	"strings"
)

// A lane is a row of stages that follow one another.
type lane struct {
	Name  string
	Boxes []box
}

// A box is a stage, with its share of the longest one's time in percent.
type box struct {
	Timing
	Took  string
	Width float64
}

// loop is the loop as a picture, and as a table.
func loop(in Input) chapter {
	if len(in.Timings) == 0 {
		return chapter{}
	}
	s := chapter{ID: "loop", Title: "The loop", Lanes: lanes(in.Timings)}
	own, kept, reused := 0.0, 0.0, 0
	g := grid{Fold: "Every stage as a table", Words: true, Columns: []string{"stage", "reads", "seconds", "made", ""}}
	for _, t := range in.Timings {
		word := ""
		if t.Reused {
			word, kept, reused = "reused", kept+t.Seconds, reused+1
		} else {
			own += t.Seconds
		}
		g.row(t.Stage, cell{Value: strings.Join(t.Reads, ", ")}, cell{Value: number(t.Seconds, 1)}, cell{Value: t.Made}, cell{Value: word})
	}
	s.Grids = grids(g)
	s.Note = fmt.Sprintf("Each box is a stage with its seconds; a bar is its share of the longest. %d stages ran in the last run, in %s s; %d, of %s s, were made before it, or for a stage that wanted the same, and reused: these are pale.",
		len(in.Timings)-reused, number(own, 1), reused, number(kept, 1))
	return s
}

// lanes gathers the stages of each lane, in the order of the run.
func lanes(timings []Timing) []lane {
	var out []lane
	longest := 1e-9
	for _, t := range timings {
		longest = max(longest, t.Seconds)
	}
	for _, t := range timings {
		i := slices.IndexFunc(out, func(l lane) bool { return l.Name == t.Lane })
		if i < 0 {
			i, out = len(out), append(out, lane{Name: t.Lane})
		}
		out[i].Boxes = append(out[i].Boxes, box{t, number(t.Seconds, 1), 100 * t.Seconds / longest})
	}
	return out
}
