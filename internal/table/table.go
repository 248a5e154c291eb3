package table

import (
	"fmt"
	"iter"
	"reflect"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A Table is a table folder open for reading rows of type R. It holds no file
// open between reads.
type Table[R any] struct {
	dir   string
	files []string
	cols  []column
	pos   []int // of cols in the files' schema
	meta  map[string]string
	rows  int
	mem   memory.Allocator
}

// Open checks the schema of a table that [Create] or datasets.save_to_disk
// wrote, and counts its rows. A column that R lacks is left alone; one that R
// has must be there with its type.
func Open[R any](dir string) (*Table[R], error) {
	return open[R](dir, memory.DefaultAllocator)
}

func open[R any](dir string, mem memory.Allocator) (*Table[R], error) {
	row := reflect.TypeFor[R]()
	cols, err := columnsOf(row)
	if err != nil {
		return nil, err
	}
	files, err := readState(dir)
	if err != nil {
		return nil, err
	}
	t := &Table[R]{dir: dir, files: files, cols: cols, mem: mem}
	for i, path := range files {
		schema, n, err := readSchema(path, mem)
		if err != nil {
			return nil, fmt.Errorf("table: open %s: %w", path, err)
		}
		pos, err := bindColumns(row, cols, schema)
		if err != nil {
			return nil, fmt.Errorf("table: open %s: %w", path, err)
		}
		if i == 0 {
			t.pos, t.meta = pos, schema.Metadata().ToMap()
			delete(t.meta, rowTypeKey)
		} else if !reflect.DeepEqual(pos, t.pos) {
			return nil, fmt.Errorf("table: open %s: its columns are not those of %s", path, files[0])
		}
		t.rows += n
	}
	return t, readNotes(dir, t.meta)
}

// Meta is the metadata that was given to [Create].
func (t *Table[R]) Meta() map[string]string { return t.meta }

// Len is the number of rows.
func (t *Table[R]) Len() int { return t.rows }

// Rows yields the rows in order, holding one record batch in memory. An error
// ends it and names the file, row and column.
func (t *Table[R]) Rows() iter.Seq2[R, error] {
	return func(yield func(R, error) bool) {
		first := 0
		for _, path := range t.files {
			for rec, err := range records(path, t.mem) {
				var rows []R
				if err == nil {
					rows, err = t.decode(rec, first)
				}
				if err != nil {
					var zero R
					yield(zero, fmt.Errorf("table: read %s: %w", path, err))
					return
				}
				for _, r := range rows {
					if !yield(r, nil) {
						return
					}
				}
				first += len(rows)
			}
		}
	}
}

// decode turns a record batch, whose first row has the number first, to rows.
func (t *Table[R]) decode(rec arrow.Record, first int) (rows []R, err error) {
	defer recoverDamage(&err)
	rows = make([]R, rec.NumRows())
	for i := range rows {
		v := reflect.ValueOf(&rows[i]).Elem()
		for k, c := range t.cols {
			if err := c.codec.set(rec.Column(t.pos[k]), i, v.Field(c.field)); err != nil {
				return nil, fmt.Errorf("row %d: column %s: %w", first+i, c.name, err)
			}
		}
	}
	return rows, nil
}

// ReadAll reads a whole table into memory.
func ReadAll[R any](dir string) ([]R, error) {
	t, err := Open[R](dir)
	if err != nil {
		return nil, err
	}
	var rows []R
	for r, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, nil
}
