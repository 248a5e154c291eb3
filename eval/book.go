package eval

import (
	"slices"

	"radpo/internal/table"
)

// A book finds measures by name.
type book map[string]table.Measure

func open(ms []table.Measure) book {
	b := make(book, len(ms))
	for _, m := range ms {
		b[m.Name] = m
	}
	return b
}

// has reports whether all names are measured.
func (b book) has(names ...string) bool {
	for _, n := range names {
		if _, ok := b[n]; !ok {
			return false
		}
	}
	return true
}

// goals returns the goals of one length that policies were asked for, in
// ascending order, each once.
func goals(policies []Policy, length int) [][]float64 {
	var out [][]float64
	for _, p := range policies {
		for _, g := range p.groups() {
			if len(g.goal) == length {
				out = append(out, g.goal)
			}
		}
	}
	slices.SortFunc(out, slices.Compare)
	return slices.CompactFunc(out, slices.Equal)
}
