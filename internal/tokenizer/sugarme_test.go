package tokenizer_test

import (
	"path/filepath"
	"slices"
	"testing"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/normalizer"

	"radpo/internal/tokenizer"
)

// maxSugarme keeps out the few texts that are long enough to be slow on this route.
const maxSugarme = 4 << 10

// TestSugarme holds the sugarme route to the hot path on every vector.
func TestSugarme(t *testing.T) {
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			tok := load(t, family)
			route := tok.Sugarme()
			for _, v := range vectors(t, filepath.Join(dataDir(t, family), family+".jsonl")) {
				if text := tokenizer.Repair(v.text()); len(text) <= maxSugarme {
					checkSugarme(t, tok, route, text)
				}
			}
		})
	}
}

func checkSugarme(t *testing.T, tok *tokenizer.Tokenizer, route *sugarme.Tokenizer, text string) {
	t.Helper()
	encoding, err := route.EncodeSingle(text, true)
	if err != nil {
		t.Errorf("EncodeSingle(%q): %v", text, err)
		return
	}
	want := tok.Encode(text)
	if !slices.EqualFunc(encoding.Ids, want, func(a int, b int32) bool { return a == int(b) }) {
		t.Errorf("EncodeSingle(%q)\n got %v\nwant %v", text, encoding.Ids, want)
		return
	}
	if got, want := route.Decode(encoding.Ids, false), tok.Decode(want, false); got != want {
		t.Errorf("Decode(%v)\n got %q\nwant %q", encoding.Ids, got, want)
	}
	end := 0
	for i, o := range encoding.Offsets {
		if encoding.SpecialTokenMask[i] == 1 {
			continue
		}
		if o[0] > o[1] || o[1] > len(text) || o[1] < end {
			t.Errorf("%q: token %d (%q) has offsets %v after %d, of %d bytes", text, i, encoding.Tokens[i], o, end, len(text))
			return
		}
		end = o[1]
	}
}

// TestSugarmeOffsets works a few texts by hand.
func TestSugarmeOffsets(t *testing.T) {
	tests := []struct {
		family, text string
		want         []string // the bytes of the text that each token stands for
	}{
		{"mini-bytelevel", "the <|eot_id|>king", []string{"the", " ", "<|eot_id|>", "king"}},
		{"mini-bytelevel", "the \U0001F600", []string{"the", " \U0001F600", "\U0001F600", "\U0001F600", "\U0001F600"}},
		{"mini-spm", "the  [INST] it", []string{"the", " ", " ", "[INST]", " it"}},
		{"mini-unigram", "  ﬁve\u3000the ", []string{"ﬁ", "ﬁve", "\u3000the"}},
	}
	for _, test := range tests {
		encoding, err := load(t, test.family).Sugarme().EncodeSingle(test.text)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, o := range encoding.Offsets {
			got = append(got, test.text[o[0]:o[1]])
		}
		if !slices.Equal(got, test.want) {
			t.Errorf("%s: %q: tokens %q stand for\n got %q\nwant %q", test.family, test.text, encoding.Tokens, got, test.want)
		}
	}
}

// TestSugarmePair follows the file's template for two texts.
func TestSugarmePair(t *testing.T) {
	tok := load(t, "mini-unigram")
	encoding, err := tok.Sugarme().EncodePair("the king", "it", true)
	if err != nil {
		t.Fatal(err)
	}
	want := slices.Concat([]int32{1}, tok.AppendIDs(nil, "the king", true), []int32{2}, tok.AppendIDs(nil, "it", true), []int32{2})
	if !slices.EqualFunc(encoding.Ids, want, func(a int, b int32) bool { return a == int(b) }) {
		t.Errorf("EncodePair: got %v, want %v", encoding.Ids, want)
	}
	if got := encoding.TypeIds[len(encoding.TypeIds)-1]; got != 1 {
		t.Errorf("the last type id is %d, want 1", got)
	}
}

// TestSugarmeNormalizer keeps track of the original through all steps.
func TestSugarmeNormalizer(t *testing.T) {
	n, err := tokenizer.Normalizer{Tokenizer: load(t, "mini-unigram")}.Normalize(normalizer.NewNormalizedFrom("  \uFB01ve \u3000e\u0301 "))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := n.GetNormalized(), "five \u00E9"; got != want {
		t.Fatalf("normalized %q, want %q", got, want)
	}
	tests := []struct {
		start, end int
		want       string
	}{
		{0, 2, "\uFB01"},
		{2, 4, "ve"},
		{4, 5, " \u3000"},
		{5, 7, "e\u0301"},
	}
	for _, test := range tests {
		if got := n.RangeOriginal(normalizer.NewRange(test.start, test.end, normalizer.NormalizedTarget)); got != test.want {
			t.Errorf("bytes %d to %d come from %q, want %q", test.start, test.end, got, test.want)
		}
	}
}

// TestSugarmeParts are the interfaces that the parts are for.
func TestSugarmeParts(t *testing.T) {
	tok := load(t, "mini-spm")
	var (
		_ normalizer.Normalizer = tokenizer.Normalizer{Tokenizer: tok}
		_ sugarme.PreTokenizer  = tokenizer.PreTokenizer{Tokenizer: tok}
		_ sugarme.Decoder       = tokenizer.Decoder{Tokenizer: tok}
		m sugarme.Model         = tokenizer.Model{Tokenizer: tok}
	)
	vocab := m.GetVocab()
	if len(vocab) != m.GetVocabSize() || m.GetVocabSize() != tok.Size() {
		t.Errorf("GetVocab has %d tokens, GetVocabSize says %d; want %d", len(vocab), m.GetVocabSize(), tok.Size())
	}
	for token, id := range vocab {
		if got, ok := m.IdToToken(id); got != token || !ok {
			t.Errorf("IdToToken(%d) = %q, %v; want %q", id, got, ok, token)
		}
		if got, ok := m.TokenToId(token); got != id || !ok {
			t.Errorf("TokenToId(%q) = %d, %v; want %d", token, got, ok, id)
		}
	}
	if _, ok := m.IdToToken(1 << 40); ok {
		t.Error("an id outside the vocabulary has a token")
	}
	if err := m.Save(t.TempDir()); err == nil {
		t.Error("Save reports no error")
	}
}
