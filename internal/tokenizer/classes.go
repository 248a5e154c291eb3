package tokenizer

import (
	"sync"
	"unicode/utf8"
)

// A class is what the split patterns ask of a code point: \p{L}, \p{N},
// [\r\n], the rest of \s, or none of them.
type class uint8

const (
	other class = iota
	letter
	number
	space
	newline
)

// classes is a flat table: the lookup is the inner loop of every split.
var classes = sync.OnceValue(func() *[utf8.MaxRune + 1]class {
	table := new([utf8.MaxRune + 1]class)
	fill := func(ranges [][2]rune, c class) {
		for _, r := range ranges {
			for x := r[0]; x <= r[1]; x++ {
				table[x] = c
			}
		}
	}
	fill(letterRanges[:], letter)
	fill(numberRanges[:], number)
	fill([][2]rune{
		{'\t', '\r'}, {' ', ' '}, {0x85, 0x85}, {0xA0, 0xA0}, {0x1680, 0x1680},
		{0x2000, 0x200A}, {0x2028, 0x2029}, {0x202F, 0x202F}, {0x205F, 0x205F}, {0x3000, 0x3000},
	}, space) // White_Space, unchanged since Unicode 6.3
	table['\r'], table['\n'] = newline, newline
	return table
})

func isSpace(r rune) bool {
	c := classes()[r]
	return c == space || c == newline
}
