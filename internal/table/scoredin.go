package table

import (
	"errors"
	"fmt"
	"iter"
	"strings"
)

// A ScoredFile is an open file of prompts with scored responses.
type ScoredFile struct {
	Layout string // that docs/data.md has under this name
	path   string
	layout layout
	f      source // nil when its rows were read
}

// OpenScored finds the layout of a file in any of the formats of [ReadPrompts].
func OpenScored(path string) (*ScoredFile, error) {
	f, err := openForeign(path)
	if err != nil {
		return nil, err
	}
	l, err := layoutIn(f, path)
	if err != nil {
		f.close()
		return nil, err
	}
	return &ScoredFile{l.name, path, l, f}, nil
}

// Close closes the file, if its rows were not read.
func (s *ScoredFile) Close() {
	if s.f != nil {
		s.f.close()
	}
}

// ReadScored yields the rows of a [ScoredFile].
func ReadScored(path string) iter.Seq2[Scored, error] {
	return func(yield func(Scored, error) bool) {
		f, err := OpenScored(path)
		if err != nil {
			yield(Scored{}, fmt.Errorf("responses: %w", err))
			return
		}
		f.Rows()(yield)
	}
}

// Rows yields the rows. It may be called again, which opens the file again.
// Errors are as those of [PromptReader.Rows]; that of one row is a [RowError].
func (s *ScoredFile) Rows() iter.Seq2[Scored, error] {
	return func(yield func(Scored, error) bool) {
		f := s.f
		if s.f = nil; f == nil {
			var err error
			if f, err = openForeign(s.path); err != nil {
				yield(Scored{}, fmt.Errorf("responses: %w", err))
				return
			}
		}
		defer f.close()
		want := s.layout.columns()
		want.late = true
		read := newScoredReader(s.layout, s.path, want.all())
		for row, err := range rowsOf(f, s.path, want) {
			var r Scored
			if err == nil {
				err = read.row(row, &r)
			}
			if err != nil {
				r, err = Scored{}, fmt.Errorf("responses: %w", err)
			} else {
				r.Source = sourceOf(s.path, row)
			}
			if !yield(r, err) {
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
