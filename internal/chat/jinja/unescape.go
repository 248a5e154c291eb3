package jinja

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// unescape decodes a Python string literal's backslash escapes.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		if s[i] != '\\' || i+1 == len(s) {
			b.WriteByte(s[i])
			i++
			continue
		}
		i += escape(&b, s[i:])
	}
	return b.String()
}

// escape writes what the escape at the start of s stands for and returns its
// length. An unknown escape stands for itself, as in Python.
func escape(b *strings.Builder, s string) int {
	const simple = "\\\\''\"\"a\ab\bf\fn\nr\rt\tv\v"
	c := s[1]
	for i := 0; i < len(simple); i += 2 {
		if simple[i] == c {
			b.WriteByte(simple[i+1])
			return 2
		}
	}
	switch c {
	case '\n':
		return 2
	case 'x':
		return hexEscape(b, s, 2)
	case 'u':
		return hexEscape(b, s, 4)
	case 'U':
		return hexEscape(b, s, 8)
	case '0', '1', '2', '3', '4', '5', '6', '7':
		n := 2
		for n < 4 && n < len(s) && s[n] >= '0' && s[n] <= '7' {
			n++
		}
		v, _ := strconv.ParseUint(s[1:n], 8, 32)
		b.WriteRune(rune(v))
		return n
	}
	b.WriteByte('\\')
	return 1
}

func hexEscape(b *strings.Builder, s string, width int) int {
	if len(s) < 2+width {
		fail("a string has a short \\%c escape", s[1])
	}
	v, err := strconv.ParseUint(s[2:2+width], 16, 32)
	if err != nil || v > utf8.MaxRune {
		fail("a string has a bad \\%c escape", s[1])
	}
	b.WriteRune(rune(v))
	return 2 + width
}
