package configs

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Fault is one thing wrong with a configuration.
type Fault struct {
	Source  string // the file, or the override as given; empty when built in Go
	Line    int    // from 1; 0 when the fault has no place in a file
	Column  int    // from 1
	Path    string // the key, such as dpo.beta; empty for the file as a whole
	Message string
	Suggest string // path of the nearest valid key of an unknown one, or empty
}

// Error is "file:line:column: path: message", less what is not known.
func (f Fault) Error() string {
	var b strings.Builder
	if f.Source != "" {
		b.WriteString(f.Source)
		if f.Line > 0 {
			fmt.Fprintf(&b, ":%d:%d", f.Line, f.Column)
		}
		b.WriteString(": ")
	}
	if f.Path != "" {
		b.WriteString(f.Path + ": ")
	}
	return b.String() + f.Message
}

// Errors holds all faults of a configuration, in the order of the file.
type Errors []Fault

// shown bounds what a hostile file can print.
const shown = 50

// Error is one line a fault.
func (e Errors) Error() string {
	var lines []string
	for _, f := range e[:min(len(e), shown)] {
		lines = append(lines, f.Error())
	}
	if more := len(e) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more faults", more))
	}
	return strings.Join(lines, "\n")
}

// sorted puts faults with a line first, by place, and keeps the others' order.
func (e Errors) sorted() Errors {
	slices.SortStableFunc(e, func(a, b Fault) int {
		if (a.Line > 0) != (b.Line > 0) {
			return cmp.Compare(b.Line, a.Line)
		}
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return e
}

// brief quotes hostile or long text for a message, less the secrets of URLs.
func brief(s string) string {
	const most = 60 // runes
	s = discreet(s)
	if r := []rune(s); len(r) > most {
		s = string(r[:most]) + "…"
	}
	return strconv.Quote(s)
}

// clip is brief without the quotes.
func clip(s string) string {
	return strings.Trim(brief(s), `"`)
}
