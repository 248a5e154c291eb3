package tokenizer

import "unicode/utf8"

const replacement = "\uFFFD"

// repair returns s with each maximal ill-formed subpart (Unicode 16, section
// 3.9, table 3-8) replaced by one U+FFFD.
func repair(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	out, tail := appendRepaired(make([]byte, 0, len(s)+16), []byte(s))
	if len(tail) > 0 {
		out = append(out, replacement...)
	}
	return string(out)
}

// appendRepaired appends src, repaired, to dst. It holds back, as tail, the
// start of a code point that src ends in the middle of.
func appendRepaired(dst, src []byte) (out, tail []byte) {
	for len(src) > 0 {
		if src[0] < utf8.RuneSelf {
			dst = append(dst, src[0])
			src = src[1:]
			continue
		}
		if r, n := utf8.DecodeRune(src); r != utf8.RuneError || n == 3 {
			dst = append(dst, src[:n]...)
			src = src[n:]
			continue
		}
		if !utf8.FullRune(src) {
			return dst, src
		}
		dst = append(dst, replacement...)
		src = src[subpart(src):]
	}
	return dst, nil
}

// subpart is the length of the ill-formed subpart that b begins with: all of
// the shortest prefix that no bytes could complete, but for its last byte.
func subpart(b []byte) int {
	n := 1
	for !utf8.FullRune(b[:n]) {
		n++
	}
	return max(n-1, 1)
}
