package table

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// ReadScored yields prompts with scored responses from a file in any of the
// formats of [ReadPrompts], in the layout that [LayoutOf] finds; docs/data.md
// lists them. Errors are as those of [PromptReader.Rows]; that of one row is a
// [RowError].
func ReadScored(path string) iter.Seq2[Scored, error] {
	return func(yield func(Scored, error) bool) {
		f, err := openForeign(path)
		if err != nil {
			yield(Scored{}, fmt.Errorf("responses: %w", err))
			return
		}
		defer f.close()
		l, err := layoutIn(f, path)
		if err != nil {
			yield(Scored{}, fmt.Errorf("responses: %w", err))
			return
		}
		want := l.columns()
		want.late = true
		read := newScoredReader(l, path, want.all())
		for row, err := range rowsOf(f, path, want) {
			var s Scored
			if err == nil {
				err = read.row(row, &s)
			}
			if err != nil {
				s, err = Scored{}, fmt.Errorf("responses: %w", err)
			} else {
				s.Source = sourceOf(path, row)
			}
			if !yield(s, err) {
				return
			}
		}
	}
}

// A scoredReader reads rows of a layout, quickly where it can.
type scoredReader struct {
	layout layout
	path   string
	names  []string // of the columns
	quick  quickPairs
	slow   cursor
}

func newScoredReader(l layout, path string, names []string) *scoredReader {
	return &scoredReader{l, path, names, newQuickPairs(l, names), cursor{names: map[string]string{}}}
}

func (r *scoredReader) row(row foreignRow, s *Scored) (err error) {
	if row.late != "" {
		if r.quick.read(row.late, s) {
			return nil
		}
		*s = Scored{}
		row.cols, err = r.slow.row(row.late, r.names)
	}
	if err == nil {
		err = r.layout.read(row.cols, s)
	}
	if err != nil {
		return row.fault(r.path, err)
	}
	return nil
}

// read parses a row and checks that its parts fit.
func (l layout) read(cols map[string]any, s *Scored) error {
	if err := l.parse(cols, s); err != nil {
		return err
	}
	if s.PromptID = idOf(cols["prompt_id"]); s.PromptID == "" {
		s.PromptID = PromptID(s.Messages)
	}
	switch n := len(s.Responses); {
	case n == 0:
		return errors.New("there is no response")
	case len(s.Scores) != n:
		return fmt.Errorf("%d responses and %d scores", n, len(s.Scores))
	case len(s.Attributes) != 0 && len(s.Attributes) != n:
		return fmt.Errorf("%d responses and attributes of %d", n, len(s.Attributes))
	}
	for i, a := range s.Attributes {
		if len(a) != len(s.Names) {
			return fmt.Errorf("response %d has %d attributes, their names are %s", i, len(a), strings.Join(s.Names, ", "))
		}
	}
	return nil
}
