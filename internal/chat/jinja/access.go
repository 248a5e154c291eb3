package jinja

import (
	"strings"
	"unicode/utf8"
)

// attr is v.name: an attribute or method if v has it, else the item of that
// name, as Jinja2 does.
func (in *interp) attr(v Value, name string) Value {
	if m, ok := in.member(v, name); ok {
		return m
	}
	if d, ok := v.(*Dict); ok {
		if item, ok := d.get(name); ok {
			return item
		}
	}
	private(name)
	return undefined(typeName(v) + " attribute '" + name + "'")
}

// private refuses Python's inner attributes: no template needs them, and only
// attacks ask for them. (Jinja2 fails a step later, when the value is used.)
func private(name string) {
	if strings.HasPrefix(name, "__") {
		fail("access to %s is not allowed", clip(name))
	}
}

// member looks for an attribute proper.
func (in *interp) member(v Value, name string) (Value, bool) {
	switch v := v.(type) {
	case *Undefined:
		v.fail()
	case *namespace:
		return v.attrs.get(name)
	case *loop:
		return v.attr(name)
	case *Func:
		return v.name, name == "name"
	case string:
		if m, ok := stringMethods[name]; ok {
			return bind(v, name, m), true
		}
	case *Dict:
		if m, ok := dictMethods[name]; ok {
			return bind(v, name, m), true
		}
	case *List:
		if m, ok := listMethods[name]; ok && v.indexable() {
			return bind(v, name, m), true
		}
	}
	return nil, false
}

// bind closes a method over its value.
func bind[T Value](v T, name string, m method[T]) *Func {
	return &Func{name: name, call: func(in *interp, args *callArgs) Value {
		args.expect(name, m.least, m.most, m.names...)
		return m.fn(in, v, args)
	}}
}

// A method is a function on a value of type T, with its argument counts and
// the names that arguments may have.
type method[T Value] struct {
	least, most int
	names       []string
	fn          func(in *interp, v T, args *callArgs) Value
}

// item is v[key]: the item if there is one, else the attribute of that name.
func (in *interp) item(v, key Value) Value {
	switch box := v.(type) {
	case *Undefined:
		box.fail()
	case *Dict:
		in.key(key)
		if in.hashable(key) {
			if item, ok := box.get(key); ok {
				return item
			}
		}
	case *List:
		if i, ok := asInt(key); ok && box.indexable() {
			if i, ok := position(i, len(box.Items)); ok {
				return box.Items[i]
			}
		}
	case string:
		if i, ok := asInt(key); ok {
			if s, ok := in.runeAt(box, i); ok {
				return s
			}
		}
	case *loop:
		return undefined("an item of loop")
	}
	if name, ok := key.(string); ok {
		if m, ok := in.member(v, name); ok {
			return m
		}
		private(name)
	}
	return undefined(typeName(v) + " item " + clip(in.repr(key)))
}

// clip shortens a text for an error message.
func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// hashable says whether a value can be a key.
func (in *interp) hashable(key Value) bool {
	in.step()
	switch k := key.(type) {
	case *Dict:
		return false
	case *List:
		if k.Kind != Tuple {
			return false
		}
		for _, v := range k.Items {
			if !in.hashable(v) {
				return false
			}
		}
	}
	return true
}

// position turns a possibly negative index into one from 0 to n-1.
func position(i int64, n int) (int, bool) {
	if i < 0 {
		i += int64(n)
	}
	return int(i), i >= 0 && i < int64(n)
}

func (in *interp) runeAt(s string, i int64) (string, bool) {
	in.work(len(s), scanBytes)
	at, ok := position(i, utf8.RuneCountInString(s))
	if !ok {
		return "", false
	}
	rest := fromRune(s, at)
	_, n := utf8.DecodeRuneInString(rest)
	return rest[:n], true
}

// slice is v[start:stop:step]; nil bounds are absent ones.
func (in *interp) slice(v Value, bounds [3]Value) Value {
	switch v := v.(type) {
	case string:
		return in.sliceString(v, bounds)
	case *List:
		if v.indexable() {
			in.work(len(v.Items), copyItems)
			start, stop, step := sliceBounds(bounds, len(v.Items))
			out := &List{Kind: v.Kind}
			for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
				out.Items = append(out.Items, v.Items[i])
			}
			return out
		}
	case *Undefined:
		v.fail()
	}
	fail("a value of type %s cannot be sliced", typeName(v))
	return nil
}

func (in *interp) sliceString(s string, bounds [3]Value) string {
	in.work(len(s), scanBytes)
	start, stop, step := sliceBounds(bounds, utf8.RuneCountInString(s))
	if step == 1 {
		return fromRune(s, start)[:len(fromRune(s, start))-len(fromRune(s, max(start, stop)))]
	}
	in.work(2*len(s), charBytes)
	runes := []rune(s)
	var out []rune
	for i := start; step > 0 && i < stop || step < 0 && i > stop; i += step {
		out = append(out, runes[i])
	}
	return string(out)
}

// fromRune is s without its first n characters.
func fromRune(s string, n int) string {
	for i := range s {
		if n == 0 {
			return s[i:]
		}
		n--
	}
	return ""
}

// sliceBounds applies Python's defaults and clamping for a sequence of n.
func sliceBounds(bounds [3]Value, n int) (start, stop, step int) {
	step = 1
	if bounds[2] != nil {
		step = needInt(bounds[2], "the step of a slice")
	}
	if step == 0 {
		fail("the step of a slice is 0")
	}
	low, high := 0, n
	if step < 0 {
		low, high = -1, n-1
	}
	clamp := func(v Value, def int) int {
		if v == nil {
			return def
		}
		i := needInt(v, "the bound of a slice")
		if i < 0 {
			i += n
		}
		return max(low, min(i, high))
	}
	if step > 0 {
		return clamp(bounds[0], low), clamp(bounds[1], high), step
	}
	return clamp(bounds[0], high), clamp(bounds[1], low), step
}
