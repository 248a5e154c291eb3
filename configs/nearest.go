package configs

import (
	"cmp"
	"slices"
	"strings"
)

// A candidate is a key or a section that a writer may have meant.
type candidate struct {
	path, section, name string
	accepts             shape
}

// candidates are all keys and sections, in the order of the structs.
var candidates = func() []candidate {
	c := Default()
	var all []candidate
	for _, l := range leaves(&c) {
		section, name := split(l.path)
		if section != "" && (len(all) == 0 || all[len(all)-1].section != section) {
			within, own := split(section)
			all = append(all, candidate{section, within, own, shapeMap})
		}
		all = append(all, candidate{l.path, section, name, shapeOf(l.value.Type())})
	}
	return all
}()

// isSection reports whether path is a section such as dpo.
func isSection(path string) bool {
	return slices.ContainsFunc(candidates, func(c candidate) bool { return c.path == path && c.accepts == shapeMap })
}

// nearest explains an unknown key whose value has the given shape, and names
// the valid key that was probably meant, if any is close.
//
// A key spelled right in another section beats a misspelling in this one,
// unless the value does not fit it.
func nearest(path string, got shape) (message, suggest string) {
	section, name := split(path)
	astray := section != "" && !isSection(section)
	type match struct {
		candidate
		cost, far int // in half edits; how far off an unknown section is, for ties
	}
	var found []match
	for _, c := range candidates {
		d := distance(name, c.name)
		if d > max(1, len(name)/3) || d >= max(len(name), len(c.name)) {
			continue
		}
		m := match{c, 2 * d, 0}
		if c.section != section {
			m.cost++
		}
		if astray {
			m.far = distance(section, c.section)
		}
		if c.accepts&got == 0 {
			m.cost += 2
		}
		found = append(found, m)
	}
	if len(found) == 0 {
		return "unknown key; " + keysOf(section), ""
	}
	slices.SortStableFunc(found, func(a, b match) int {
		return cmp.Or(cmp.Compare(a.cost, b.cost), cmp.Compare(a.far, b.far))
	})
	best := found[0]
	if best.name != name || astray {
		return "unknown key; did you mean " + best.path + "?", best.path
	}
	var homes []string
	for _, m := range found {
		if m.name == name && m.cost == best.cost {
			homes = append(homes, home(m.section))
		}
	}
	return "unknown key here; " + name + " belongs " + strings.Join(homes, " or "), best.path
}

// home says where the keys of a section are written.
func home(section string) string {
	if section == "" {
		return "at the top level"
	}
	return "under " + section + ":"
}

// keysOf lists what may stand in a section.
func keysOf(section string) string {
	where := section
	if !isSection(section) {
		section, where = "", "the top level"
	}
	var names []string
	for _, c := range candidates {
		if c.section == section {
			names = append(names, c.name)
		}
	}
	return where + " takes " + strings.Join(names, ", ")
}

// distance counts the letters to insert, delete, replace or swap with their
// neighbour to turn a into b (optimal string alignment).
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row = last, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			differ := 1
			if a[i-1] == b[j-1] {
				differ = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+differ)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}
