package jinja

// globals are the functions that every template sees.
var globals = map[string]*Func{
	"range":           {name: "range", call: rangeOf},
	"dict":            {name: "dict", call: dictOf},
	"namespace":       {name: "namespace", call: namespaceOf},
	"raise_exception": {name: "raise_exception", call: raise},
	"strftime_now":    {name: "strftime_now", call: strftimeNow},
	"joiner":          {name: "joiner", call: joinerOf},
	"cycler":          {name: "cycler", call: cyclerOf},
}

func rangeOf(in *interp, args *callArgs) Value {
	args.expect("range", 1, 3)
	bounds := [3]int64{0, 0, 1}
	for i, v := range args.pos {
		bounds[i] = int64(needInt(v, "a bound of range"))
	}
	start, stop, step := bounds[0], bounds[1], bounds[2]
	if len(args.pos) == 1 {
		start, stop = 0, start
	}
	if step == 0 {
		fail("the step of range is 0")
	}
	n := max(0, (stop-start+step-sign(step))/step)
	if n > MaxRange {
		fail("range has more than %d numbers", MaxRange)
	}
	in.work(int(n), copyItems)
	l := &List{Kind: Range, Items: make([]Value, n)}
	for i := range l.Items {
		l.Items[i] = start + int64(i)*step
	}
	return l
}

func sign(i int64) int64 {
	if i < 0 {
		return -1
	}
	return 1
}

// dictOf is dict(mapping or pairs, name=value, …).
func dictOf(in *interp, args *callArgs) Value {
	if len(args.pos) > 1 {
		fail("dict takes at most 1 argument, not %d", len(args.pos))
	}
	d := NewDict()
	for _, v := range args.pos {
		if src, ok := v.(*Dict); ok {
			d = src.clone()
			continue
		}
		if u, ok := v.(*Undefined); ok {
			u.fail()
		}
		for _, pair := range in.iterate(v) {
			kv := in.iterate(pair)
			if len(kv) != 2 {
				fail("dict needs pairs")
			}
			d.set(kv[0], kv[1])
		}
	}
	in.work(d.Len(), 1)
	for _, n := range args.named {
		d.set(n.name, n.value)
	}
	return d
}

func namespaceOf(in *interp, args *callArgs) Value {
	return &namespace{dictOf(in, args).(*Dict)}
}

func raise(in *interp, args *callArgs) Value {
	args.expect("raise_exception", 1, 1, "message")
	fail("%s", in.str(args.get(0, "message", nil)))
	return nil
}

func strftimeNow(in *interp, args *callArgs) Value {
	args.expect("strftime_now", 1, 1, "format")
	return in.sized(in.strftime(needString(args.get(0, "format", nil), "a time format")))
}

// joinerOf returns a function that gives nothing the first time and the
// separator from then on.
func joinerOf(_ *interp, args *callArgs) Value {
	args.expect("joiner", 0, 1, "sep")
	sep := args.get(0, "sep", ", ")
	used := false
	return &Func{name: "joiner", call: func(*interp, *callArgs) Value {
		if !used {
			used = true
			return ""
		}
		return sep
	}}
}

func cyclerOf(_ *interp, args *callArgs) Value {
	if len(args.pos) == 0 {
		fail("cycler needs values")
	}
	i := 0
	attrs := NewDict()
	move := func(next func() Value) *Func {
		return &Func{name: "cycler", call: func(*interp, *callArgs) Value { return next() }}
	}
	set := func() { attrs.set("current", args.pos[i]) }
	attrs.set("next", move(func() Value {
		v := args.pos[i]
		i = (i + 1) % len(args.pos)
		set()
		return v
	}))
	attrs.set("reset", move(func() Value {
		i = 0
		set()
		return nil
	}))
	set()
	return &namespace{attrs}
}
