package tokenizer_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"radpo/internal/tokenizer"
)

var trainSpecials = []string{"<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"}

// trainTexts is the text of the vectors that decode to themselves.
func trainTexts(t testing.TB) []string {
	var texts []string
	for _, v := range vectors(t, "testdata/mini-bytelevel.jsonl") {
		if v.Bytes == nil && v.Decoded == nil {
			texts = append(texts, v.Text)
		}
	}
	return texts
}

func TestTrain(t *testing.T) {
	texts := trainTexts(t)
	data, err := tokenizer.Train(slices.Values(texts), 1100, trainSpecials)
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(texts)
	again, err := tokenizer.Train(slices.Values(texts), 1100, trainSpecials)
	if err != nil || !bytes.Equal(data, again) {
		t.Errorf("the same texts in another order give another file (error %v)", err)
	}
	tok, err := tokenizer.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	if got := tok.Size(); got != 1100 {
		t.Errorf("Size() = %d, want 1100", got)
	}
	begin, ok := tok.ID("<|begin_of_text|>")
	if !ok || begin != 1095 || !tok.IsSpecial(begin) {
		t.Errorf("<|begin_of_text|> has id %d, special %v; want 1095, true", begin, tok.IsSpecial(begin))
	}
	text := "Is the king there, or not?\n"
	ids := tok.Encode(text)
	if ids[0] != begin || tok.Decode(ids, true) != text {
		t.Errorf("Encode(%q) = %v, which decodes to %q", text, ids, tok.Decode(ids, true))
	}
	if max := len(text) / 2; len(ids) > max {
		t.Errorf("%q takes %d ids, want at most %d: few merges were learned", text, len(ids), max)
	}
}

// TestTrainMerges works an example by hand.
func TestTrainMerges(t *testing.T) {
	// Pairs: (a,b) 5, (b,c) 3; then (ab,c) 3.
	data, err := tokenizer.Train(slices.Values([]string{"ab\nab\nabc\nabc\nabc"}), 256+2+5, trainSpecials)
	if err != nil {
		t.Fatal(err)
	}
	tok, err := tokenizer.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[int32]string{256: "ab", 257: "abc"} {
		if got := tok.Token(id); got != want {
			t.Errorf("Token(%d) = %q, want %q", id, got, want)
		}
	}
}

func TestTrainErrors(t *testing.T) {
	tests := map[string]struct {
		vocab    int
		specials []string
		want     string
	}{
		"no begin token":    {300, []string{"<s>"}, "specials must hold"},
		"too small":         {200, trainSpecials, "want 261 to"},
		"too little text":   {5000, trainSpecials, "take more text"},
		"special repeated":  {261 + 1, append(trainSpecials, "<|eot_id|>"), "two ids"},
		"special is a byte": {261 + 1, append(trainSpecials, "a"), "token of the texts"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := tokenizer.Train(slices.Values([]string{"abc abc"}), test.vocab, test.specials)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Train: error %v, want one with %q", err, test.want)
			}
		})
	}
}
