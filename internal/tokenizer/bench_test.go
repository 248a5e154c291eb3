package tokenizer_test

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/internal/tokenizer"
)

// benchText is 10 MB or more of the file named by TOKENIZER_BENCH_TEXT, in
// pieces of 8,000 bytes; without it, of the vectors' texts.
//
// tools/bench/encode.py runs BenchmarkEncode beside the reference on the
// same text, ids proven equal by their digests.
func benchText(b *testing.B) (pieces []string, size int) {
	b.Helper()
	var text string
	if path := os.Getenv("TOKENIZER_BENCH_TEXT"); path != "" {
		data, err := os.ReadFile(path)
		if err != nil {
			b.Fatal(err)
		}
		text = string(data)
	} else {
		var all strings.Builder
		for _, v := range vectors(b, "testdata/mini-bytelevel.jsonl") {
			all.WriteString(v.Text)
		}
		text = all.String()
	}
	text = strings.Repeat(text, (10<<20+len(text)-1)/len(text))
	for len(text) > 0 {
		n := min(8000, len(text))
		pieces = append(pieces, strings.ToValidUTF8(text[:n], ""))
		size += len(pieces[len(pieces)-1])
		text = text[n:]
	}
	return pieces, size
}

func BenchmarkEncode(b *testing.B) {
	pieces, size := benchText(b)
	for _, family := range families {
		b.Run(family, func(b *testing.B) {
			tok := load(b, family)
			b.Logf("ids %x", digest(tok, pieces)[:8])
			var ids []int32
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				for _, piece := range pieces {
					ids = tok.AppendIDs(ids[:0], piece, true)
				}
			}
		})
	}
}

// digest names all the ids; tools/bench/encode.py makes the reference's.
func digest(tok *tokenizer.Tokenizer, pieces []string) []byte {
	sum := sha256.New()
	var raw []byte
	for _, piece := range pieces {
		raw = raw[:0]
		for _, id := range tok.AppendIDs(nil, piece, true) {
			raw = binary.LittleEndian.AppendUint32(raw, uint32(id))
		}
		sum.Write(raw)
	}
	return sum.Sum(nil)
}

// BenchmarkSugarme is the same by way of sugarme's Encoding, on a tenth of the text.
func BenchmarkSugarme(b *testing.B) {
	pieces, size := benchText(b)
	for _, family := range families {
		b.Run(family, func(b *testing.B) {
			tok := load(b, family).Sugarme()
			b.SetBytes(int64(size / 10))
			for b.Loop() {
				for _, piece := range pieces[:len(pieces)/10] {
					if _, err := tok.EncodeSingle(piece); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	pieces, size := benchText(b)
	text := strings.Join(pieces, "")
	for _, family := range families {
		b.Run(family, func(b *testing.B) {
			tok := load(b, family)
			ids := tok.AppendIDs(nil, text, true)
			b.SetBytes(int64(size))
			for b.Loop() {
				tok.Decode(ids, true)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, family := range families {
		b.Run(family, func(b *testing.B) {
			data := readFile(b, filepath.Join(dataDir(b, family), family+".tokenizer.json"))
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := tokenizer.Parse(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRun is one megabyte of a single character, the worst that merging meets.
func BenchmarkRun(b *testing.B) {
	for _, family := range families {
		for _, unit := range []string{"a", " ", "\n", "é", "\u0301"} {
			b.Run(fmt.Sprintf("%s/%q", family, unit), func(b *testing.B) {
				tok := load(b, family)
				text := strings.Repeat(unit, 1<<20/len(unit))
				b.SetBytes(int64(len(text)))
				for b.Loop() {
					tok.AppendIDs(nil, text, true)
				}
			})
		}
	}
}
