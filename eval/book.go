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

// ends returns the first policy and the last one of which prefix, name,
// suffix is measured; ok when they are two.
func (b book) ends(policies []Policy, prefix, suffix string) (first, last Policy, ok bool) {
	for i := len(policies) - 1; i > 0; i-- {
		if b.has(prefix+policies[0].Name+suffix, prefix+policies[i].Name+suffix) {
			return policies[0], policies[i], true
		}
	}
	return Policy{}, Policy{}, false
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
