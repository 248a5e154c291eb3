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
		l, err := layoutOf(path)
		if err != nil {
			yield(Scored{}, fmt.Errorf("responses: %w", err))
			return
		}
		want, quick := l.columns(), quickPairs{layout: l}
		want.late = true
		for row, err := range readForeign(path, want) {
			var s Scored
			if err == nil {
				err = quick.readRow(path, row, want, &s)
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

// readRow reads a row in the one way or the other.
func (q *quickPairs) readRow(path string, row foreignRow, want columns, s *Scored) error {
	if row.rec != nil {
		if q.read(row.rec, row.i, s) {
			return nil
		}
		*s = Scored{}
		if err := row.take(path, want); err != nil {
			return err
		}
	}
	if err := q.layout.read(row.cols, s); err != nil {
		return row.fault(path, err)
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
