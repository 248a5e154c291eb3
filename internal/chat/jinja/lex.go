package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind uint8

const (
	tData kind = iota
	tVarBegin
	tVarEnd
	tBlockBegin
	tBlockEnd
	tName
	tString
	tInt
	tFloat
	tOp
	tEOF
)

type token struct {
	kind kind
	text string // decoded for strings
	line int
}

// lexer splits a source into tokens and applies the rules for white space:
// trim_blocks (a newline right after a block goes), lstrip_blocks (blanks
// between the start of a line and a block go), and the signs - and +.
type lexer struct {
	src       string
	pos       int
	line      int
	lineStart bool // pos is at the start of a line, as far as lstrip_blocks cares
	tokens    []token
}

func lex(src string, line *int) []token {
	lx := &lexer{src: normalizeNewlines(src), line: 1, lineStart: true}
	defer func() { *line = lx.line }()
	lx.src = strings.TrimSuffix(lx.src, "\n")
	for lx.pos < len(lx.src) {
		lx.next()
	}
	lx.emit(tEOF, "")
	return lx.tokens
}

func normalizeNewlines(s string) string {
	if !strings.Contains(s, "\r") {
		return s
	}
	return strings.ReplaceAll(strings.ReplaceAll(s, "\r\n", "\n"), "\r", "\n")
}

func (lx *lexer) emit(k kind, text string) {
	lx.tokens = append(lx.tokens, token{k, text, lx.line})
}

// advance moves pos to end and counts the lines in between.
func (lx *lexer) advance(end int) {
	chunk := lx.src[lx.pos:end]
	lx.line += strings.Count(chunk, "\n")
	if chunk != "" {
		lx.lineStart = strings.HasSuffix(chunk, "\n")
	}
	lx.pos = end
}

// next reads template text up to the next tag, then the tag.
func (lx *lexer) next() {
	rest := lx.src[lx.pos:]
	at := findTag(rest)
	if at < 0 {
		lx.emit(tData, rest)
		lx.advance(len(lx.src))
		return
	}
	data, open := rest[:at], rest[at+1]
	signAt := lx.pos + at + 2
	sign := lx.signAt(signAt)
	data = lx.stripBefore(data, sign, open != '{')
	if data != "" {
		lx.emit(tData, data)
	}
	lx.advance(signAt)
	if sign != 0 {
		lx.advance(signAt + 1)
	}
	switch open {
	case '#':
		lx.comment()
	case '{':
		lx.emit(tVarBegin, "")
		lx.expression("}}", tVarEnd)
	default:
		if lx.raw() {
			return
		}
		lx.emit(tBlockBegin, "")
		lx.expression("%}", tBlockEnd)
	}
}

// findTag returns where the first {{, {% or {# of s is, or -1.
func findTag(s string) int {
	for i := 0; ; {
		j := strings.IndexByte(s[i:], '{')
		if j < 0 || i+j+1 >= len(s) {
			return -1
		}
		if c := s[i+j+1]; c == '{' || c == '%' || c == '#' {
			return i + j
		}
		i += j + 1
	}
}

func (lx *lexer) signAt(i int) byte {
	if i < len(lx.src) && (lx.src[i] == '-' || lx.src[i] == '+') {
		return lx.src[i]
	}
	return 0
}

// stripBefore applies a tag's opening sign and lstrip_blocks to the text in
// front of it.
func (lx *lexer) stripBefore(data string, sign byte, block bool) string {
	if sign == '-' {
		return strings.TrimRightFunc(data, isSpace)
	}
	if sign == '+' || !block {
		return data
	}
	l := strings.LastIndexByte(data, '\n') + 1
	if (l > 0 || lx.lineStart) && strings.TrimFunc(data[l:], isSpace) == "" {
		return data[:l]
	}
	return data
}

// closeTag consumes a closing tag of width bytes at pos, with what its sign or
// trim_blocks takes of the text behind it.
func (lx *lexer) closeTag(sign byte, width int, trimNewline bool) {
	end := lx.pos + width
	switch {
	case sign == '-':
		end = len(lx.src) - len(strings.TrimLeftFunc(lx.src[end:], isSpace))
	case sign == 0 && trimNewline && strings.HasPrefix(lx.src[end:], "\n"):
		end++
	}
	lx.advance(end)
}

func (lx *lexer) comment() {
	end := strings.Index(lx.src[lx.pos:], "#}")
	if end < 0 {
		fail("a comment is not closed: add #}")
	}
	end += lx.pos
	var sign byte
	if end > lx.pos {
		sign = lx.signAt(end - 1)
	}
	lx.advance(end)
	lx.closeTag(sign, 2, true)
}

// raw handles {% raw %}…{% endraw %}, whose begin tag is already consumed up
// to its name; it reports false when the block is another one.
func (lx *lexer) raw() bool {
	width, sign, ok := rawTag(lx.src[lx.pos:], "raw")
	if !ok || sign == '+' {
		return false
	}
	lx.advance(lx.pos + width - 2)
	lx.closeTag(sign, 2, false)
	start := lx.pos
	for i := start; ; {
		j := strings.Index(lx.src[i:], "{%")
		if j < 0 {
			fail("a raw block is not closed: add {%% endraw %%}")
		}
		i += j
		open := lx.signAt(i + 2)
		name := i + 2
		if open != 0 {
			name++
		}
		if width, sign, ok := rawTag(lx.src[name:], "endraw"); ok {
			if data := lx.stripBefore(lx.src[start:i], open, true); data != "" {
				lx.emit(tData, data)
			}
			lx.advance(name + width - 2)
			lx.closeTag(sign, 2, true)
			return true
		}
		i += 2
	}
}

