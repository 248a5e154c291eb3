package jinja

import (
	"strconv"
	"strings"
)

var constants = map[string]Value{
	"true": true, "True": true, "false": false, "False": false, "none": nil, "None": nil,
}

// tuple reads an expression, or several with commas between. Without cond, a
// conditional must stand in parentheses: the `if` belongs to the tag.
func (p *parser) tuple(cond bool) expr {
	var items []expr
	comma := false
	for {
		if t := p.peek(); comma && (t.kind == tVarEnd || t.kind == tBlockEnd || t.is(tOp, ")")) {
			break
		}
		if cond {
			items = append(items, p.expr())
		} else {
			items = append(items, p.or())
		}
		if !p.accept(tOp, ",") {
			break
		}
		comma = true
	}
	if !comma {
		return items[0]
	}
	return &listExpr{items, Tuple}
}

func (p *parser) expr() expr {
	defer p.enter()()
	unknown := p.unknown
	e := p.or()
	for n := 0; p.accept(tName, "if"); {
		chain(&n)
		defer func() { p.unknown = unknown }()
		c := &condExpr{test: p.or(), then: e}
		if p.accept(tName, "else") {
			c.orElse = p.expr()
		}
		e = c
	}
	return e
}

func (p *parser) or() expr {
	e := p.and()
	for n := 0; p.accept(tName, "or"); {
		chain(&n)
		e = &logicExpr{e, p.and(), true}
	}
	return e
}

func (p *parser) and() expr {
	e := p.not()
	for n := 0; p.accept(tName, "and"); {
		chain(&n)
		e = &logicExpr{e, p.not(), false}
	}
	return e
}

func (p *parser) not() expr {
	if p.accept(tName, "not") {
		defer p.enter()()
		return &notExpr{p.not()}
	}
	return p.compare()
}

func (p *parser) compare() expr {
	first := p.sum()
	c := &compareExpr{first: first}
	for n := 0; ; {
		op, ok := p.compareOp()
		if !ok {
			break
		}
		chain(&n)
		c.ops = append(c.ops, op)
		c.rest = append(c.rest, p.sum())
	}
	if c.ops == nil {
		return first
	}
	return c
}

func (p *parser) compareOp() (op string, ok bool) {
	t := p.peek()
	switch {
	case t.is(tName, "in"):
		p.next()
		return "in", true
	case t.is(tName, "not") && p.tokens[p.pos+1].is(tName, "in"):
		p.next()
		p.next()
		return "not in", true
	case t.kind == tOp:
		switch t.text {
		case "==", "!=", "<", "<=", ">", ">=":
			p.next()
			return t.text, true
		}
	}
	return "", false
}

// binary reads a left-associative chain of the operators ops.
func (p *parser) binary(operand func() expr, ops ...string) expr {
	e := operand()
	for n := 0; ; {
		op := p.peek()
		match := false
		for _, o := range ops {
			match = match || op.is(tOp, o)
		}
		if !match {
			return e
		}
		p.next()
		chain(&n)
		e = &binaryExpr{op.text, e, operand()}
	}
}

func (p *parser) sum() expr { return p.binary(p.concat, "+", "-") }

func (p *parser) concat() expr {
	e := p.product()
	if !p.at(tOp, "~") {
		return e
	}
	c := &concatExpr{parts: []expr{e}}
	for p.accept(tOp, "~") {
		c.parts = append(c.parts, p.product())
	}
	return c
}

func (p *parser) product() expr { return p.binary(p.power, "*", "/", "//", "%") }

func (p *parser) power() expr {
	return p.binary(func() expr { return p.unary(true) }, "**")
}

func (p *parser) unary(filters bool) expr {
	defer p.enter()()
	var e expr
	switch {
	case p.accept(tOp, "-"):
		e = &signExpr{p.unary(false), -1}
	case p.accept(tOp, "+"):
		e = &signExpr{p.unary(false), 1}
	default:
		e = p.postfix(p.primary())
	}
	if filters {
		e = p.filtersAndTests(e)
	}
	return e
}

func (p *parser) primary() expr {
	switch t := p.next(); t.kind {
	case tName:
		if v, ok := constants[t.text]; ok {
			return constExpr{v}
		}
		p.noteUse(t.text)
		return nameExpr(t.text)
	case tString:
		if p.peek().kind != tString {
			return constExpr{t.text}
		}
		var b strings.Builder
		b.WriteString(t.text)
		for p.peek().kind == tString {
			b.WriteString(p.next().text)
		}
		return constExpr{b.String()}
	case tInt:
		return constExpr{parseInt(t.text)}
	case tFloat:
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			fail("number %s is out of range", t.text)
		}
		return constExpr{f}
	case tOp:
		return p.bracketed(t)
	default:
		fail("expected an expression, not %s", describe(t))
	}
	return nil
}

func parseInt(text string) int64 {
	base := 10
	if len(text) > 1 && text[0] == '0' && !isDigit(text[1]) {
		base = 0
	}
	i, err := strconv.ParseInt(text, base, 64)
	if err != nil {
		fail("number %s is malformed or exceeds 64 bits", text)
	}
	return i
}

// noteUse records a macro's use of the names that change how it is called.
func (p *parser) noteUse(name string) {
	if p.macro == nil {
		return
	}
	switch name {
	case "varargs":
		p.macro.varargs = true
	case "kwargs":
		p.macro.kwargs = true
	case "caller":
		p.macro.caller = true
	}
}

