package tokenizer

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

func TestSeams(t *testing.T) {
	tests := []struct {
		merges mergePairs
		text   string
		want   []string
	}{
		{nil, "▁a▁", []string{"▁", "a", "▁"}},
		{mergePairs{{"▁", "▁"}, {"▁", "a"}, {"\n", "\n"}}, "▁a▁▁b\n\n▁c", []string{"▁a", "▁▁", "b", "\n\n", "▁", "c"}},
		{mergePairs{{"xa", "by"}}, "abyb xaby", []string{"ab", "y", "b", " ", "x", "ab", "y"}},
		{mergePairs{{"é", "a"}, {"ü", "é"}}, "öäaéa", []string{"öäa", "éa"}}, // other scripts are one class
		{mergePairs{{"<0x0A>", "<0x0A>"}}, "\n\na><", []string{"\n\n", "a", "><"}},
		{mergePairs{{"<0xC3>", "<0xA9>"}, {"a", "<0xC3>"}}, "aéé", []string{"aéé"}},
	}
	for _, test := range tests {
		c := newSeams(test.merges)
		if got := pieces(c.split, test.text); !slices.Equal(got, test.want) {
			t.Errorf("merges %q: got %q, want %q", test.merges, got, test.want)
		}
	}
}

func pieces(split splitter, text string) (out []string) {
	for text != "" {
		n := split(text)
		out = append(out, text[:n])
		text = text[n:]
	}
	return out
}

// TestSeamsChangeNothing encodes random text with random merges, cut at the
// seams and whole.
func TestSeamsChangeNothing(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	chars := []string{"a", "b", "(", ")", "1", "\n", "<", ">", "▁", "é", "世"}
	cut := 0
	for range 200 {
		data, err := json.Marshal(randomMerges(r, chars))
		if err != nil {
			t.Fatal(err)
		}
		tok, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		whole := *tok
		words := *tok.words
		words.split = wholeText
		whole.words = &words
		for range 20 {
			var b strings.Builder
			for range 1 + r.IntN(40) {
				b.WriteString(append(chars, "<0x0A>", "ß", "\t")[r.IntN(len(chars)+3)])
			}
			cut += len(pieces(tok.words.split, b.String())) - 1
			if got, want := tok.AppendIDs(nil, b.String(), true), whole.AppendIDs(nil, b.String(), true); !slices.Equal(got, want) {
				t.Fatalf("%q: cut at the seams %v, whole %v, with %s", b.String(), got, want, data)
			}
		}
	}
	if cut == 0 {
		t.Error("no text was cut")
	}
}

// randomMerges is a SentencePiece-like tokenizer.json of a few merges.
func randomMerges(r *rand.Rand, chars []string) map[string]any {
	vocab := map[string]int{"<unk>": 0}
	add := func(token string) bool {
		if _, there := vocab[token]; there {
			return false
		}
		vocab[token] = len(vocab)
		return true
	}
	for b := range 256 {
		add(fmt.Sprintf("<0x%02X>", b))
	}
	parts := append(slices.Clone(chars), "<0x0A>", "<0xC3>", "<0x9F>")
	for _, c := range chars {
		add(c)
	}
	var merges [][2]string
	for range 2 + r.IntN(12) {
		left, right := parts[r.IntN(len(parts))], parts[r.IntN(len(parts))]
		if add(left + right) {
			merges = append(merges, [2]string{left, right})
			parts = append(parts, left+right)
		}
	}
	return map[string]any{
		"version": "1.0", "truncation": nil, "padding": nil, "added_tokens": []any{}, "normalizer": nil, "post_processor": nil,
		"pre_tokenizer": map[string]any{"type": "Metaspace", "replacement": metaspace, "prepend_scheme": "first", "split": false},
		"decoder": map[string]any{"type": "Sequence", "decoders": []any{
			map[string]any{"type": "Replace", "pattern": map[string]string{"String": metaspace}, "content": " "},
			map[string]any{"type": "ByteFallback"}, map[string]any{"type": "Fuse"}}},
		"model": map[string]any{"type": "BPE", "dropout": nil, "unk_token": "<unk>", "continuing_subword_prefix": nil, "end_of_word_suffix": nil,
			"fuse_unk": true, "byte_fallback": true, "ignore_merges": false, "vocab": vocab, "merges": merges},
	}
}
