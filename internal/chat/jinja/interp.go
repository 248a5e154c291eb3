package jinja

import (
	"strings"
	"time"
)

// interp is the state of one render.
type interp struct {
	out    *strings.Builder
	line   int // of the statement that runs
	ops    int
	depth  int // macro and filter calls in progress
	clock  time.Time
	scope  *scope
	global map[string]Value
}

// scope holds what one block assigned. Macros keep the scope they were defined
// in, so a name is looked up when it is used, as in Jinja2's compiled code.
type scope struct {
	vars   []namedArg
	parent *scope
}

// varsPerOp names are compared for one operation.
const varsPerOp = 16

func (s *scope) find(name string) int {
	for i := range s.vars {
		if s.vars[i].name == name {
			return i
		}
	}
	return -1
}

// set assigns in the innermost scope.
func (in *interp) set(name string, v Value) {
	s := in.scope
	in.ops += len(s.vars) / varsPerOp
	if i := s.find(name); i >= 0 {
		s.vars[i].value = v
		return
	}
	s.vars = append(s.vars, namedArg{name, v})
}

func (in *interp) lookup(name string) Value {
	for s := in.scope; s != nil; s = s.parent {
		in.ops += len(s.vars) / varsPerOp
		if i := s.find(name); i >= 0 {
			return s.vars[i].value
		}
	}
	if v, ok := in.global[name]; ok {
		return v
	}
	return undefined("'" + name + "'")
}

// inner runs fn in a new scope on top of parent.
func (in *interp) inner(parent *scope, fn func()) {
	saved := in.scope
	in.scope = &scope{parent: parent}
	fn()
	in.scope = saved
}

// capture runs fn and returns what it printed.
func (in *interp) capture(fn func()) string {
	saved := in.out
	var b strings.Builder
	in.out = &b
	fn()
	in.out = saved
	return b.String()
}

func (in *interp) step() {
	in.ops++
	if in.ops > MaxOps {
		fail("the template takes more than %d operations", MaxOps)
	}
}

// work charges for n units of bulk work, perOp of them an operation.
func (in *interp) work(n, perOp int) {
	in.ops += n / perOp
	in.step()
}

// str is Python's str(v), charged for.
func (in *interp) str(v Value) string {
	if s, ok := v.(string); ok {
		return s
	}
	return in.repr(v)
}

// repr is Python's repr(v), charged for; an Undefined prints as nothing.
func (in *interp) repr(v Value) string {
	if isUndefined(v) {
		return ""
	}
	s := repr(v)
	in.work(len(s), charBytes)
	return s
}

// key charges for hashing a key.
func (in *interp) key(v Value) {
	if s, ok := v.(string); ok {
		in.work(len(s), scanBytes)
	}
}

// sized charges for a string that was made and refuses too long ones.
func (in *interp) sized(s string) string {
	in.room(len(s))
	return s
}

// room charges for a string of n bytes that is about to be made.
func (in *interp) room(n int) {
	if n > MaxOutput || n < 0 {
		fail("a text exceeds %d bytes", MaxOutput)
	}
	in.work(n, copyBytes)
}

func (in *interp) print(s string) {
	in.room(len(s))
	if in.out.Len()+len(s) > MaxOutput {
		fail("the output exceeds %d bytes", MaxOutput)
	}
	in.out.WriteString(s)
}