func (p *parser) bracketed(t token) expr {
	switch t.text {
	case "(":
		if p.accept(tOp, ")") {
			return &listExpr{nil, Tuple}
		}
		e := p.tuple(true)
		p.expect(tOp, ")")
		return e
	case "[":
		l := &listExpr{kind: PlainList}
		for !p.at(tOp, "]") {
			if len(l.items) > 0 {
				p.expect(tOp, ",")
				if p.at(tOp, "]") {
					break
				}
			}
			l.items = append(l.items, p.expr())
		}
		p.expect(tOp, "]")
		return l
	case "{":
		d := &dictExpr{}
		for !p.at(tOp, "}") {
			if len(d.keys) > 0 {
				p.expect(tOp, ",")
				if p.at(tOp, "}") {
					break
				}
			}
			d.keys = append(d.keys, p.expr())
			p.expect(tOp, ":")
			d.vals = append(d.vals, p.expr())
		}
		p.expect(tOp, "}")
		return d
	}
	fail("expected an expression, not %s", describe(t))
	return nil
}

func (p *parser) postfix(e expr) expr {
	for n := 0; ; {
		switch {
		case p.accept(tOp, "."):
			e = p.dot(e)
		case p.accept(tOp, "["):
			e = p.subscript(e)
		case p.accept(tOp, "("):
			e = &callExpr{e, p.args()}
		default:
			return e
		}
		chain(&n)
	}
}

func (p *parser) dot(e expr) expr {
	switch t := p.next(); t.kind {
	case tName:
		return &attrExpr{e, t.text}
	case tInt:
		return &itemExpr{e, constExpr{parseInt(t.text)}}
	default:
		fail("expected a name or number after '.', not %s", describe(t))
	}
	return nil
}

// subscript reads an index or a slice. Several indices, or none, are a tuple.
func (p *parser) subscript(e expr) expr {
	if p.at(tOp, ":") {
		return p.slice(e, nil)
	}
	var items []expr
	for !p.at(tOp, "]") {
		if items != nil {
			p.expect(tOp, ",")
		}
		items = append(items, p.expr())
		if len(items) == 1 && p.at(tOp, ":") {
			return p.slice(e, items[0])
		}
	}
	p.next()
	if len(items) == 1 {
		return &itemExpr{e, items[0]}
	}
	return &itemExpr{e, &listExpr{items, Tuple}}
}

// slice reads the rest of a slice from its first colon.
func (p *parser) slice(e, start expr) expr {
	bound := func() expr {
		if p.at(tOp, ":") || p.at(tOp, "]") {
			return nil
		}
		return p.expr()
	}
	p.expect(tOp, ":")
	s := &sliceExpr{e: e, start: start, stop: bound()}
	if p.accept(tOp, ":") {
		s.step = bound()
	}
	p.expect(tOp, "]")
	return s
}

func (p *parser) filtersAndTests(e expr) expr {
	for n := 0; ; {
		switch {
		case p.accept(tOp, "|"):
			e = p.filter(e)
		case p.accept(tName, "is"):
			e = p.test(e)
		case p.accept(tOp, "("):
			e = &callExpr{e, p.args()}
		default:
			return e
		}
		chain(&n)
	}
}

func (p *parser) filter(e expr) *filterExpr {
	f := &filterExpr{value: e, name: p.name()}
	if _, ok := filters[f.name]; !ok && !p.inIf && p.unknown == "" {
		p.unknown = "filter '" + f.name + "'"
	}
	if p.accept(tOp, "(") {
		f.args = p.args()
	}
	return f
}

func (p *parser) test(e expr) expr {
	t := &testExpr{value: e, negated: p.accept(tName, "not")}
	t.name = p.name()
	if _, ok := tests[t.name]; !ok && !p.inIf && p.unknown == "" {
		p.unknown = "test '" + t.name + "'"
	}
	next := p.peek()
	switch {
	case p.accept(tOp, "("):
		t.args = p.args()
	case next.is(tName, "is"):
		fail("tests with is cannot be chained")
	case next.is(tName, "else") || next.is(tName, "or") || next.is(tName, "and"):
	case next.kind == tName, next.kind == tString, next.kind == tInt, next.kind == tFloat,
		next.is(tOp, "["), next.is(tOp, "{"):
		t.args = &argList{pos: []expr{p.postfix(p.primary())}}
	}
	return t
}

// args reads a call's arguments behind its opening parenthesis.
func (p *parser) args() *argList {
	a := &argList{}
	for i := 0; !p.at(tOp, ")"); i++ {
		if i > 0 {
			p.expect(tOp, ",")
			if p.at(tOp, ")") {
				break
			}
		}
		p.arg(a)
	}
	p.expect(tOp, ")")
	return a
}

func (p *parser) arg(a *argList) {
	switch {
	case p.accept(tOp, "*"):
		if a.star != nil || a.starStar != nil {
			fail("a call takes one *list, before **mapping")
		}
		a.star = p.expr()
	case p.accept(tOp, "**"):
		if a.starStar != nil {
			fail("a call takes one **mapping")
		}
		a.starStar = p.expr()
	case p.peek().kind == tName && p.tokens[p.pos+1].is(tOp, "="):
		if a.starStar != nil {
			fail("named arguments go before **mapping")
		}
		name := p.name()
		p.next()
		a.names = append(a.names, name)
		a.named = append(a.named, p.expr())
	default:
		if a.star != nil || a.starStar != nil || a.named != nil {
			fail("positional arguments go before the others")
		}
		a.pos = append(a.pos, p.expr())
	}
}
