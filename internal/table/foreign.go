package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Bounds on one row of a file that others wrote.
const (
	maxRowBytes  = 64 << 20
	maxRowValues = 1 << 20 // texts, numbers, lists and objects
)

// A foreignRow is one row of a file that others wrote.
type foreignRow struct {
	at   string         // ":12" (a line) or ": row 12", to put behind the path
	cols map[string]any // the wanted columns that the row has
	text []byte         // of a JSON file: all that stands there, until the next row
	data []byte         // where the file is read: the wanted columns as an encoder wrote them, until the next row
	late string         // under columns.late: the same, instead of cols
}

// columns are the names that a reader looks for: one of need has to be there.
type columns struct {
	need, also []string
	every      bool // of a JSON object all members, whatever their names
	late       bool // what a reading process hands over is left to the caller
}

// all are the names, each once.
func (c columns) all() []string {
	return slices.Compact(slices.Sorted(slices.Values(slices.Concat(c.need, c.also))))
}

// in checks that a file's columns have one that is needed.
func (c columns) in(have []string) error {
	for _, name := range c.need {
		if slices.Contains(have, name) {
			return nil
		}
	}
	return fmt.Errorf("no column named %s; there are %s",
		strings.Join(c.need, ", "), strings.Join(have[:min(len(have), 50)], ", "))
}

// readForeign yields the rows of a JSONL file, a JSON array, a Parquet file,
// an Arrow stream or file, or a datasets folder, told apart by content. A
// value is nil, string, bool, json.Number, int64, float64, []any or
// map[string]any.
//
// The error of a row names it, and the rows after it follow; an error of the
// file ends the sequence.
func readForeign(path string, want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		f, err := openForeign(path)
		if err != nil {
			yield(foreignRow{}, err)
			return
		}
		defer f.close()
		rowsOf(f, path, want)(yield)
	}
}

// rowsOf are the rows of an open file, of which there must be one.
func rowsOf(f source, path string, want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		seen := 0
		for row, err := range f.rows(want) {
			seen++
			if !yield(row, err) {
				return
			}
		}
		if seen == 0 {
			yield(foreignRow{}, fmt.Errorf("%s: no rows", path))
		}
	}
}

// A source is an open file of others. It tells its columns, and then its rows
// once.
type source interface {
	names() ([]string, error)
	rows(want columns) iter.Seq2[foreignRow, error]
	close()
}

// openForeign opens a file in any format: JSON here, what has lengths in it in
// a process of its own.
func openForeign(path string) (source, error) {
	kind, err := sniff(path)
	if err != nil {
		return nil, err
	}
	if kind.binary {
		return startReader(path)
	}
	return textFile{path, kind}, nil
}

// A textFile is a file that is read in this process.
type textFile struct {
	path string
	format
}

func (f textFile) names() ([]string, error) { return f.format.names(f.path) }

func (f textFile) rows(want columns) iter.Seq2[foreignRow, error] { return f.format.rows(f.path, want) }

func (f textFile) close() {}

// A format reads the rows of a file, and names its columns.
type format struct {
	rows   func(path string, want columns) iter.Seq2[foreignRow, error]
	names  func(path string) ([]string, error)
	binary bool // its bytes are lengths and offsets, which readers trust
}

// sniff tells what a path holds by its first bytes.
func sniff(path string) (format, error) {
	st, err := os.Stat(path)
	if err != nil {
		return format{}, err
	}
	if st.IsDir() {
		return format{arrowFolder, folderNames, true}, nil
	}
	if !st.Mode().IsRegular() {
		return format{}, fmt.Errorf("%s: not a file or folder", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return format{}, err
	}
	defer f.Close()
	head, err := bufio.NewReader(f).Peek(1024)
	if err != nil && err != io.EOF {
		return format{}, err
	}
	starts := func(s string) bool { return bytes.HasPrefix(head, []byte(s)) }
	switch text := bytes.TrimLeft(bytes.TrimPrefix(head, []byte(bom)), " \t\r\n"); {
	case len(head) == 0:
		return format{}, fmt.Errorf("%s: the file is empty", path)
	case starts("PAR1"):
		return format{parquetRows, parquetNames, true}, nil
	case starts(fileMagic), starts("\xff\xff\xff\xff"):
		return format{arrowFile, arrowNames, true}, nil
	case starts("\x1f\x8b"), starts("\x28\xb5\x2f\xfd"):
		return format{}, fmt.Errorf("%s: the file is compressed: unpack it first", path)
	case starts("\xff\xfe"), starts("\xfe\xff"):
		return format{}, fmt.Errorf("%s: the text is UTF-16: convert it to UTF-8", path)
	case len(text) > 0 && text[0] == '[':
		return format{jsonArray, namesIn(jsonArray), false}, nil
	}
	return format{jsonLines, namesIn(jsonLines), false}, nil
}

// sourceOf is the place of a row without the folders, which differ between
// machines.
func sourceOf(path string, row foreignRow) string { return filepath.Base(path) + row.at }

// A RowError is of one row of a file that others wrote. The rows after it can
// be read.
type RowError struct {
	Path string
	At   string // ":12" (a line) or ": row 12"
	Row  string // what stands there, as far as it could be read: JSON, or the text of the line
	Err  error
}

func (e *RowError) Error() string { return e.Path + e.At + ": " + e.Err.Error() }

func (e *RowError) Unwrap() error { return e.Err }

// fault is the error of a row that is not what it should be.
func (r foreignRow) fault(path string, err error) error {
	e := &RowError{Path: path, At: r.at, Row: string(r.text), Err: err}
	if e.Row == "" && r.cols != nil {
		row, _ := json.Marshal(r.cols) // NaN has no JSON; the place is enough then
		e.Row = string(row)
	}
	return e
}

// broken is the error of a place in a file behind which nothing can be read.
func broken(path, at string, err error) error { return fmt.Errorf("%s%s: %w", path, at, err) }
