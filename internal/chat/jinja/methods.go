package jinja

// dictMethods are the methods of Python's dict that change nothing; the
// others exist and fail, as in Jinja2's immutable sandbox.
var dictMethods = map[string]method[*Dict]{
	"keys":   {fn: func(in *interp, d *Dict, _ *callArgs) Value { return &List{Items: in.iterate(d), Kind: Keys} }},
	"values": {fn: func(_ *interp, d *Dict, _ *callArgs) Value { return &List{Items: d.vals, Kind: Values} }},
	"items":  {fn: func(in *interp, d *Dict, _ *callArgs) Value { return in.itemsView(d) }},
	"copy":   {fn: func(in *interp, d *Dict, _ *callArgs) Value { in.work(d.Len(), 1); return d.clone() }},
	"get": {1, 2, nil, func(in *interp, d *Dict, args *callArgs) Value {
		in.key(args.pos[0])
		if v, ok := d.get(args.pos[0]); ok {
			return v
		}
		return args.get(1, "", nil)
	}},
	"update": frozen[*Dict](), "pop": frozen[*Dict](), "popitem": frozen[*Dict](), "clear": frozen[*Dict](),
	"setdefault": frozen[*Dict](),
}

func (in *interp) itemsView(d *Dict) *List {
	in.work(2*d.Len(), makeItems)
	return &List{Items: d.pairs(), Kind: Items}
}

// listMethods are those of list, tuple and range.
var listMethods = map[string]method[*List]{
	"copy":   {fn: func(in *interp, l *List, _ *callArgs) Value { return in.slice(l, [3]Value{}) }},
	"count":  {1, 1, nil, listCount},
	"index":  {1, 1, nil, listIndex},
	"append": frozen[*List](), "extend": frozen[*List](), "insert": frozen[*List](), "remove": frozen[*List](),
	"pop": frozen[*List](), "clear": frozen[*List](), "sort": frozen[*List](), "reverse": frozen[*List](),
}

// frozen is a method that would change its value.
func frozen[T Value]() method[T] {
	return method[T]{0, anyArgs, nil, func(*interp, T, *callArgs) Value {
		fail("templates cannot change lists and mappings")
		return nil
	}}
}

func listCount(in *interp, l *List, args *callArgs) Value {
	n := int64(0)
	for _, item := range l.Items {
		if in.equal(item, args.pos[0]) {
			n++
		}
	}
	return n
}

func listIndex(in *interp, l *List, args *callArgs) Value {
	for i, item := range l.Items {
		if in.equal(item, args.pos[0]) {
			return int64(i)
		}
	}
	fail("the list does not hold the value to look for")
	return nil
}
