package jinja

// parser turns tokens into statements by recursive descent, with Jinja2's
// grammar.
type parser struct {
	tokens []token
	pos    int
	line   *int // of the token last read, for errors
	depth  int
	loops  int     // loops around the statement, within its macro
	macro  *usages // of the macro whose body is read

	// As in Jinja2, an unknown filter or test is an error at once, unless it
	// stands directly in an if: then only when it runs.
	inIf    bool
	unknown string // the first one of the statement, in words
}

// usages are the special names that a macro's body mentions: they decide which
// surplus arguments it takes.
type usages struct{ varargs, kwargs, caller bool }

func (p *parser) peek() token { return p.tokens[p.pos] }

func (p *parser) next() token {
	t := p.tokens[p.pos]
	*p.line = t.line
	if t.kind != tEOF {
		p.pos++
	}
	return t
}

func (t token) is(k kind, text string) bool { return t.kind == k && t.text == text }

func (p *parser) at(k kind, text string) bool { return p.peek().is(k, text) }

func (p *parser) accept(k kind, text string) bool {
	if p.at(k, text) {
		p.next()
		return true
	}
	return false
}

func (p *parser) expect(k kind, text string) {
	if t := p.next(); !t.is(k, text) {
		fail("expected %s, not %s", describe(token{kind: k, text: text}), describe(t))
	}
}

func describe(t token) string {
	switch t.kind {
	case tEOF:
		return "the end of the template"
	case tBlockEnd:
		return "%}"
	case tVarEnd:
		return "}}"
	}
	return "'" + t.text + "'"
}

func (p *parser) name() string {
	t := p.next()
	if t.kind != tName {
		fail("expected a name, not %s", describe(t))
	}
	return t.text
}

// enter guards recursion; call the result when done.
func (p *parser) enter() func() {
	p.depth++
	if p.depth > MaxDepth {
		fail("the template nests deeper than %d", MaxDepth)
	}
	return func() { p.depth-- }
}

// chain counts one more link of a chain of operators.
func chain(n *int) {
	*n++
	if *n > MaxChain {
		fail("a chain has more than %d links", MaxChain)
	}
}

// body reads statements up to one of the block tags in ends, whose name it
// consumes and returns; with no ends, up to the end of the source.
func (p *parser) body(ends ...string) (body []stmt, end string) {
	defer p.enter()()
	for {
		switch t := p.next(); t.kind {
		case tData:
			body = append(body, textStmt(t.text))
		case tVarBegin:
			e := p.tuple(true)
			p.expect(tVarEnd, "")
			p.refuseUnknown()
			body = append(body, &printStmt{t.line, e})
		case tBlockBegin:
			name := p.name()
			for _, e := range ends {
				if e == name {
					return body, name
				}
			}
			inIf := p.inIf
			p.inIf = name == "if" || name == "set" && inIf
			body = append(body, p.statement(name, t.line))
			p.inIf = inIf
			p.refuseUnknown()
		default:
			if len(ends) > 0 {
				fail("the template ends inside a block: add {%% %s %%}", ends[len(ends)-1])
			}
			return body, ""
		}
	}
}

// open reads the end of a tag that has a body; a colon before it is allowed.
func (p *parser) open() {
	p.accept(tOp, ":")
	p.expect(tBlockEnd, "")
}

func (p *parser) refuseUnknown() {
	if p.unknown != "" {
		fail("unknown %s", p.unknown)
	}
}

// block reads `%} body {% end %}`.
func (p *parser) block(end string) []stmt {
	p.open()
	body, _ := p.body(end)
	p.expect(tBlockEnd, "")
	return body
}

func (p *parser) statement(name string, line int) stmt {
	switch name {
	case "if":
		return p.ifStmt(line)
	case "for":
		return p.forStmt(line)
	case "set":
		return p.setStmt(line)
	case "macro":
		return p.macroStmt(line)
	case "call":
		return p.callStmt(line)
	case "filter":
		return p.filterStmt(line)
	case "with":
		return p.withStmt(line)
	case "generation":
		loops := p.loops
		p.loops = 0 // Jinja2 compiles the body as a function
		body := p.block("endgeneration")
		p.loops = loops
		return &scopedStmt{body}
	case "break", "continue":
		if p.loops == 0 {
			fail("%s stands outside a loop", name)
		}
		p.expect(tBlockEnd, "")
		if name == "break" {
			return jumpStmt(breakLoop)
		}
		return jumpStmt(continueLoop)
	}
	fail("unknown tag '%s': a chat template may use if, for, set, macro, call, filter, with, raw, generation, break and continue", name)
	return nil
}

