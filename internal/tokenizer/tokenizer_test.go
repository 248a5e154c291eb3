package tokenizer_test

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"radpo/internal/tokenizer"
)

func TestTokens(t *testing.T) {
	tok := load(t, "mini-spm")
	if id, ok := tok.ID("[INST]"); id != 3 || !ok {
		t.Errorf(`ID("[INST]") = %d, %v; want 3, true`, id, ok)
	}
	if id, ok := tok.ID("no such token"); ok {
		t.Errorf("a token that is not there has id %d", id)
	}
	if got := tok.Token(3); got != "[INST]" {
		t.Errorf("Token(3) = %q", got)
	}
	if got := tok.Token(-1) + tok.Token(1<<30); got != "" {
		t.Errorf("ids outside the vocabulary have tokens %q", got)
	}
	if got := tok.Size(); got != 1500 {
		t.Errorf("Size() = %d, want 1500", got)
	}
	if !tok.IsSpecial(1) || tok.IsSpecial(500) || tok.IsSpecial(-1) {
		t.Errorf("IsSpecial(1, 500, -1) = %v, %v, %v; want true, false, false", tok.IsSpecial(1), tok.IsSpecial(500), tok.IsSpecial(-1))
	}
}

// TestSpecialsAsText keeps a text from ending its own turn.
func TestSpecialsAsText(t *testing.T) {
	tok := load(t, "mini-bytelevel")
	const text = "hi<|eot_id|>"
	eot, _ := tok.ID("<|eot_id|>")
	if ids := tok.AppendIDs(nil, text, true); !slices.Contains(ids, eot) {
		t.Errorf("AppendIDs(%q, true) = %v, without %d", text, ids, eot)
	}
	ids := tok.AppendIDs(nil, text, false)
	if slices.ContainsFunc(ids, tok.IsSpecial) {
		t.Errorf("AppendIDs(%q, false) = %v holds a special token", text, ids)
	}
	if got := tok.Decode(ids, true); got != text {
		t.Errorf("it decodes to %q, want %q", got, text)
	}
}

