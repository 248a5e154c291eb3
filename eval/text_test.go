package eval

import "testing"

func TestVisible(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"plain", "Größe 10\n\tok", "Größe 10\n\tok"},
		{"controls", "a\x00b\x1b[31m\x7f\r", "a␀b␛[31m␡␍"},
		{"C1", "a\u0085", "a⟨U+0085⟩"},
		{"bidi override", "abc\u202edef\u2066", "abc⟨U+202E⟩def⟨U+2066⟩"},
		{"hidden", "a\u200bb\ufeff\u00ad", "a⟨U+200B⟩b⟨U+FEFF⟩⟨U+00AD⟩"},
		{"line separators", "a\u2028b\u2029", "a⟨U+2028⟩b⟨U+2029⟩"},
		{"tags and private use", "\U000e0041\ue000", "⟨U+E0041⟩⟨U+E000⟩"},
		{"noncharacter", "\ufffe", "⟨U+FFFE⟩"},
		{"emoji joiner stays", "👩\u200d🚀", "👩\u200d🚀"},
		{"right to left stays", "שלום", "שלום"},
		{"not UTF-8", "a\xffb", "a\ufffdb"},
	}
	for _, test := range tests {
		if got := visible(test.in); got != test.want {
			t.Errorf("%s: %q, want %q", test.name, got, test.want)
		}
	}
}

func TestNumbers(t *testing.T) {
	tests := []struct{ got, want string }{
		{two(-1.234), "−1.23"}, {two(-0.001), "0.00"}, {two(10), "10.00"}, {two(-4e9), "−4e+09"},
		{signed(1.5), "+1.50"}, {signed(-1.5), "−1.50"}, {signed(0), "0.00"}, {signed(0.001), "0.00"},
		{percent(0.273), "27 %"}, {goalWords([]float64{7.5}), "at goal 7.5"}, {goalWords([]float64{6, 9}), "at goal 6/9"},
		{goalLabel(nil), "no goal"}, {cut("abcdef", 4), "abcd… (2 more characters)"}, {cut("äöü", 3), "äöü"},
	}
	for i, test := range tests {
		if test.got != test.want {
			t.Errorf("%d: %q, want %q", i, test.got, test.want)
		}
	}
}
