package jinja

// loop is the variable of that name inside a for block.
type loop struct {
	items   []Value
	i       int
	changed *List // what loop.changed saw last
}

func (l *loop) attr(name string) (Value, bool) {
	n, i := int64(len(l.items)), int64(l.i)
	switch name {
	case "index":
		return i + 1, true
	case "index0":
		return i, true
	case "revindex":
		return n - i, true
	case "revindex0":
		return n - i - 1, true
	case "first":
		return i == 0, true
	case "last":
		return i == n-1, true
	case "length":
		return n, true
	case "depth":
		return int64(1), true
	case "depth0":
		return int64(0), true
	case "previtem":
		return l.neighbour(-1, "there is no previous item: it"), true
	case "nextitem":
		return l.neighbour(1, "there is no next item: it"), true
	case "cycle":
		return &Func{name: "cycle", call: l.cycle}, true
	case "changed":
		return &Func{name: "changed", call: l.isChanged}, true
	}
	return nil, false
}

func (l *loop) neighbour(by int, what string) Value {
	if i := l.i + by; i >= 0 && i < len(l.items) {
		return l.items[i]
	}
	return undefined(what)
}

func (l *loop) cycle(_ *interp, args *callArgs) Value {
	if len(args.pos) == 0 {
		fail("loop.cycle needs values")
	}
	return args.pos[l.i%len(args.pos)]
}

func (l *loop) isChanged(in *interp, args *callArgs) Value {
	now := &List{Items: args.pos, Kind: Tuple}
	if l.changed != nil && in.equal(l.changed, now) {
		return false
	}
	l.changed = now
	return true
}
