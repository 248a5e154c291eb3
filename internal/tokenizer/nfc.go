package tokenizer

import (
	"slices"
	"sync"
	"unicode/utf8"
)

// Hangul syllables compose by formula (Unicode 16, section 3.12).
const (
	hangulS, hangulL, hangulV, hangulT = 0xAC00, 0x1100, 0x1161, 0x11A7
	countS, countL, countV, countT     = 11172, 19, 21, 28
)

// firstUnstable is the first code point that NFC may change or move.
const firstUnstable = 0x300

// normalForms holds what NFC needs of Unicode 9, the version that the
// reference normalizes by.
type normalForms struct {
	class    map[rune]uint8
	parts    map[rune][2]rune
	join     map[[2]rune]rune
	unstable [utf8.MaxRune/8 + 1]uint8 // bit set: may change, move or join
}

var forms = sync.OnceValue(func() *normalForms {
	f := &normalForms{
		class: make(map[rune]uint8, len(combiningClasses)),
		parts: make(map[rune][2]rune, len(decompositions)),
		join:  make(map[[2]rune]rune, composing),
	}
	for _, m := range combiningClasses {
		f.class[m.mark] = m.class
		f.mark(m.mark)
	}
	for i, d := range decompositions {
		c, pair := d[0], [2]rune{d[1], d[2]}
		f.parts[c] = pair
		if i < composing {
			f.join[pair] = c
			f.mark(pair[1])
		} else {
			f.mark(c)
		}
	}
	for c := rune(hangulV); c < hangulT+countT; c++ {
		f.mark(c)
	}
	return f
})

func (f *normalForms) mark(c rune) { f.unstable[c>>3] |= 1 << (c & 7) }

// changes tells whether c may change, move or join what stands before it.
func (f *normalForms) changes(c rune) bool { return f.unstable[c>>3]&(1<<(c&7)) != 0 }

// nfc is Unicode's normalization form C by the tables of Unicode 9. Text is
// composed in stretches: a stable code point and the unstable ones after it.
func nfc(s string, out *rewriter) bool {
	f := forms()
	changes := false
	for _, c := range s {
		if c >= firstUnstable && f.changes(c) {
			changes = true
			break
		}
	}
	if !changes {
		return false
	}
	var runes []rune
	kept := 0 // the start of the text not yet written
	for i := 0; i < len(s); {
		start := i
		_, n := utf8.DecodeRuneInString(s[i:])
		for i += n; i < len(s); i += n {
			var c rune
			if c, n = utf8.DecodeRuneInString(s[i:]); !f.changes(c) {
				break
			}
		}
		first, size := utf8.DecodeRuneInString(s[start:])
		if size == i-start && !f.changes(first) {
			continue
		}
		out.keep(s[kept:start])
		runes = f.compose(runes[:0], s[start:i])
		out.put(string(runes), i-start)
		kept = i
	}
	out.keep(s[kept:])
	return true
}

// compose decomposes s, orders its marks and joins what joins. It works in runes.
func (f *normalForms) compose(runes []rune, s string) []rune {
	for _, c := range s {
		runes = f.decompose(runes, c)
	}
	f.order(runes)
	out := runes[:0]
	starter, last := -1, uint8(0) // where a mark may join, and the class before it
	for _, c := range runes {
		class := f.class[c]
		// A mark joins its starter unless one of its own or a higher class stands between.
		if starter >= 0 && (len(out)-1 == starter || last < class) {
			if joined, ok := f.joined(out[starter], c); ok {
				out[starter] = joined
				continue
			}
		}
		if class == 0 {
			starter = len(out)
		}
		last = class
		out = append(out, c)
	}
	return out
}

func (f *normalForms) decompose(dst []rune, c rune) []rune {
	if s := c - hangulS; 0 <= s && s < countS {
		dst = append(dst, hangulL+s/(countV*countT), hangulV+s%(countV*countT)/countT)
		if t := s % countT; t > 0 {
			dst = append(dst, hangulT+t)
		}
		return dst
	}
	p, ok := f.parts[c]
	if !ok {
		return append(dst, c)
	}
	dst = f.decompose(dst, p[0])
	if p[1] != 0 {
		dst = f.decompose(dst, p[1])
	}
	return dst
}

// order sorts each run of marks by class, equal ones as they stood.
func (f *normalForms) order(runes []rune) {
	for i := 0; i < len(runes); i++ {
		start := i
		for i < len(runes) && f.class[runes[i]] != 0 {
			i++
		}
		if i-start > 1 {
			slices.SortStableFunc(runes[start:i], func(a, b rune) int {
				return int(f.class[a]) - int(f.class[b])
			})
		}
	}
}

func (f *normalForms) joined(a, b rune) (rune, bool) {
	if l, v := a-hangulL, b-hangulV; 0 <= l && l < countL && 0 <= v && v < countV {
		return hangulS + (l*countV+v)*countT, true
	}
	if s, t := a-hangulS, b-hangulT; 0 <= s && s < countS && s%countT == 0 && 0 < t && t < countT {
		return a + t, true
	}
	c, ok := f.join[[2]rune{a, b}]
	return c, ok
}
