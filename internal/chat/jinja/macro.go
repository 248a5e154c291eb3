package jinja

// macroDef is a macro, or the body of a call block.
type macroDef struct {
	name   string
	line   int
	params []param
	uses   usages
	body   []stmt
}

type param struct {
	name string
	def  expr
}

func (m *macroDef) exec(in *interp) flow {
	in.set(m.name, m.bind(in))
	return goOn
}

// bind makes the macro callable with the scope it stands in.
func (m *macroDef) bind(in *interp) *Func {
	outer := in.scope
	return &Func{name: m.name, macro: true, call: func(in *interp, args *callArgs) Value {
		in.depth++
		if in.depth > MaxDepth {
			fail("macros call each other deeper than %d", MaxDepth)
		}
		line := in.line
		text := in.capture(func() {
			in.inner(outer, func() {
				m.bindArgs(in, args)
				in.run(m.body)
			})
		})
		in.depth--
		in.line = line
		return text
	}}
}

// bindArgs sets the parameters in the current scope. Surplus arguments go to
// varargs and kwargs if the body mentions them, and fail otherwise.
func (m *macroDef) bindArgs(in *interp, args *callArgs) {
	set := in.set
	named := args.named
	take := func(name string) (Value, bool) {
		for i, n := range named {
			if n.name == name {
				named = append(named[:i:i], named[i+1:]...)
				return n.value, true
			}
		}
		return nil, false
	}
	for i, p := range m.params {
		v, ok := take(p.name)
		switch {
		case i < len(args.pos) && ok:
			fail("macro %s got two values for %s", m.name, p.name)
		case i < len(args.pos):
			v = args.pos[i]
		case !ok && p.def != nil:
			v = in.eval(p.def)
		case !ok:
			v = undefined("parameter '" + p.name + "'")
		}
		set(p.name, v)
	}
	if caller, ok := take("caller"); m.uses.caller {
		if !ok {
			caller = undefined("'caller'")
		}
		set("caller", caller)
	} else if ok {
		fail("macro %s does not use its caller", m.name)
	}
	m.surplus(in, args, named)
}

func (m *macroDef) surplus(in *interp, args *callArgs, named []namedArg) {
	rest := &List{Kind: Tuple}
	if len(args.pos) > len(m.params) {
		rest.Items = args.pos[len(m.params):]
	}
	if m.uses.varargs {
		in.set("varargs", rest)
	} else if len(rest.Items) > 0 {
		fail("macro %s takes %d arguments, not %d", m.name, len(m.params), len(args.pos))
	}
	if !m.uses.kwargs && len(named) > 0 {
		fail("macro %s has no parameter %s", m.name, named[0].name)
	}
	if m.uses.kwargs {
		kwargs := NewDict()
		for _, n := range named {
			kwargs.set(n.name, n.value)
		}
		in.set("kwargs", kwargs)
	}
}
