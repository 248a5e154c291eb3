package table

import (
	"fmt"
	"iter"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

// arrowFolder reads a folder that datasets.save_to_disk wrote.
func arrowFolder(dir string, want columns) iter.Seq2[foreignRow, error] {
	files, err := readState(dir)
	if err != nil {
		return func(yield func(foreignRow, error) bool) { yield(foreignRow{}, err) }
	}
	return arrowFiles(dir, files, want)
}

// arrowFile reads an Arrow IPC stream or file.
func arrowFile(path string, want columns) iter.Seq2[foreignRow, error] {
	return arrowFiles(path, []string{path}, want)
}

// arrowFiles reads files in order; errors name rows of path.
func arrowFiles(path string, files []string, want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		n := 0
		for _, file := range files {
			for rec, err := range records(file, memory.NewGoAllocator()) {
				if err != nil {
					yield(foreignRow{}, fmt.Errorf("%s: %w", file, err))
					return
				}
				if err := want.in(columnNames(rec.Schema())); err != nil {
					yield(foreignRow{}, fmt.Errorf("%s: %w", file, err))
					return
				}
				for i := range int(rec.NumRows()) {
					n++
					row := foreignRow{at: ": row " + strconv.Itoa(n), rec: rec, i: i}
					if !want.late {
						err = row.take(path, want)
					}
					if !yield(row, err) {
						return
					}
				}
			}
		}
	}
}

// arrowNames are the columns of an Arrow stream or file.
func arrowNames(path string) ([]string, error) {
	schema, _, err := readSchema(path, memory.DefaultAllocator)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return columnNames(schema), nil
}

// folderNames are the columns of a folder that datasets.save_to_disk wrote.
func folderNames(dir string) ([]string, error) {
	files, err := readState(dir)
	if err != nil {
		return nil, err
	}
	return arrowNames(files[0])
}

func columnNames(s *arrow.Schema) []string {
	names := make([]string, s.NumFields())
	for i, f := range s.Fields() {
		names[i] = f.Name
	}
	return names
}

// take converts the wanted columns of a row that was left for later.
func (r *foreignRow) take(path string, want columns) (err error) {
	if r.cols, err = arrowRow(r.rec, r.i, want); err != nil {
		return r.fault(path, err)
	}
	return nil
}

// arrowRow converts the wanted columns of row i.
func arrowRow(rec arrow.Record, i int, want columns) (cols map[string]any, err error) {
	defer recoverDamage(&err)
	cols, left := map[string]any{}, newBudget()
	for _, name := range want.all() {
		at := rec.Schema().FieldIndices(name)
		if len(at) == 0 {
			continue
		}
		if cols[name], err = arrowValue(rec.Column(at[0]), i, left); err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
	}
	return cols, nil
}

// arrowValue converts element i of an array.
func arrowValue(a arrow.Array, i int, left *budget) (any, error) {
	if err := left.spend(16); err != nil {
		return nil, err
	}
	if a.IsNull(i) {
		return nil, nil
	}
	switch a := a.(type) {
	case array.StringLike:
		return foreignText(strings.Clone(a.Value(i)), left)
	case *array.Dictionary:
		return arrowValue(a.Dictionary(), a.GetValueIndex(i), left)
	case *array.Boolean:
		return a.Value(i), nil
	case *array.Int8:
		return int64(a.Value(i)), nil
	case *array.Int16:
		return int64(a.Value(i)), nil
	case *array.Int32:
		return int64(a.Value(i)), nil
	case *array.Int64:
		return a.Value(i), nil
	case *array.Null:
		return nil, nil
	case *array.Uint8:
		return int64(a.Value(i)), nil
	case *array.Uint16:
		return int64(a.Value(i)), nil
	case *array.Float16:
		return float64(a.Value(i).Float32()), nil
	case *array.Uint32:
		return int64(a.Value(i)), nil
	case *array.Float32:
		return float64(a.Value(i)), nil
	case *array.Float64:
		return a.Value(i), nil
	case *array.Struct:
		return arrowStruct(a, i, left)
	case array.ListLike:
		return arrowList(a, i, left)
	}
	return nil, fmt.Errorf("type %s cannot be read here", a.DataType())
}

func arrowStruct(a *array.Struct, i int, left *budget) (any, error) {
	typ := a.DataType().(*arrow.StructType)
	m := make(map[string]any, typ.NumFields())
	for k := range typ.NumFields() {
		v, err := arrowValue(a.Field(k), i, left)
		if err != nil {
			return nil, err
		}
		m[typ.Field(k).Name] = v
	}
	return m, nil
}

func arrowList(a array.ListLike, i int, left *budget) (any, error) {
	from, to := a.ValueOffsets(i)
	values := a.ListValues()
	if from < 0 || from > to || to > int64(values.Len()) {
		return nil, fmt.Errorf("list spans %d to %d of %d elements", from, to, values.Len())
	}
	list := make([]any, 0, min(to-from, 64))
	for j := from; j < to; j++ {
		v, err := arrowValue(values, int(j), left)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// foreignText checks a text out of a file.
func foreignText(s string, left *budget) (any, error) {
	if err := left.spend(len(s)); err != nil {
		return nil, err
	}
	if !utf8.ValidString(s) {
		return nil, errNotUTF8
	}
	return s, nil
}
