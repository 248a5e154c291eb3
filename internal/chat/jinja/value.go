package jinja

import (
	"strconv"
	"unicode/utf8"
)

// A Value is one of the types that the package's comment lists.
type Value = any

// ListKind is which Python sequence or iterator a List stands for.
type ListKind uint8

const (
	PlainList ListKind = iota
	Tuple
	Range
	Keys // of a dict, as its values and items: a length, no positions
	Values
	Items
	Generator // result of map, select, …: no length, read once
)

// A List is any ordered collection of values.
type List struct {
	Items []Value
	Kind  ListKind
	spent bool // a generator that was read
}

// NewList returns a plain list of items.
func NewList(items ...Value) *List { return &List{Items: items} }

// take returns the items for one reading.
func (l *List) take() []Value {
	if l.Kind != Generator {
		return l.Items
	}
	if l.spent {
		return nil
	}
	l.spent = true
	return l.Items
}

func (l *List) indexable() bool { return l.Kind <= Range }

// Undefined is the value of a name, key or attribute that does not exist. It
// prints as nothing, is false and empty; other use of it fails.
type Undefined struct{ what string }

func undefined(what string) *Undefined { return &Undefined{what} }

func (u *Undefined) fail() { fail("%s is undefined", u.what) }

// A namespace is the only object whose attributes a template can set.
type namespace struct{ attrs *Dict }

// Func is a callable: a macro, a method bound to its value, or a global.
type Func struct {
	name  string
	call  func(in *interp, args *callArgs) Value
	macro bool
}

// callArgs are a call's arguments, evaluated.
type callArgs struct {
	pos   []Value
	named []namedArg
}

type namedArg struct {
	name  string
	value Value
}

// get returns argument i, or the one called name, or def.
func (a *callArgs) get(i int, name string, def Value) Value {
	if i < len(a.pos) {
		return a.pos[i]
	}
	for _, n := range a.named {
		if n.name == name {
			return n.value
		}
	}
	return def
}

// anyArgs as the most arguments of a function means that it checks them.
const anyArgs = -1

// expect fails unless the call has between least and most arguments and names
// only those of the list.
func (a *callArgs) expect(what string, least, most int, names ...string) {
	if most == anyArgs {
		if len(a.pos) < least {
			fail("%s needs %d arguments, not %d", what, least, len(a.pos))
		}
		return
	}
	if len(a.pos) > most {
		fail("%s takes at most %d arguments, not %d", what, most, len(a.pos))
	}
	given := len(a.pos)
named:
	for _, n := range a.named {
		for i, name := range names {
			if name == n.name {
				if i < len(a.pos) {
					fail("%s got two values for %s", what, name)
				}
				given++
				continue named
			}
		}
		fail("%s has no argument %s", what, n.name)
	}
	if given < least {
		fail("%s needs %d arguments, not %d", what, least, given)
	}
}

// typeName is Python's name for the type of v.
func typeName(v Value) string {
	switch v := v.(type) {
	case nil:
		return "NoneType"
	case bool:
		return "bool"
	case int64:
		return "int"
	case float64:
		return "float"
	case string:
		return "str"
	case *Dict:
		return "dict"
	case *List:
		return [...]string{"list", "tuple", "range", "dict_keys", "dict_values", "dict_items", "generator"}[v.Kind]
	case *Undefined:
		return "Undefined"
	case *namespace:
		return "Namespace"
	case *loop:
		return "LoopContext"
	}
	return "function"
}

// truth is Python's bool(v).
func truth(v Value) bool {
	switch v := v.(type) {
	case nil, *Undefined:
		return false
	case bool:
		return v
	case int64:
		return v != 0
	case float64:
		return v != 0
	case string:
		return v != ""
	case *List:
		return v.Kind == Generator || len(v.Items) > 0
	case *Dict:
		return v.Len() > 0
	}
	return true
}

// length is Python's len(v); ok is false where it would fail.
func length(v Value) (n int, ok bool) {
	switch v := v.(type) {
	case string:
		return utf8.RuneCountInString(v), true
	case *List:
		return len(v.Items), v.Kind != Generator
	case *Dict:
		return v.Len(), true
	case *Undefined:
		return 0, true
	case *loop:
		return len(v.items), true
	}
	return 0, false
}

// iterate returns the values that a loop over v sees.
func (in *interp) iterate(v Value) []Value {
	items, ok := in.tryIterate(v)
	if !ok {
		fail("a value of type %s cannot be looped over", typeName(v))
	}
	return items
}

func (in *interp) tryIterate(v Value) (items []Value, ok bool) {
	switch v := v.(type) {
	case *List:
		items = v.take()
	case *Dict:
		items = v.keyList()
	case string:
		in.work(len(v), makeItems)
		items = make([]Value, 0, len(v))
		for i := range v {
			_, n := utf8.DecodeRuneInString(v[i:])
			items = append(items, v[i:i+n])
		}
	case *Undefined:
	default:
		return nil, false
	}
	in.work(len(items), copyItems)
	return items, true
}

// asInt is the value as an integer; bools count, as in Python.
func asInt(v Value) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case bool:
		if v {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

func asFloat(v Value) (float64, bool) {
	if f, ok := v.(float64); ok {
		return f, true
	}
	i, ok := asInt(v)
	return float64(i), ok
}

func needInt(v Value, what string) int {
	i, ok := asInt(v)
	if !ok {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		fail("%s must be an integer, not %s", what, typeName(v))
	}
	const bound = 1 << 40 // positions beyond it behave alike
	return int(max(-bound, min(i, bound)))
}

func needString(v Value, what string) string {
	s, ok := v.(string)
	if !ok {
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		fail("%s must be a string, not %s", what, typeName(v))
	}
	return s
}

func itoa(i int64) string { return strconv.FormatInt(i, 10) }
