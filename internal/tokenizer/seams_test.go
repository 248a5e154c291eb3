package tokenizer

import (
	"slices"
	"testing"
)

func TestSeams(t *testing.T) {
	text := "▁a▁▁b\n\n▁c"
	tests := []struct {
		merges mergePairs
		want   []string
	}{
		{nil, []string{"▁a", "▁▁b", "\n\n", "▁c"}},
		{mergePairs{{"▁", "▁"}, {"▁", "a"}, {"\n", "\n"}}, []string{"▁a", "▁▁b", "\n\n", "▁c"}},
		{mergePairs{{"a", "▁"}}, []string{"▁a▁▁b", "\n\n", "▁c"}},
		{mergePairs{{"a", "\n"}}, []string{"▁a", "▁▁b\n\n", "▁c"}},
		{mergePairs{{"\n", "▁"}}, []string{text}},
		{mergePairs{{"<0x0A>", "<0x0A>"}}, []string{"▁a", "▁▁b\n\n", "▁c"}},
	}
	for _, test := range tests {
		c := newSeams(test.merges)
		var got []string
		for rest := text; rest != ""; {
			n := c.split(rest)
			got = append(got, rest[:n])
			rest = rest[n:]
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("merges %q: got %q, want %q", test.merges, got, test.want)
		}
	}
}
