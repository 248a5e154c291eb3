package tokenizer

import (
	"testing"
	"unicode/utf8"
)

func TestNFC(t *testing.T) {
	tests := map[string]string{
		"":                        "",
		"plain":                   "plain",
		"e\u0301":                 "é",
		"\u0301e":                 "\u0301e",
		"A\u030A":                 "Å",
		"\u212B":                  "Å",
		"q\u0307\u0323":           "q\u0323\u0307",    // marks in the order of their classes
		"e\u0323\u0302":           "\u1EC7",           // two compositions
		"e\u0302\u0323":           "\u1EC7",           // in either order
		"e\u0327\u0301":           "\u0229\u0301",     // the mark of the lower class joins
		"\u1100\u1161\u11A8":      "\uAC01",           // Hangul
		"\uAC00\u11A8\u11A8":      "\uAC01\u11A8",     // one final consonant
		"\u0344":                  "\u0308\u0301",     // never composes again
		"\u2ADC":                  "\u2ADD\u0338",     // nor does this
		"\U000E0041\u0301":        "\U000E0041\u0301", // no neighbour by its low 16 bits
		"A\U00011127\u030C\u033B": "A\U00011127\u033B\u030C",
		"a\u1DFA\u0323":           "a\u1DFA\u0323", // U+1DFA is younger than the tables: no mark
	}
	for text, want := range tests {
		if got := new(rewriter).run(nfc, text); got != want {
			t.Errorf("nfc(%+q) = %+q, want %+q", text, got, want)
		}
	}
}

// TestNFCStretches: composing stretch by stretch is sound only if a stable
// code point decomposes to something that begins stable.
func TestNFCStretches(t *testing.T) {
	f := forms()
	for c := rune(0); c <= utf8.MaxRune; c++ {
		if f.changes(c) {
			if c < firstUnstable {
				t.Errorf("%U is unstable and below %U", c, firstUnstable)
			}
			continue
		}
		if first := f.decompose(nil, c)[0]; f.changes(first) {
			t.Errorf("%U is stable and decomposes to %U, which is not", c, first)
		}
	}
}

// TestTables holds the generated tables to what is known of their versions of Unicode.
func TestTables(t *testing.T) {
	var got [newline + 1]int
	for _, c := range classes() {
		got[c]++
	}
	want := [newline + 1]int{letter: 141_028, number: 1_911, space: 23, newline: 2}
	want[other] = utf8.MaxRune + 1 - 141_028 - 1_911 - 25
	if got != want {
		t.Errorf("code points by class: got %v, want %v", got, want)
	}
	if got := [...]int{len(combiningClasses), len(decompositions), composing}; got != [...]int{814, 2060, 940} {
		t.Errorf("marks, decompositions and compositions: got %v", got)
	}
}
