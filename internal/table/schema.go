package table

import (
	"fmt"
	"reflect"

	"github.com/apache/arrow/go/v17/arrow"
)

// rowTypeKey is the schema metadata key under which the row type's name is kept.
const rowTypeKey = "row_type"

// A column binds one field of a row struct to one column of the table.
type column struct {
	name  string
	field int // index in the struct
	codec codec
}

// columnsOf lists the columns of a row struct in the order of its fields.
func columnsOf(row reflect.Type) ([]column, error) {
	if row.Kind() != reflect.Struct {
		return nil, fmt.Errorf("table: a row is a struct with col tags, not %s", row)
	}
	cols := make([]column, 0, row.NumField())
	for i := range row.NumField() {
		f := row.Field(i)
		name := f.Tag.Get("col")
		if name == "" {
			continue
		}
		c, err := codecOf(f.Type)
		if err != nil {
			return nil, fmt.Errorf("table: field %s.%s: %w", row.Name(), f.Name, err)
		}
		cols = append(cols, column{name, i, c})
	}
	if len(cols) == 0 {
		return nil, fmt.Errorf("table: %s has no field with a col tag", row)
	}
	return cols, nil
}

// fieldsOf are the Arrow fields of cols. They are nullable, as pyarrow and
// datasets make them, although this package neither writes nor accepts a null.
func fieldsOf(cols []column) []arrow.Field {
	fields := make([]arrow.Field, len(cols))
	for i, c := range cols {
		fields[i] = arrow.Field{Name: c.name, Type: c.codec.dataType(), Nullable: true}
	}
	return fields
}

// schemaOf is the Arrow schema of a row type. Its metadata is meta, sorted by
// key, and the name of the row type.
func schemaOf(row reflect.Type, cols []column, meta map[string]string) (*arrow.Schema, error) {
	kv := map[string]string{rowTypeKey: row.Name()}
	for k, v := range meta {
		if k == rowTypeKey {
			return nil, fmt.Errorf("table: metadata key %q is taken", k)
		}
		kv[k] = v
	}
	md := arrow.MetadataFrom(kv)
	return arrow.NewSchema(fieldsOf(cols), &md), nil
}

// bindColumns finds each column in a schema that a file brought: the result
// holds the position of cols[i] there.
func bindColumns(row reflect.Type, cols []column, s *arrow.Schema) ([]int, error) {
	if got, ok := s.Metadata().GetValue(rowTypeKey); ok && got != row.Name() {
		return nil, fmt.Errorf("holds %s rows, want %s", got, row.Name())
	}
	pos := make([]int, len(cols))
	for i, c := range cols {
		at := s.FieldIndices(c.name)
		want := c.codec.dataType()
		switch {
		case len(at) == 0:
			return nil, fmt.Errorf("column %s: missing, want %s", c.name, want)
		case len(at) > 1:
			return nil, fmt.Errorf("column %s: there are %d of that name", c.name, len(at))
		}
		if got := s.Field(at[0]).Type; !sameType(got, want) {
			return nil, fmt.Errorf("column %s: got %s, want %s", c.name, got, want)
		}
		pos[i] = at[0]
	}
	return pos, nil
}

// sameType compares types by layout and names of struct fields; the name of a
// list's element and what may be null differ between writers and do not count.
func sameType(a, b arrow.DataType) bool {
	if a.ID() != b.ID() {
		return false
	}
	switch a := a.(type) {
	case *arrow.ListType:
		return sameType(a.Elem(), b.(*arrow.ListType).Elem())
	case *arrow.StructType:
		b := b.(*arrow.StructType)
		if a.NumFields() != b.NumFields() {
			return false
		}
		for i, f := range a.Fields() {
			if f.Name != b.Field(i).Name || !sameType(f.Type, b.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return arrow.TypeEqual(a, b)
}
