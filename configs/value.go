package configs

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// A shape is what kinds of YAML value there are, as far as keys care.
type shape uint8

const (
	shapeText shape = 1 << iota
	shapeNumber
	shapeBool
	shapeNull
	shapeList
	shapeMap
)

// shapeOf is what a key of type t accepts.
func shapeOf(t reflect.Type) shape {
	switch t.Kind() {
	case reflect.Slice:
		return shapeList
	case reflect.String:
		return shapeText
	case reflect.Bool:
		return shapeBool
	}
	return shapeNumber
}

// A value is a YAML value read under the core schema, except that numbers are
// decimal only: 010 is ten and 0x10 is text.
type value struct {
	shape shape
	text  string  // of a scalar
	list  []value // of a list
}

// plain reads an unquoted scalar. The YAML library takes 5e-7 for text and
// 010 for eight, hence by hand.
func plain(text string) value {
	switch {
	case text == "true" || text == "false":
		return value{shape: shapeBool, text: text}
	case strings.ContainsAny(text, "0123456789") && strings.Trim(text, "0123456789+-.eE") == "":
		if _, err := strconv.ParseFloat(text, 64); err == nil || isRange(err) {
			return value{shape: shapeNumber, text: text}
		}
	}
	return value{shape: shapeText, text: text}
}

// isRange reports whether a number was well written but does not fit.
func isRange(err error) bool {
	e, ok := err.(*strconv.NumError)
	return ok && e.Err == strconv.ErrRange
}

// assign stores v in dst, or says why it cannot and leaves dst alone.
func assign(dst reflect.Value, v value) (problem string) {
	wrong := fmt.Sprintf("wants %s, has %s", typeName(dst.Type()), v)
	if shapeOf(dst.Type()) != v.shape {
		if dst.Kind() == reflect.String && (v.shape == shapeNumber || v.shape == shapeBool) {
			return wrong + "; put it in quotes"
		}
		if v.shape == shapeNull {
			return wrong + "; leave the key out for its default"
		}
		return wrong
	}
	switch dst.Kind() {
	case reflect.String:
		dst.SetString(v.text)
	case reflect.Bool:
		dst.SetBool(v.text == "true")
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(v.text, 10, 64)
		switch {
		case isRange(err):
			return wrong + ", which is too large"
		case err != nil:
			return wrong
		}
		dst.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(v.text, 64)
		if err != nil || math.IsInf(f, 0) {
			return wrong + ", which is too large"
		}
		dst.SetFloat(f + 0) // -0 becomes 0: equal configs must have equal JSON
	case reflect.Slice:
		return assignList(dst, v)
	}
	return ""
}

// assignList stores a list. An empty one is nil, so that leaving a key out and
// writing [] have the same JSON.
func assignList(dst reflect.Value, v value) (problem string) {
	list := reflect.Zero(dst.Type())
	for i, item := range v.list {
		e := reflect.New(dst.Type().Elem()).Elem()
		if problem := assign(e, item); problem != "" {
			if item.shape == shapeMap && e.Kind() == reflect.String { // a colon in it, as URLs have
				problem += "; put it in quotes"
			}
			return fmt.Sprintf("item %d %s", i+1, problem)
		}
		list = reflect.Append(list, e)
	}
	dst.Set(list)
	return ""
}

// String shows v in a message.
func (v value) String() string {
	switch v.shape {
	case shapeText:
		return "the text " + brief(v.text)
	case shapeList:
		return "a list"
	case shapeMap:
		return "a section"
	}
	return v.text
}
