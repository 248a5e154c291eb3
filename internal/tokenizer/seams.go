package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// Characters by class: an ASCII one is its own, as is the metaspace.
const (
	markClass  = utf8.RuneSelf + iota // a metaspace
	otherClass                        // any other
	charClasses
)

// seams are the places that no merge of a model reaches across: text may be
// cut there. A token that spans a place was joined exactly there by some
// merge, so to look at every merge's two parts is proof enough.
type seams struct {
	joined [charClasses][charClasses]bool // by the classes before and behind
}

// newSeams looks for what merges join.
func newSeams(merges mergePairs) *seams {
	c := new(seams)
	for _, m := range merges {
		for _, i := range endings(m[0]) {
			for _, j := range beginnings(m[1]) {
				c.joined[i][j] = true
			}
		}
	}
	return c
}

// endings are the classes that a token may end with. A character without a
// token of its own comes as those of its bytes, so <0x0A> may be a line feed.
func endings(token string) [2]byte {
	r, _ := utf8.DecodeLastRuneInString(token)
	return [2]byte{classOf(r), byteClass(token[max(0, len(token)-len("<0x0A>")):], r)}
}

// beginnings are the classes that a token may begin with.
func beginnings(token string) [2]byte {
	r, _ := utf8.DecodeRuneInString(token)
	return [2]byte{classOf(r), byteClass(token[:min(len(token), len("<0x0A>"))], r)}
}

// byteClass is the class of what a byte token stands for, of another that of r.
func byteClass(token string, r rune) byte {
	if b := byteToken(token); b >= 0 {
		return byte(min(b, otherClass))
	}
	return classOf(r)
}

func classOf(r rune) byte {
	switch {
	case r < utf8.RuneSelf:
		return byte(r)
	case r == metaspaceRune:
		return markClass
	}
	return otherClass
}

// nextClass is that of the character which s begins with, and its length.
func nextClass(s string) (class byte, n int) {
	switch {
	case s[0] < utf8.RuneSelf:
		return s[0], 1
	case strings.HasPrefix(s, metaspace):
		return markClass, len(metaspace)
	}
	_, n = utf8.DecodeRuneInString(s)
	return otherClass, n
}

// split is a splitter that cuts at the seams.
func (c *seams) split(s string) int {
	last, i := nextClass(s)
	for i < len(s) {
		next, n := nextClass(s[i:])
		if !c.joined[last][next] {
			return i
		}
		last, i = next, i+n
	}
	return len(s)
}