// rawTag matches `name %}` at the start of s, blanks and a closing sign
// allowed, and returns its length.
func rawTag(s, name string) (width int, sign byte, ok bool) {
	t := strings.TrimLeftFunc(s, isSpace)
	if !strings.HasPrefix(t, name) {
		return 0, 0, false
	}
	t = strings.TrimLeftFunc(t[len(name):], isSpace)
	if t != "" && (t[0] == '-' || t[0] == '+') {
		sign, t = t[0], t[1:]
	}
	return len(s) - len(t) + 2, sign, strings.HasPrefix(t, "%}")
}

// expression reads the tokens inside a tag up to its closing mark, which does
// not count inside brackets.
func (lx *lexer) expression(closing string, end kind) {
	var open []byte
	for {
		lx.advance(len(lx.src) - len(strings.TrimLeftFunc(lx.src[lx.pos:], isSpace)))
		rest := lx.src[lx.pos:]
		if rest == "" {
			fail("a tag is not closed: add %s", closing)
		}
		if len(open) == 0 && lx.tagEnd(rest, closing, end) {
			return
		}
		open = lx.atom(rest, open)
	}
}

func (lx *lexer) tagEnd(rest, closing string, end kind) bool {
	var sign byte
	if rest[0] == '-' || rest[0] == '+' && end == tBlockEnd {
		sign = rest[0]
		rest = rest[1:]
	}
	if !strings.HasPrefix(rest, closing) {
		return false
	}
	lx.emit(end, "")
	if sign != 0 {
		lx.advance(lx.pos + 1)
	}
	lx.closeTag(sign, 2, end == tBlockEnd)
	return true
}

// atom reads one token of an expression; open is the stack of brackets.
func (lx *lexer) atom(rest string, open []byte) []byte {
	r, _ := utf8.DecodeRuneInString(rest)
	switch {
	case r == '"' || r == '\'':
		n := stringEnd(rest)
		text := unescape(normalizeNewlines(rest[1 : n-1]))
		lx.emit(tString, text)
		lx.advance(lx.pos + n)
	case r >= '0' && r <= '9':
		lx.number(rest)
	case r == '_' || unicode.IsLetter(r):
		n := strings.IndexFunc(rest, func(r rune) bool {
			return r != '_' && !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.Is(unicode.Mn, r)
		})
		if n < 0 {
			n = len(rest)
		}
		lx.emit(tName, rest[:n])
		lx.advance(lx.pos + n)
	default:
		return lx.operator(rest, open)
	}
	return open
}

func (lx *lexer) operator(rest string, open []byte) []byte {
	n := 1
	if len(rest) > 1 {
		switch rest[:2] {
		case "**", "//", "==", "!=", ">=", "<=":
			n = 2
		}
	}
	op := rest[:n]
	if !strings.Contains("+-*/%~[](){}<>=.:|,;!", op[:1]) || op == "!" {
		fail("unexpected character %q", firstRune(rest))
	}
	switch c := op[0]; c {
	case '(', '[', '{':
		open = append(open, "])}"[strings.IndexByte("[({", c)])
	case ')', ']', '}':
		if len(open) == 0 || open[len(open)-1] != c {
			fail("unexpected %q", op)
		}
		open = open[:len(open)-1]
	}
	lx.emit(tOp, op)
	lx.advance(lx.pos + n)
	return open
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}

// stringEnd returns the length of the quoted string at the start of s.
func stringEnd(s string) int {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case s[0]:
			return i + 1
		}
	}
	fail("a string is not closed: add %c", s[0])
	return 0
}

// number reads an integer or a float.
func (lx *lexer) number(rest string) {
	n := digits(rest, 0)
	k := tInt
	if len(rest) > 1 && rest[0] == '0' && strings.ContainsRune("xXbBoO", rune(rest[1])) {
		n = 2
		for n < len(rest) && (isHex(rest[n]) || rest[n] == '_') {
			n++
		}
	} else if !lx.afterDot() {
		if n+1 < len(rest) && rest[n] == '.' && isDigit(rest[n+1]) {
			n, k = digits(rest, n+1), tFloat
		}
		if m := exponent(rest, n); m > n {
			n, k = m, tFloat
		}
	}
	text := strings.ReplaceAll(rest[:n], "_", "")
	if k == tInt && len(text) > 1 && text[0] == '0' && isDigit(text[1]) && strings.Trim(text, "0") != "" {
		fail("number %s has a leading zero", text)
	}
	lx.emit(k, text)
	lx.advance(lx.pos + n)
}

// afterDot says that a number is an attribute (x.0) and cannot be a float.
func (lx *lexer) afterDot() bool {
	return lx.pos > 0 && lx.src[lx.pos-1] == '.'
}

func digits(s string, i int) int {
	for i < len(s) && (isDigit(s[i]) || s[i] == '_' && i+1 < len(s) && isDigit(s[i+1])) {
		i++
	}
	return i
}

func exponent(s string, i int) int {
	if i >= len(s) || s[i] != 'e' && s[i] != 'E' {
		return i
	}
	j := i + 1
	if j < len(s) && (s[j] == '+' || s[j] == '-') {
		j++
	}
	if j < len(s) && isDigit(s[j]) {
		return digits(s, j)
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isHex(c byte) bool { return isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
