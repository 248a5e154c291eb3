// Package jinja interprets the subset of Jinja2 that chat templates use, with
// the text Jinja2 3.1 gives in an ImmutableSandboxedEnvironment with
// trim_blocks, lstrip_blocks, loop controls and the generation tag: the way
// Hugging Face renders them.
//
//	source --lex--> tokens --Parse--> Template --Render(vars)--> text
//
// Values are Python's, in Go clothes:
//
//	None nil · bool · int int64 · float float64 · str string
//	list, tuple, range, generator, dict view *List · dict *Dict
//	missing name or key *Undefined · macro, method, global *Func
//
// Strings are UTF-8; their positions and lengths count code points, as in
// Python. Integers have 64 bits: a larger result is an error.
//
// A template cannot reach anything but its variables: there is no include,
// import, extends, file access or reflection. Every render has budgets (see
// limits.go); a template that exceeds one fails.
package jinja
