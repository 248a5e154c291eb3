package jinja

// flow says how a statement ended.
type flow uint8

const (
	goOn flow = iota
	breakLoop
	continueLoop
)

// A stmt is a node of the template's body.
type stmt interface{ exec(in *interp) flow }

func (in *interp) run(body []stmt) flow {
	for _, s := range body {
		in.step()
		if f := s.exec(in); f != goOn {
			return f
		}
	}
	return goOn
}

type textStmt string

func (s textStmt) exec(in *interp) flow {
	in.print(string(s))
	return goOn
}

type printStmt struct {
	line int
	e    expr
}

func (s *printStmt) exec(in *interp) flow {
	in.line = s.line
	in.print(in.str(in.eval(s.e)))
	return goOn
}

type jumpStmt flow

func (s jumpStmt) exec(*interp) flow { return flow(s) }

type ifStmt struct {
	line   int
	tests  []expr
	bodies [][]stmt
	orElse []stmt
}

func (s *ifStmt) exec(in *interp) flow {
	in.line = s.line
	for i, test := range s.tests {
		if truth(in.eval(test)) {
			return in.run(s.bodies[i])
		}
	}
	return in.run(s.orElse)
}

// scopedStmt is a block whose assignments do not outlive it.
type scopedStmt struct{ body []stmt }

func (s *scopedStmt) exec(in *interp) (f flow) {
	in.inner(in.scope, func() { f = in.run(s.body) })
	return f
}

// iterationOps is what a turn of a loop costs beyond its statements.
const iterationOps = 4

type forStmt struct {
	line   int
	target target
	iter   expr
	test   expr
	body   []stmt
	orElse []stmt
}

func (s *forStmt) exec(in *interp) (f flow) {
	in.line = s.line
	items := in.iterate(in.eval(s.iter))
	if s.test != nil {
		items = s.filtered(in, items)
	}
	if len(items) == 0 {
		in.inner(in.scope, func() { f = in.run(s.orElse) })
		return f
	}
	l := &loop{items: items}
	for i, item := range items {
		in.ops += iterationOps
		in.step()
		l.i = i
		in.inner(in.scope, func() {
			in.set("loop", l)
			in.assign(s.target, item)
			f = in.run(s.body)
		})
		if f == breakLoop {
			break
		}
	}
	return goOn
}

// filtered keeps the items for which the loop's condition holds; the
// condition sees the loop's target, not loop itself.
func (s *forStmt) filtered(in *interp, items []Value) []Value {
	var kept []Value
	for _, item := range items {
		in.inner(in.scope, func() {
			in.assign(s.target, item)
			if truth(in.eval(s.test)) {
				kept = append(kept, item)
			}
		})
	}
	return kept
}

// target is what an assignment binds: a name, an attribute of a namespace, or
// a list of targets.
type target struct {
	name, attr string
	list       []target
}

func (in *interp) assign(t target, v Value) {
	switch {
	case t.list != nil:
		items := in.iterate(v)
		if len(items) != len(t.list) {
			fail("cannot unpack %d values into %d names", len(items), len(t.list))
		}
		for i, item := range items {
			in.assign(t.list[i], item)
		}
	case t.attr != "":
		ns, ok := in.lookup(t.name).(*namespace)
		if !ok {
			fail("cannot set %s.%s: %s is not a namespace", t.name, t.attr, t.name)
		}
		ns.attrs.set(t.attr, v)
	default:
		in.set(t.name, v)
	}
}

type setStmt struct {
	line   int
	target target
	value  expr
}

func (s *setStmt) exec(in *interp) flow {
	in.line = s.line
	in.assign(s.target, in.eval(s.value))
	return goOn
}

type setBlockStmt struct {
	line    int
	target  target
	filters *filterExpr
	body    []stmt
}

func (s *setBlockStmt) exec(in *interp) flow {
	text := in.captureBlock(s.body)
	in.line = s.line
	in.assign(s.target, s.filters.apply(in, text))
	return goOn
}

func (in *interp) captureBlock(body []stmt) string {
	return in.capture(func() { in.inner(in.scope, func() { in.run(body) }) })
}

type filterStmt struct {
	line    int
	filters *filterExpr
	body    []stmt
}

func (s *filterStmt) exec(in *interp) flow {
	text := in.captureBlock(s.body)
	in.line = s.line
	in.print(needString(s.filters.apply(in, text), "the result of a filter block"))
	return goOn
}

type withStmt struct {
	line    int
	targets []target
	values  []expr
	body    []stmt
}

func (s *withStmt) exec(in *interp) (f flow) {
	in.line = s.line
	values := make([]Value, len(s.values))
	for i, e := range s.values {
		values[i] = in.eval(e)
	}
	in.inner(in.scope, func() {
		for i, t := range s.targets {
			in.assign(t, values[i])
		}
		f = in.run(s.body)
	})
	return f
}

type callStmt struct {
	line int
	call *callExpr
	body *macroDef
}

func (s *callStmt) exec(in *interp) flow {
	in.line = s.line
	fn := in.eval(s.call.fn)
	args := s.call.args.eval(in)
	args.named = append(args.named, namedArg{"caller", s.body.bind(in)})
	in.print(in.str(in.call(fn, args)))
	return goOn
}
