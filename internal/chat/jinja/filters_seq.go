package jinja

import (
	"sort"
	"strconv"
	"strings"
)

func generator(items []Value) *List { return &List{Items: items, Kind: Generator} }

func itemsFilter(in *interp, v Value, _ *callArgs) Value {
	switch v := v.(type) {
	case *Undefined:
		return generator(nil)
	case *Dict:
		return generator(in.itemsView(v).Items)
	}
	fail("items needs a mapping, not %s", typeName(v))
	return nil
}

func firstFilter(in *interp, v Value, _ *callArgs) Value {
	items := in.iterate(v)
	if len(items) == 0 {
		return undefined("the first item of an empty sequence")
	}
	if l, ok := v.(*List); ok && l.Kind == Generator { // the rest can still be read
		l.Items, l.spent = items[1:], false
	}
	return items[0]
}

func lastFilter(in *interp, v Value, _ *callArgs) Value {
	if l, ok := v.(*List); ok && l.Kind == Generator {
		fail("last needs a list: put |list in front")
	}
	items := in.iterate(v)
	if len(items) == 0 {
		return undefined("the last item of an empty sequence")
	}
	return items[len(items)-1]
}

func reversed(items []Value) []Value {
	out := make([]Value, len(items))
	for i, item := range items {
		out[len(items)-1-i] = item
	}
	return out
}

func reverseFilter(in *interp, v Value, _ *callArgs) Value {
	items := reversed(in.iterate(v))
	switch l := v.(type) {
	case string:
		texts := make([]string, len(items))
		for i, item := range items {
			texts[i] = item.(string)
		}
		return strings.Join(texts, "")
	case *List:
		if l.Kind == Generator {
			return NewList(items...)
		}
	}
	return generator(items)
}

func joinFilter(in *interp, v Value, args *callArgs) Value {
	items := in.iterate(v)
	get := in.getter(args.get(1, "attribute", nil), nil)
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = in.str(get(item))
	}
	return in.joinTexts(texts, in.str(args.get(0, "d", "")))
}

// getter returns the function that reads a dotted attribute of an item; nil
// reads the item itself. def replaces what is undefined, unless it is nil.
func (in *interp) getter(attribute, def Value) func(Value) Value {
	if attribute == nil {
		return func(v Value) Value { return v }
	}
	parts := []Value{attribute}
	if s, ok := attribute.(string); ok {
		parts = parts[:0]
		for _, part := range strings.Split(s, ".") {
			if i, err := strconv.ParseUint(part, 10, 32); err == nil {
				parts = append(parts, int64(i))
			} else {
				parts = append(parts, part)
			}
		}
	}
	return func(v Value) Value {
		for _, part := range parts {
			in.step()
			v = in.item(v, part)
			if isUndefined(v) && def != nil {
				v = def
			}
		}
		return v
	}
}

// sortKey is getter, with strings in lower case unless case counts.
func (in *interp) sortKey(attribute Value, caseSensitive bool) func(Value) Value {
	get := in.getter(attribute, nil)
	if caseSensitive {
		return get
	}
	return func(v Value) Value {
		v = get(v)
		if s, ok := v.(string); ok {
			in.work(len(s), charBytes)
			return lower(s)
		}
		return v
	}
}

// sorted sorts stably by key; reverse keeps equal items in order, too.
func (in *interp) sorted(items []Value, key func(Value) Value, reverse bool) []Value {
	type entry struct{ key, item Value }
	entries := make([]entry, len(items))
	for i, item := range items {
		entries[i] = entry{key(item), item}
	}
	sort.SliceStable(entries, func(i, j int) bool {
		if reverse {
			i, j = j, i
		}
		in.work(2, 1) // sorting takes as long as comparing
		return in.order(entries[i].key, entries[j].key) < 0
	})
	out := make([]Value, len(items))
	for i, e := range entries {
		out[i] = e.item
	}
	return out
}

func sortFilter(in *interp, v Value, args *callArgs) Value {
	attribute := args.get(2, "attribute", nil)
	caseSensitive := truth(args.get(1, "case_sensitive", false))
	attributes := []Value{attribute}
	if s, ok := attribute.(string); ok {
		attributes = attributes[:0]
		for _, part := range strings.Split(s, ",") {
			attributes = append(attributes, part)
		}
	}
	var keys []func(Value) Value
	for _, a := range attributes {
		keys = append(keys, in.sortKey(a, caseSensitive))
	}
	key := func(v Value) Value {
		l := NewList() // a list even for one key: equal Undefined values do not fail there
		for _, k := range keys {
			l.Items = append(l.Items, k(v))
		}
		return l
	}
	return NewList(in.sorted(in.iterate(v), key, truth(args.get(0, "reverse", false)))...)
}

