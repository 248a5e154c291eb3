package jinja

import (
	"strings"
	"time"
)

// A Template is a parsed source. It does not change: many goroutines may
// render it.
type Template struct{ body []stmt }

// Parse reads a template. The error is an *Error.
func Parse(source string) (t *Template, err error) {
	line := 1
	defer recoverInto(&err, &line)
	if len(source) > MaxSource {
		fail("the source exceeds %d bytes", MaxSource)
	}
	p := &parser{tokens: lex(source, &line), line: &line}
	body, _ := p.body()
	return &Template{body}, nil
}

// Render returns the template's text with vars as its variables. strftime_now
// reads clock. The error is an *Error.
func (t *Template) Render(vars map[string]Value, clock time.Time) (text string, err error) {
	in := &interp{out: &strings.Builder{}, clock: clock, line: 1, global: make(map[string]Value, len(vars)+len(globals))}
	for name, fn := range globals {
		in.global[name] = fn
	}
	for name, v := range vars {
		in.global[name] = v
	}
	defer recoverInto(&err, &in.line)
	in.scope = &scope{}
	in.run(t.body)
	return in.out.String(), nil
}