func (p *parser) ifStmt(line int) stmt {
	s := &ifStmt{line: line}
	for {
		s.tests = append(s.tests, p.tuple(false))
		p.open()
		body, end := p.body("elif", "else", "endif")
		s.bodies = append(s.bodies, body)
		if end == "elif" {
			continue
		}
		if end == "else" {
			s.orElse = p.block("endif")
			return s
		}
		p.expect(tBlockEnd, "")
		return s
	}
}

func (p *parser) forStmt(line int) stmt {
	s := &forStmt{line: line, target: p.target(false)}
	p.expect(tName, "in")
	s.iter = p.tuple(false)
	if p.accept(tName, "if") {
		s.test = p.expr()
	}
	if p.accept(tName, "recursive") {
		fail("recursive loops are not supported: use a macro that calls itself")
	}
	p.open()
	p.loops++
	var end string
	s.body, end = p.body("else", "endfor")
	p.loops--
	if end == "else" {
		s.orElse = p.block("endfor")
		return s
	}
	p.expect(tBlockEnd, "")
	return s
}

// target reads what an assignment or a loop binds: a name, ns.attr where
// attributes may be set, or a list of them.
func (p *parser) target(attrs bool) target {
	defer p.enter()()
	var list []target
	comma := false
	for {
		list = append(list, p.oneTarget(attrs))
		if !p.accept(tOp, ",") {
			break
		}
		comma = true
		if t := p.peek(); t.kind == tBlockEnd || t.is(tOp, "=") || t.is(tOp, ")") || t.is(tName, "in") {
			break
		}
	}
	if !comma {
		return list[0]
	}
	return target{list: list}
}

func (p *parser) oneTarget(attrs bool) target {
	if p.accept(tOp, "(") {
		t := p.target(attrs)
		p.expect(tOp, ")")
		return t
	}
	name := p.name()
	if attrs && p.accept(tOp, ".") {
		return target{name: name, attr: p.name()}
	}
	if _, ok := constants[name]; ok {
		fail("cannot assign to %s", name)
	}
	return target{name: name}
}

func (p *parser) setStmt(line int) stmt {
	t := p.target(true)
	if p.accept(tOp, "=") {
		s := &setStmt{line: line, target: t, value: p.tuple(true)}
		p.expect(tBlockEnd, "")
		return s
	}
	s := &setBlockStmt{line: line, target: t}
	if p.accept(tOp, "|") {
		s.filters = p.filterChain()
	}
	s.body = p.block("endset")
	return s
}

func (p *parser) filterStmt(line int) stmt {
	filters := p.filterChain()
	return &filterStmt{line, filters, p.block("endfilter")}
}

// filterChain reads filter names and arguments without the value in front.
func (p *parser) filterChain() *filterExpr {
	f := p.filter(nil)
	for n := 0; p.accept(tOp, "|"); {
		chain(&n)
		f = p.filter(f)
	}
	return f
}

func (p *parser) withStmt(line int) stmt {
	s := &withStmt{line: line}
	for p.peek().kind != tBlockEnd && !p.at(tOp, ":") {
		if len(s.targets) > 0 {
			p.expect(tOp, ",")
		}
		s.targets = append(s.targets, p.target(false))
		p.expect(tOp, "=")
		s.values = append(s.values, p.expr())
	}
	s.body = p.block("endwith")
	return s
}

func (p *parser) macroStmt(line int) stmt {
	m := &macroDef{name: p.name(), line: line}
	p.signature(m)
	p.macroBody(m, "endmacro")
	return m
}

// macroBody reads a macro's body and notes which special names it uses.
func (p *parser) macroBody(m *macroDef, end string) {
	macro, loops := p.macro, p.loops
	p.macro, p.loops = &m.uses, 0
	m.body = p.block(end)
	p.macro, p.loops = macro, loops
}

func (p *parser) signature(m *macroDef) {
	p.expect(tOp, "(")
	for !p.at(tOp, ")") {
		if len(m.params) > 0 {
			p.expect(tOp, ",")
		}
		param := param{name: p.name()}
		if p.accept(tOp, "=") {
			param.def = p.expr()
		} else if n := len(m.params); n > 0 && m.params[n-1].def != nil {
			fail("parameter %s without a default follows one with", param.name)
		}
		m.params = append(m.params, param)
	}
	p.expect(tOp, ")")
}

func (p *parser) callStmt(line int) stmt {
	body := &macroDef{name: "caller", line: line}
	if p.at(tOp, "(") {
		p.signature(body)
	}
	call, ok := p.expr().(*callExpr)
	if !ok {
		fail("call needs a call: {%% call macro() %%}")
	}
	p.macroBody(body, "endcall")
	return &callStmt{line, call, body}
}
