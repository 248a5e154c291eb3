package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"iter"
	"os"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/internal/table"
)

// An aside takes the bad rows of a file out of the way, each with where it
// stood and what is wrong with it, as JSON lines. The file is made with the
// first of them.
type aside struct {
	path string
	file *os.File
	n    int
}

// A badRow is a line of such a file.
type badRow struct {
	At  string          `json:"at"` // file:line, or file and row
	Why string          `json:"why"`
	Row json.RawMessage `json:"row,omitempty"` // what stands there: an object, or the text of a line that is none
}

// badFile is where a table's folder keeps the rows that were left out of it.
const badFile = "bad.jsonl"

// badSuffix is behind the name of what was made without the bad rows.
const badSuffix = ".bad.jsonl"

func (a *aside) put(e *table.RowError) error {
	if a.file == nil {
		f, err := os.OpenFile(a.path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o666)
		if err != nil {
			return err
		}
		a.file = f
	}
	a.n++
	row := json.RawMessage(e.Row)
	if !json.Valid(row) {
		row, _ = json.Marshal(e.Row) // a string always has a JSON form
	}
	if e.Row == "" {
		row = nil
	}
	line, err := json.Marshal(badRow{e.Path + e.At, e.Err.Error(), row})
	if err == nil {
		_, err = a.file.Write(append(line, '\n'))
	}
	return err
}

func (a *aside) Close() error {
	if a.file == nil {
		return nil
	}
	return errors.Join(a.file.Sync(), a.file.Close())
}

// keepBad takes the rows that a stage left out of its table to beside what is
// made of it.
func keepBad(ctx context.Context, dir, out string) error {
	from, to := filepath.Join(dir, badFile), filepath.Clean(out)+badSuffix
	text, err := os.ReadFile(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = replace(to, func(w io.Writer) error { _, err := w.Write(text); return err })
	}
	zerolog.Ctx(ctx).Warn().Msgf("%d bad rows are left out; %s has them and why", bytes.Count(text, []byte("\n")), to)
	return err
}

// sound leaves out bad rows and puts them aside, or nowhere without an aside.
// What is wrong with the file itself stays an error.
func sound[R any](rows iter.Seq2[R, error], bad *aside) iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		for r, err := range rows {
			var of *table.RowError
			if errors.As(err, &of) {
				if err = nil; bad != nil {
					err = bad.put(of)
				}
				if err == nil {
					continue
				}
			}
			if !yield(r, err) {
				return
			}
		}
	}
}