func dictSort(in *interp, v Value, args *callArgs) Value {
	d, ok := v.(*Dict)
	if !ok {
		fail("dictsort needs a mapping, not %s", typeName(v))
	}
	at, ok := map[Value]Value{"key": int64(0), "value": int64(1)}[in.str(args.get(1, "by", "key"))]
	if !ok {
		fail("dictsort sorts by key or value")
	}
	key := in.sortKey(at, truth(args.get(0, "case_sensitive", false)))
	return NewList(in.sorted(in.itemsView(d).Items, key, truth(args.get(2, "reverse", false)))...)
}

func uniqueFilter(in *interp, v Value, args *callArgs) Value {
	key := in.sortKey(args.get(1, "attribute", nil), truth(args.get(0, "case_sensitive", false)))
	seen := NewDict()
	var out []Value
	for _, item := range in.iterate(v) {
		k := key(item)
		in.key(k)
		if _, ok := seen.get(k); !ok {
			seen.set(k, nil)
			out = append(out, item)
		}
	}
	return generator(out)
}

// extreme is min (-1) or max (1); of equal items the first wins.
func extreme(want int) func(*interp, Value, *callArgs) Value {
	return func(in *interp, v Value, args *callArgs) Value {
		key := in.sortKey(args.get(1, "attribute", nil), truth(args.get(0, "case_sensitive", false)))
		items := in.iterate(v)
		if len(items) == 0 {
			return undefined("the extreme of an empty sequence")
		}
		best := items[0]
		for _, item := range items[1:] {
			if in.order(key(item), key(best)) == want {
				best = item
			}
		}
		return best
	}
}

func sumFilter(in *interp, v Value, args *callArgs) Value {
	get := in.getter(args.get(0, "attribute", nil), nil)
	total := args.get(1, "start", int64(0))
	for _, item := range in.iterate(v) {
		total = in.binary("+", total, get(item))
	}
	return total
}

func batchFilter(in *interp, v Value, args *callArgs) Value {
	n := needInt(args.get(0, "linecount", nil), "a line count")
	if n < 1 {
		fail("batch needs a line count of at least 1")
	}
	var out []Value
	items := in.iterate(v)
	for len(items) > 0 {
		row := NewList(items[:min(n, len(items))]...)
		items = items[len(row.Items):]
		if fill := args.get(1, "fill_with", nil); fill != nil {
			in.work(n, makeItems)
			row.Items = append([]Value(nil), row.Items...)
			for len(row.Items) < n {
				row.Items = append(row.Items, fill)
			}
		}
		out = append(out, row)
	}
	return generator(out)
}

// iterateTrue is iterate for the filters that take any false value, such as
// none, for an empty sequence.
func (in *interp) iterateTrue(v Value) []Value {
	if !truth(v) {
		return nil
	}
	return in.iterate(v)
}

// mapFilter is map(attribute=…, default=…) or map("filter", arguments…).
func mapFilter(in *interp, v Value, args *callArgs) Value {
	var fn func(Value) Value
	if len(args.pos) > 0 {
		name := needString(args.pos[0], "a filter's name")
		rest := &callArgs{pos: args.pos[1:], named: args.named}
		fn = func(v Value) Value { return in.filter(name, v, rest) }
	} else {
		attribute := args.get(0, "attribute", nil)
		if attribute == nil {
			fail("map needs a filter's name or attribute=")
		}
		fn = in.getter(attribute, args.get(1, "default", nil))
	}
	items := in.iterateTrue(v)
	out := make([]Value, len(items))
	for i, item := range items {
		in.step()
		out[i] = fn(item)
	}
	return generator(out)
}

// selectFilter keeps the items for which a test holds (or fails, with want
// false): of the item itself, or of its attribute. Without a test, truth.
func selectFilter(want, attribute bool) func(*interp, Value, *callArgs) Value {
	return func(in *interp, v Value, args *callArgs) Value {
		get, pos := in.getter(nil, nil), args.pos
		if attribute {
			get, pos = in.getter(pos[0], nil), pos[1:]
		}
		holds := truth
		if len(pos) > 0 {
			name := needString(pos[0], "a test's name")
			rest := &callArgs{pos: pos[1:], named: args.named}
			holds = func(v Value) bool { return in.test(name, v, rest) }
		}
		var out []Value
		for _, item := range in.iterateTrue(v) {
			in.step()
			if holds(get(item)) == want {
				out = append(out, item)
			}
		}
		return generator(out)
	}
}
