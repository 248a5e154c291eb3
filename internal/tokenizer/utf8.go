package tokenizer

import (
	"strings"
	"unicode/utf8"
)

const replacement = "\uFFFD"

// Repair replaces each maximal ill-formed subpart of text (Unicode 16, section
// 3.9, table 3-8) by one U+FFFD, as encoding does first of all.
func Repair(text string) string { return new(rewriter).run(repair, text) }

// repair is Repair as a step.
func repair(s string, out *rewriter) bool {
	if utf8.ValidString(s) {
		return false
	}
	for s != "" {
		n := wellFormed(s)
		out.keep(s[:n])
		if s = s[n:]; s != "" {
			n = subpart(s)
			out.put(replacement, n)
			s = s[n:]
		}
	}
	return true
}

// appendRepaired appends src, repaired, to dst. It holds back, as tail, the
// start of a code point that src ends in the middle of.
func appendRepaired(dst []byte, src string) (out []byte, tail string) {
	for {
		n := wellFormed(src)
		dst = append(dst, src[:n]...)
		if src = src[n:]; src == "" || !utf8.FullRuneInString(src) {
			return dst, src
		}
		dst = append(dst, replacement...)
		src = src[subpart(src):]
	}
}

// wellFormed is the length of the valid UTF-8 that s begins with.
func wellFormed(s string) int {
	for i, r := range s {
		if r == utf8.RuneError && !strings.HasPrefix(s[i:], replacement) {
			return i
		}
	}
	return len(s)
}

// subpart is the length of the ill-formed subpart that s begins with: all of
// the shortest prefix that no bytes could complete, but for its last byte.
func subpart(s string) int {
	for n := 1; n <= len(s); n++ {
		if utf8.FullRuneInString(s[:n]) {
			return max(n-1, 1)
		}
	}
	return len(s)
}
