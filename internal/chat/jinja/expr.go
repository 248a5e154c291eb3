package jinja

import "strings"

// An expr is a node of an expression.
type expr interface{ eval(in *interp) Value }

func (in *interp) eval(e expr) Value {
	in.step()
	return e.eval(in)
}

type constExpr struct{ v Value }

func (e constExpr) eval(*interp) Value { return e.v }

type nameExpr string

func (e nameExpr) eval(in *interp) Value { return in.lookup(string(e)) }

type listExpr struct {
	items []expr
	kind  ListKind
}

func (e *listExpr) eval(in *interp) Value {
	l := &List{Kind: e.kind, Items: make([]Value, len(e.items))}
	for i, item := range e.items {
		l.Items[i] = in.eval(item)
	}
	return l
}

type dictExpr struct{ keys, vals []expr }

func (e *dictExpr) eval(in *interp) Value {
	d := NewDict()
	for i := range e.keys {
		key := in.eval(e.keys[i])
		in.key(key)
		d.set(key, in.eval(e.vals[i]))
	}
	return d
}

type condExpr struct{ test, then, orElse expr }

func (e *condExpr) eval(in *interp) Value {
	if truth(in.eval(e.test)) {
		return in.eval(e.then)
	}
	if e.orElse == nil {
		return undefined("the inline if has no else, so its value")
	}
	return in.eval(e.orElse)
}

// logicExpr is a and b, or a or b: the value is that of the side that decides.
type logicExpr struct {
	a, b expr
	or   bool
}

func (e *logicExpr) eval(in *interp) Value {
	v := in.eval(e.a)
	if truth(v) == e.or {
		return v
	}
	return in.eval(e.b)
}

type notExpr struct{ e expr }

func (e *notExpr) eval(in *interp) Value { return !truth(in.eval(e.e)) }

// compareExpr is a chain: a < b < c holds when both steps do.
type compareExpr struct {
	first expr
	ops   []string
	rest  []expr
}

func (e *compareExpr) eval(in *interp) Value {
	left := in.eval(e.first)
	for i, op := range e.ops {
		right := in.eval(e.rest[i])
		if !in.compare(op, left, right) {
			return false
		}
		left = right
	}
	return true
}

type binaryExpr struct {
	op   string
	a, b expr
}

func (e *binaryExpr) eval(in *interp) Value {
	return in.binary(e.op, in.eval(e.a), in.eval(e.b))
}

type concatExpr struct{ parts []expr }

func (e *concatExpr) eval(in *interp) Value {
	texts := make([]string, len(e.parts))
	n := 0
	for i, part := range e.parts {
		texts[i] = in.str(in.eval(part))
		n += len(texts[i])
	}
	in.room(n)
	return strings.Join(texts, "")
}

type signExpr struct {
	e    expr
	sign int64
}

func (e *signExpr) eval(in *interp) Value {
	switch v := in.eval(e.e).(type) {
	case float64:
		return v * float64(e.sign)
	case *Undefined:
		v.fail()
	default:
		if i, ok := asInt(v); ok {
			return multiply(i, e.sign)
		}
		fail("a value of type %s has no sign", typeName(v))
	}
	return nil
}

type attrExpr struct {
	e    expr
	name string
}

func (e *attrExpr) eval(in *interp) Value { return in.attr(in.eval(e.e), e.name) }

type itemExpr struct{ e, index expr }

func (e *itemExpr) eval(in *interp) Value { return in.item(in.eval(e.e), in.eval(e.index)) }

type sliceExpr struct{ e, start, stop, step expr }

func (e *sliceExpr) eval(in *interp) Value {
	v := in.eval(e.e)
	var bounds [3]Value
	for i, b := range []expr{e.start, e.stop, e.step} {
		if b != nil {
			bounds[i] = in.eval(b)
		}
	}
	return in.slice(v, bounds)
}

// argList is a call's arguments, not yet evaluated; nil means none.
type argList struct {
	pos            []expr
	names          []string
	named          []expr
	star, starStar expr
}

func (a *argList) eval(in *interp) *callArgs {
	out := &callArgs{}
	if a == nil {
		return out
	}
	for _, e := range a.pos {
		out.pos = append(out.pos, in.eval(e))
	}
	for i, e := range a.named {
		out.add(a.names[i], in.eval(e))
	}
	if a.star != nil {
		out.pos = append(out.pos, in.iterate(in.eval(a.star))...)
	}
	if a.starStar != nil {
		d, ok := in.eval(a.starStar).(*Dict)
		if !ok {
			fail("** needs a mapping")
		}
		for i, k := range d.keys {
			out.add(needString(k, "a key after **"), d.vals[i])
		}
	}
	return out
}

func (a *callArgs) add(name string, v Value) {
	for _, n := range a.named {
		if n.name == name {
			fail("argument %s is given twice", name)
		}
	}
	if len(a.named) > MaxChain {
		fail("a call has more than %d named arguments", MaxChain)
	}
	a.named = append(a.named, namedArg{name, v})
}

type callExpr struct {
	fn   expr
	args *argList
}

func (e *callExpr) eval(in *interp) Value { return in.call(in.eval(e.fn), e.args.eval(in)) }

func (in *interp) call(fn Value, args *callArgs) Value {
	switch f := fn.(type) {
	case *Func:
		return f.call(in, args)
	case *Undefined:
		f.fail()
	}
	fail("a value of type %s cannot be called", typeName(fn))
	return nil
}

type filterExpr struct {
	value expr // nil: the text of a block
	name  string
	args  *argList
}

func (e *filterExpr) eval(in *interp) Value { return e.filter(in, in.eval(e.value)) }

func (e *filterExpr) filter(in *interp, v Value) Value {
	return in.filter(e.name, v, e.args.eval(in))
}

// apply runs a chain of filters on a block's text; nil is the empty chain.
func (e *filterExpr) apply(in *interp, text string) Value {
	if e == nil {
		return text
	}
	if inner, ok := e.value.(*filterExpr); ok && inner != nil {
		return e.filter(in, inner.apply(in, text))
	}
	return e.filter(in, text)
}

// filter looks a filter up when it runs, so that an unknown one in a branch
// that is not taken does no harm, as in Jinja2.
func (in *interp) filter(name string, v Value, args *callArgs) Value {
	f, ok := filters[name]
	if !ok {
		fail("unknown filter '%s'", name)
	}
	args.expect("filter "+name, f.least, f.most, f.names...)
	in.depth++ // map may apply map
	if in.depth > MaxDepth {
		fail("filters apply each other deeper than %d", MaxDepth)
	}
	v = f.fn(in, v, args)
	in.depth--
	return v
}

type testExpr struct {
	value   expr
	name    string
	args    *argList
	negated bool
}

func (e *testExpr) eval(in *interp) Value {
	return in.test(e.name, in.eval(e.value), e.args.eval(in)) != e.negated
}

func (in *interp) test(name string, v Value, args *callArgs) bool {
	t, ok := tests[name]
	if !ok {
		fail("unknown test '%s'", name)
	}
	args.expect("test "+name, t.args, t.args)
	var arg Value
	if t.args > 0 {
		arg = args.pos[0]
	}
	return t.fn(in, v, arg)
}
