package jinja

import (
	"strings"
	"unicode"
)

// isSpace is Python's str.isspace for one character. It knows the separators
// U+001C to U+001F, which unicode.IsSpace does not.
func isSpace(r rune) bool {
	return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f
}

// strip is str.strip, lstrip or rstrip: chars nil means white space.
func (in *interp) strip(s string, chars Value, left, right bool) string {
	in.work(len(s), scanBytes)
	cut := isSpace
	if chars != nil {
		set := needString(chars, "the characters to strip")
		cut = func(r rune) bool { return strings.ContainsRune(set, r) }
	}
	if left {
		s = strings.TrimLeftFunc(s, cut)
	}
	if right {
		s = strings.TrimRightFunc(s, cut)
	}
	return s
}

// fullUpper holds the characters whose upper case is longer than one.
var fullUpper = map[rune]string{
	'ß': "SS", 'ŉ': "ʼN", 'ǰ': "J̌", 'և': "ԵՒ", 'ẖ': "H̱", 'ẗ': "T̈", 'ẘ': "W̊", 'ẙ': "Y̊", 'ẚ': "Aʾ",
	'ﬀ': "FF", 'ﬁ': "FI", 'ﬂ': "FL", 'ﬃ': "FFI", 'ﬄ': "FFL", 'ﬅ': "ST", 'ﬆ': "ST",
	'ΐ': "Ϊ́", 'ΰ': "Ϋ́",
}

func upper(s string) string {
	var b strings.Builder
	for _, r := range s {
		if full, ok := fullUpper[r]; ok {
			b.WriteString(full)
		} else {
			b.WriteRune(unicode.ToUpper(r))
		}
	}
	return b.String()
}

func lower(s string) string { return mapCase(s, lowerAt) }

// lowerAt is the lower case of one character. It knows the two rules beyond
// single characters: dotted capital I, and sigma at the end of a word.
func lowerAt(runes []rune, i int) string {
	switch r := runes[i]; {
	case r == 'İ':
		return "i̇"
	case r == 'Σ' && finalSigma(runes, i):
		return "ς"
	default:
		return string(unicode.ToLower(r))
	}
}

func finalSigma(runes []rune, at int) bool {
	cased := func(i, by int) bool {
		for ; i >= 0 && i < len(runes); i += by {
			switch r := runes[i]; {
			case isCased(r):
				return true
			case !unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) && !strings.ContainsRune("'.:·’", r):
				return false
			}
		}
		return false
	}
	return cased(at-1, -1) && !cased(at+1, 1)
}

func isCased(r rune) bool { return unicode.IsUpper(r) || unicode.IsLower(r) || unicode.IsTitle(r) }

// capitalize is str.capitalize.
func capitalize(s string) string {
	first := true
	return mapCase(s, func(runes []rune, i int) string {
		if first {
			first = false
			return title1(runes[i])
		}
		return lowerAt(runes, i)
	})
}

// mapCase replaces each character by what fn says of it in its place.
func mapCase(s string, fn func(runes []rune, i int) string) string {
	var b strings.Builder
	runes := []rune(s)
	for i := range runes {
		b.WriteString(fn(runes, i))
	}
	return b.String()
}

// title1 is one character's title case.
func title1(r rune) string {
	if full, ok := fullUpper[r]; ok {
		return capitalize(full)
	}
	return string(unicode.ToTitle(r))
}

// titleWords is str.title: a letter after a letter is lower case, another one
// title case.
func titleWords(s string) string {
	after := false
	return mapCase(s, func(runes []rune, i int) string {
		inside := after
		after = isCased(runes[i])
		if inside {
			return lowerAt(runes, i)
		}
		return title1(runes[i])
	})
}

func swapCase(s string) string {
	return mapCase(s, func(runes []rune, i int) string {
		if unicode.IsUpper(runes[i]) {
			return lowerAt(runes, i)
		}
		return upper(string(runes[i]))
	})
}
