package table

import (
	"fmt"
	"iter"
	"strconv"

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
		n, names, e := 0, want.all(), new(encoder)
		mem := &recycler{Allocator: memory.DefaultAllocator, dirty: true}
		for _, file := range files {
			for rec, err := range records(file, mem) {
				if err == nil {
					err = want.in(columnNames(rec.Schema()))
				}
				if err != nil {
					yield(foreignRow{}, fmt.Errorf("%s: %w", file, err))
					return
				}
				cols := pick(rec, names)
				for i := range int(rec.NumRows()) {
					n++
					row := foreignRow{at: ": row " + strconv.Itoa(n)}
					if err := putRow(e, cols, names, i); err != nil {
						err = row.fault(path, err)
					}
					row.data = e.b
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

// pick are the named columns of a batch, nil where it has none of a name.
func pick(rec arrow.Record, names []string) []arrow.Array {
	cols := make([]arrow.Array, len(names))
	for k, name := range names {
		if at := rec.Schema().FieldIndices(name); len(at) > 0 {
			cols[k] = rec.Column(at[0])
		}
	}
	return cols
}

// putRow writes row i of columns.
func putRow(e *encoder, cols []arrow.Array, names []string, i int) (err error) {
	defer recoverDamage(&err)
	e.reset()
	for k, a := range cols {
		if a == nil {
			err = e.tag(tagAbsent)
		} else {
			err = putArrow(e, a, i)
		}
		if err != nil {
			return fmt.Errorf("column %s: %w", names[k], err)
		}
	}
	return nil
}

// putArrow writes element i of an array.
func putArrow(e *encoder, a arrow.Array, i int) error {
	if a.IsNull(i) {
		return e.tag(tagNull)
	}
	switch a := a.(type) {
	case array.StringLike:
		return putText(e, a.Value(i))
	case *array.Dictionary:
		return putArrow(e, a.Dictionary(), a.GetValueIndex(i))
	case *array.Boolean:
		return e.bool(a.Value(i))
	case *array.Int8:
		return e.int(int64(a.Value(i)))
	case *array.Int16:
		return e.int(int64(a.Value(i)))
	case *array.Int32:
		return e.int(int64(a.Value(i)))
	case *array.Int64:
		return e.int(a.Value(i))
	case *array.Null:
		return e.tag(tagNull)
	case *array.Uint8:
		return e.int(int64(a.Value(i)))
	case *array.Uint16:
		return e.int(int64(a.Value(i)))
	case *array.Float16:
		return e.float(float64(a.Value(i).Float32()))
	case *array.Uint32:
		return e.int(int64(a.Value(i)))
	case *array.Float32:
		return e.float(float64(a.Value(i)))
	case *array.Float64:
		return e.float(a.Value(i))
	case *array.Struct:
		return putStruct(e, a, i)
	case array.ListLike:
		return putList(e, a, i)
	}
	return fmt.Errorf("type %s cannot be read here", a.DataType())
}

func putStruct(e *encoder, a *array.Struct, i int) error {
	typ := a.DataType().(*arrow.StructType)
	err := e.tag(tagObject)
	for k := range typ.NumFields() { // Fields makes a copy
		if err == nil {
			err = e.name(typ.Field(k).Name)
		}
		if err == nil {
			err = putArrow(e, a.Field(k), i)
		}
	}
	e.end()
	return err
}

func putList(e *encoder, a array.ListLike, i int) error {
	from, to := a.ValueOffsets(i)
	values := a.ListValues()
	if from < 0 || from > to || to > int64(values.Len()) {
		return fmt.Errorf("list spans %d to %d of %d elements", from, to, values.Len())
	}
	err := e.tag(tagList)
	for j := from; j < to && err == nil; j++ {
		err = putArrow(e, values, int(j))
	}
	e.end()
	return err
}
