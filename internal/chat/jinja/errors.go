package jinja

import "fmt"

// An Error says why a template does not parse or render.
type Error struct {
	Line int // of the template source, from 1
	Msg  string
}

func (e *Error) Error() string { return fmt.Sprintf("template line %d: %s", e.Line, e.Msg) }

// failure is what the interpreter panics with; Parse and Render recover it.
type failure struct{ msg string }

func fail(format string, args ...any) {
	panic(failure{fmt.Sprintf(format, args...)})
}

// recoverInto turns a failure into an *Error at the line that *line holds.
func recoverInto(err *error, line *int) {
	switch r := recover().(type) {
	case nil:
	case failure:
		*err = &Error{Line: *line, Msg: r.msg}
	default:
		panic(r)
	}
}
