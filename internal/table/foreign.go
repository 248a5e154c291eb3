package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/apache/arrow/go/v17/arrow"
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

	rec arrow.Record // under columns.late: the row's batch, until the next row
	i   int          // and its number there
}

// columns are the names that a reader looks for: one of need has to be there.
type columns struct {
	need, also []string
	every      bool // of a JSON object all members, whatever their names
	late       bool // of Arrow the row's place; its caller takes the columns
}

func (c columns) all() []string { return append(slices.Clone(c.also), c.need...) }

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
		kind, err := sniff(path)
		if err != nil {
			yield(foreignRow{}, err)
			return
		}
		seen := 0
		for row, err := range kind.rows(path, want) {
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

// A format reads the rows of a file, and names its columns.
type format struct {
	rows  func(path string, want columns) iter.Seq2[foreignRow, error]
	names func(path string) ([]string, error)
}

// namesOf are the columns of a file in any format.
func namesOf(path string) ([]string, error) {
	kind, err := sniff(path)
	if err != nil {
		return nil, err
	}
	return kind.names(path)
}

// sniff tells what a path holds by its first bytes.
func sniff(path string) (format, error) {
	st, err := os.Stat(path)
	if err != nil {
		return format{}, err
	}
	if st.IsDir() {
		return format{arrowFolder, folderNames}, nil
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
		return format{parquetRows, parquetNames}, nil
	case starts(fileMagic), starts("\xff\xff\xff\xff"):
		return format{arrowFile, arrowNames}, nil
	case starts("\x1f\x8b"), starts("\x28\xb5\x2f\xfd"):
		return format{}, fmt.Errorf("%s: the file is compressed: unpack it first", path)
	case starts("\xff\xfe"), starts("\xfe\xff"):
		return format{}, fmt.Errorf("%s: the text is UTF-16: convert it to UTF-8", path)
	case len(text) > 0 && text[0] == '[':
		return format{jsonArray, namesIn(jsonArray)}, nil
	}
	return format{jsonLines, namesIn(jsonLines)}, nil
}

// A budget bounds what is made of one row: lists in a damaged file can share
// their elements and so claim far more than the file holds.
type budget struct{ bytes, values int }

func newBudget() *budget { return &budget{maxRowBytes, maxRowValues} }

var errNotUTF8 = errors.New("text is not UTF-8")

var errTooBig = fmt.Errorf("the row is larger than %d bytes or %d values", maxRowBytes, maxRowValues)

// spend takes one value of n bytes.
func (b *budget) spend(n int) error {
	b.bytes -= n
	b.values--
	if b.bytes < 0 || b.values < 0 {
		return errTooBig
	}
	return nil
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