func TestAppendIDsKeepsDst(t *testing.T) {
	got := load(t, "mini-spm").AppendIDs([]int32{7, 8}, "the", true)
	if want := append([]int32{7, 8}, load(t, "mini-spm").AppendIDs(nil, "the", true)...); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestEncodeMax(t *testing.T) {
	tok := load(t, "mini-unigram")
	full := tok.Encode("the king is in the house")
	for limit, want := range map[int][]int32{
		100:           full,
		len(full):     full,
		len(full) - 1: append(slices.Clone(full[:len(full)-2]), full[len(full)-1]),
		3:             {full[0], full[1], full[len(full)-1]},
		2:             {full[0], full[len(full)-1]},
		0:             {full[0], full[len(full)-1]}, // the special tokens stay
	} {
		if got := tok.EncodeMax("the king is in the house", limit); !slices.Equal(got, want) {
			t.Errorf("EncodeMax(%d) = %v, want %v", limit, got, want)
		}
	}
}

// TestStream decodes random ids piece by piece, twice with one stream.
func TestStream(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for _, family := range families[:3] {
		tok := load(t, family)
		stream := tok.Stream()
		for range 500 {
			ids := make([]int32, rng.IntN(12))
			for i := range ids {
				ids[i] = rng.Int32N(int32(tok.Size()) + 1)
				if rng.IntN(2) == 0 {
					ids[i] = rng.Int32N(270) // the bytes' tokens
				}
			}
			var got strings.Builder
			for _, id := range ids {
				got.WriteString(stream.Push(id))
			}
			got.WriteString(stream.Flush())
			if want := tok.Decode(ids, true); got.String() != want {
				t.Errorf("%s: stream of %v\n got %q\nwant %q", family, ids, got.String(), want)
			}
		}
	}
}

// TestStreamHoldsBack: half a character is not text yet.
func TestStreamHoldsBack(t *testing.T) {
	tok := load(t, "mini-bytelevel")
	stream := tok.Stream()
	var got []string
	for _, id := range tok.AppendIDs(nil, "é😀", true) {
		got = append(got, stream.Push(id))
	}
	got = append(got, stream.Flush())
	if strings.Join(got, "") != "é😀" || slices.ContainsFunc(got, func(s string) bool { return strings.Contains(s, "\uFFFD") }) {
		t.Errorf("got %q", got)
	}
}

func TestRepair(t *testing.T) {
	tests := map[string]string{
		"":                         "",
		"a\uFFFDb":                 "a\uFFFDb",
		"\xff":                     "\uFFFD",
		"a\xc3":                    "a\uFFFD",
		"\xe2\x82":                 "\uFFFD",
		"\xf0\x9f\x98x":            "\uFFFDx",
		"\xe2\x28\xa1":             "\uFFFD(\uFFFD",
		"\xed\xa0\x80":             "\uFFFD\uFFFD\uFFFD", // a surrogate is ill-formed from its second byte on
		"\xf4\x90\x80\x80":         "\uFFFD\uFFFD\uFFFD\uFFFD",
		"\xc0\xaf":                 "\uFFFD\uFFFD",
		"\xf0\x9f\x98\xf0\x9f\x98": "\uFFFD\uFFFD",
	}
	for text, want := range tests {
		if got := tokenizer.Repair(text); got != want {
			t.Errorf("Repair(%q) = %q, want %q", text, got, want)
		}
	}
}

// TestConcurrent shares one tokenizer among 16 goroutines; run it with -race.
func TestConcurrent(t *testing.T) {
	for _, family := range families[:3] {
		tok := load(t, family)
		all := vectors(t, filepath.Join("testdata", family+".jsonl"))
		var wg sync.WaitGroup
		for g := range 16 {
			wg.Go(func() {
				for i := range all {
					v := all[(i+g*17)%len(all)]
					ids := tok.AppendIDs(nil, v.text(), true)
					if !slices.Equal(ids, v.IDs) {
						t.Errorf("%s: goroutine %d: AppendIDs(%q)\n got %v\nwant %v", family, g, v.text(), ids, v.IDs)
						return
					}
					tok.Decode(ids, false)
				}
			})
		}
		wg.Wait()
	}
}

// TestLongRuns has no input that takes quadratic time.
func TestLongRuns(t *testing.T) {
	for _, family := range families[:3] {
		tok := load(t, family)
		for _, unit := range []string{"a", " ", "\n", " \n", "1", "é", "\u0301", "\u0301\u0323", "한", "<", "<|eot_id", "\u2581", "\xff", "\u0600"} {
			text := strings.Repeat(unit, 1<<19/len(unit))
			start := time.Now()
			ids := tok.AppendIDs(nil, text, true)
			if took := time.Since(start); took > 5*time.Second { // 0.2 s on an idle core
				t.Errorf("%s: half a megabyte of %q took %v", family, unit, took)
			}
			if len(ids) == 0 && strings.TrimSpace(unit) != "" {
				t.Errorf("%s: half a megabyte of %q has no ids", family, unit)
			}
		}
	}
}

func FuzzEncode(f *testing.F) {
	var toks []*tokenizer.Tokenizer
	for _, family := range families[:3] {
		toks = append(toks, load(f, family))
		for _, v := range vectors(f, filepath.Join("testdata", family+".jsonl"))[:100] {
			f.Add(v.text())
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxSugarme {
			return
		}
		for i, tok := range toks {
			ids := tok.AppendIDs(nil, text, true)
			decoded := tok.Decode(ids, false)
			if families[i] == "mini-bytelevel" && decoded != tokenizer.Repair(text) {
				t.Errorf("%q decodes to %q", text, decoded)
			}
			if plain := tok.AppendIDs(nil, text, false); slices.ContainsFunc(plain, tok.IsSpecial) && families[i] != "mini-unigram" {
				t.Errorf("%q as plain text gives special tokens: %v", text, plain)
			}
			checkSugarme(t, tok, tok.Sugarme(), tokenizer.Repair(text))
		}
	})
}
