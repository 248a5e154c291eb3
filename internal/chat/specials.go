package chat

import (
	"slices"
	"sort"
	"unicode/utf8"
)

// An Encoder does not tell where special tokens stand. It shows it, though: a
// text with a special token in it has other ids when those are parsed. That
// property only spreads as a text grows, so a binary search finds the ends.

// ids encodes one text by itself.
func (g *guard) ids(text string, specials bool) []int32 {
	return g.tok.AppendIDs(nil, text, specials)
}

// parses says whether text holds a special token.
func (g *guard) parses(text string) bool {
	return !slices.Equal(g.ids(text, true), g.ids(text, false))
}

// window is the length of text, in bytes, that the search for a special token
// looks at first; it doubles as long as there is none.
const window = 64

// first returns where the special token that ends first in text lies.
func (g *guard) first(text string) (start, end int, ok bool) {
	for n := window; ; n *= 2 {
		cut := runeStart(text, min(n, len(text)))
		if g.parses(text[:cut]) {
			end = g.shortestPrefix(text[:cut])
			return g.longestStart(text[:end]), end, true
		}
		if cut == len(text) {
			return 0, 0, false
		}
	}
}

// last returns where the special token that begins last in text lies.
func (g *guard) last(text string) (start, end int, ok bool) {
	for n := window; ; n *= 2 {
		cut := runeStart(text, max(0, len(text)-n))
		if g.parses(text[cut:]) {
			start = cut + g.longestStart(text[cut:])
			return start, start + g.shortestPrefix(text[start:]), true
		}
		if cut == 0 {
			return 0, 0, false
		}
	}
}

// shortestPrefix is the length of the shortest prefix of text with a special
// token in it; text has one.
func (g *guard) shortestPrefix(text string) int {
	n := sort.Search(len(text), func(n int) bool { return g.parses(text[:runeStart(text, n)]) })
	return runeStart(text, n)
}

// longestStart is the largest position from which text still holds a special
// token; text has one.
func (g *guard) longestStart(text string) int {
	n := sort.Search(len(text), func(n int) bool { return !g.parses(text[runeStart(text, n+1):]) })
	return runeStart(text, n)
}

// runeStart moves i back to the first byte of its character.
func runeStart(text string, i int) int {
	for i > 0 && i < len(text) && !utf8.RuneStart(text[i]) {
		i--
	}
	return i
}

func firstRuneLen(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	return n
}
