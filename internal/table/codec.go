package table

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

var errNull = errors.New("null")

// A codec moves values of one Go type into and out of Arrow arrays.
type codec interface {
	dataType() arrow.DataType
	// append adds v to b and returns about how many bytes that took.
	append(b array.Builder, v reflect.Value) (int, error)
	// set reads element i of a into v. A null is errNull.
	set(a arrow.Array, i int, v reflect.Value) error
}

// codecOf picks the codec of a field's type.
func codecOf(t reflect.Type) (codec, error) {
	switch t {
	case reflect.TypeFor[string]():
		return text{}, nil
	case reflect.TypeFor[bool]():
		return boolean{}, nil
	case reflect.TypeFor[int32]():
		return number[int32, *array.Int32Builder, *array.Int32]{arrow.PrimitiveTypes.Int32}, nil
	case reflect.TypeFor[int64]():
		return number[int64, *array.Int64Builder, *array.Int64]{arrow.PrimitiveTypes.Int64}, nil
	case reflect.TypeFor[float32]():
		return number[float32, *array.Float32Builder, *array.Float32]{arrow.PrimitiveTypes.Float32}, nil
	case reflect.TypeFor[float64]():
		return number[float64, *array.Float64Builder, *array.Float64]{arrow.PrimitiveTypes.Float64}, nil
	}
	switch t.Kind() {
	case reflect.Struct:
		cols, err := columnsOf(t)
		return record{cols}, err
	case reflect.Slice:
		elem, err := codecOf(t.Elem())
		return list{elem}, err
	}
	return nil, fmt.Errorf("type %s has no column type", t)
}

type text struct{}

func (text) dataType() arrow.DataType { return arrow.BinaryTypes.String }

func (text) append(b array.Builder, v reflect.Value) (int, error) {
	s := v.String()
	if len(s) > rowBytes {
		return 0, fmt.Errorf("text of %d bytes, the limit is %d", len(s), rowBytes)
	}
	if !utf8.ValidString(s) {
		return 0, errNotUTF8
	}
	b.(*array.StringBuilder).Append(s)
	return len(s) + 4, nil
}

// set copies the text: a string of Arrow's would keep its whole batch alive.
func (text) set(a arrow.Array, i int, v reflect.Value) error {
	if a.IsNull(i) {
		return errNull
	}
	s := a.(*array.String).Value(i)
	if !utf8.ValidString(s) {
		return errNotUTF8
	}
	v.SetString(strings.Clone(s))
	return nil
}

type boolean struct{}

func (boolean) dataType() arrow.DataType { return arrow.FixedWidthTypes.Boolean }

func (boolean) append(b array.Builder, v reflect.Value) (int, error) {
	b.(*array.BooleanBuilder).Append(v.Bool())
	return 1, nil
}

func (boolean) set(a arrow.Array, i int, v reflect.Value) error {
	if a.IsNull(i) {
		return errNull
	}
	v.SetBool(a.(*array.Boolean).Value(i))
	return nil
}

// A number is a fixed-width type T with Arrow's builder B and array A for it.
type number[T any, B interface {
	Append(T)
	AppendValues([]T, []bool)
}, A interface{ Value(int) T }] struct{ typ arrow.DataType }

func (n number[T, B, A]) dataType() arrow.DataType { return n.typ }

func (n number[T, B, A]) append(b array.Builder, v reflect.Value) (int, error) {
	any(b).(B).Append(*v.Addr().Interface().(*T))
	return 8, nil
}

func (n number[T, B, A]) set(a arrow.Array, i int, v reflect.Value) error {
	if a.IsNull(i) {
		return errNull
	}
	*v.Addr().Interface().(*T) = any(a).(A).Value(i)
	return nil
}

// appendAll adds the whole slice v.
func (n number[T, B, A]) appendAll(b array.Builder, v reflect.Value) int {
	s := *v.Addr().Interface().(*[]T)
	any(b).(B).AppendValues(s, nil)
	return 8 * len(s)
}

// setAll reads elements from..to into the slice v, which has that length.
func (n number[T, B, A]) setAll(a arrow.Array, from, to int, v reflect.Value) error {
	values, s := any(a).(A), *v.Addr().Interface().(*[]T)
	for i := from; i < to; i++ {
		if a.IsNull(i) {
			return errNull
		}
		s[i-from] = values.Value(i)
	}
	return nil
}

// bulk is what a codec has that moves slices faster than element by element.
type bulk interface {
	appendAll(b array.Builder, v reflect.Value) int
	setAll(a arrow.Array, from, to int, v reflect.Value) error
}

// A list is a slice of elements. An empty list reads back as a nil slice.
type list struct{ elem codec }

func (l list) dataType() arrow.DataType { return arrow.ListOf(l.elem.dataType()) }

func (l list) append(b array.Builder, v reflect.Value) (int, error) {
	lb := b.(*array.ListBuilder)
	lb.Append(true)
	size := 4
	if fast, ok := l.elem.(bulk); ok {
		return size + fast.appendAll(lb.ValueBuilder(), v), nil
	}
	for i := range v.Len() {
		n, err := l.elem.append(lb.ValueBuilder(), v.Index(i))
		if err != nil {
			return 0, fmt.Errorf("element %d: %w", i, err)
		}
		size += n
	}
	return size, nil
}

func (l list) set(a arrow.Array, i int, v reflect.Value) error {
	if a.IsNull(i) {
		return errNull
	}
	la := a.(*array.List)
	from, to := la.ValueOffsets(i)
	values := la.ListValues()
	if from < 0 || from > to || to > int64(values.Len()) {
		return fmt.Errorf("list spans %d to %d of %d elements", from, to, values.Len())
	}
	v.SetZero()
	if from == to {
		return nil
	}
	n := int(to - from)
	v.Set(reflect.MakeSlice(v.Type(), n, n))
	if fast, ok := l.elem.(bulk); ok {
		if err := fast.setAll(values, int(from), int(to), v); err != nil {
			return fmt.Errorf("element of the list: %w", err)
		}
		return nil
	}
	for j := range n {
		if err := l.elem.set(values, int(from)+j, v.Index(j)); err != nil {
			return fmt.Errorf("element %d: %w", j, err)
		}
	}
	return nil
}

// A record is a struct within a row, such as a Message.
type record struct{ cols []column }

func (r record) dataType() arrow.DataType { return arrow.StructOf(fieldsOf(r.cols)...) }

func (r record) append(b array.Builder, v reflect.Value) (int, error) {
	sb := b.(*array.StructBuilder)
	sb.Append(true)
	size := 0
	for i, c := range r.cols {
		n, err := c.codec.append(sb.FieldBuilder(i), v.Field(c.field))
		if err != nil {
			return 0, fmt.Errorf("%s: %w", c.name, err)
		}
		size += n
	}
	return size, nil
}

func (r record) set(a arrow.Array, i int, v reflect.Value) error {
	if a.IsNull(i) {
		return errNull
	}
	sa := a.(*array.Struct)
	for k, c := range r.cols {
		if err := c.codec.set(sa.Field(k), i, v.Field(c.field)); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}
