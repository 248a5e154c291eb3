package eval

import (
	"strings"
	"testing"
	"unicode/utf8"
)

// TestCharacters counts texts of every width in every alignment.
func TestCharacters(t *testing.T) {
	for _, letter := range []string{"x", "é", "漢", "😀"} {
		for n := range 20 {
			text := strings.Repeat("y", n%9) + strings.Repeat(letter, n) + "z"
			if got, want := characters(text), utf8.RuneCountInString(text); got != want {
				t.Errorf("%q: %d, want %d", text, got, want)
			}
		}
	}
}
