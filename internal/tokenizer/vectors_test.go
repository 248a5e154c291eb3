package tokenizer_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"radpo/internal/tokenizer"
)

// A vector is one line of the reference's output; data/tokenizers/README.md
// tells the fields.
type vector struct {
	Text       string  `json:"text"`
	Bytes      []byte  `json:"b64"`
	IDs        []int32 `json:"ids"`
	IDsSpecial []int32 `json:"ids_special"`
	Decoded    *string `json:"dec"`
	Skipped    *string `json:"dec_skip"`
}

func (v vector) text() string {
	if v.Bytes != nil {
		return string(v.Bytes)
	}
	return v.Text
}

// families are the vector sets; the mini ones lie in testdata.
var families = []string{"mini-bytelevel", "mini-spm", "mini-unigram", "llama3", "qwen2", "mistral", "gemma2", "deberta-v3"}

// dataDir is where a family's files are. The full vocabularies are not ours to
// ship: without a checkout that has them beside it the test skips.
func dataDir(t testing.TB, family string) string {
	t.Helper()
	if strings.HasPrefix(family, "mini-") {
		return "testdata"
	}
	dir := filepath.Join("..", "..", "..", "shared", "data", "tokenizers")
	if _, err := os.Stat(filepath.Join(dir, family+".tokenizer.json.gz")); err != nil {
		t.Skipf("the full %s tokenizer is not here: %v", family, err)
	}
	return dir
}

// readFile reads a file, or the gzip of it.
func readFile(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err == nil {
		return data
	}
	data, err = os.ReadFile(path + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	if data, err = io.ReadAll(z); err != nil {
		t.Fatal(err)
	}
	return data
}

func load(t testing.TB, family string) *tokenizer.Tokenizer {
	t.Helper()
	tok, err := tokenizer.Parse(readFile(t, filepath.Join(dataDir(t, family), family+".tokenizer.json")))
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func vectors(t testing.TB, path string) []vector {
	t.Helper()
	var all []vector
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, path)))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v vector
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		all = append(all, v)
	}
	if len(all) == 0 {
		t.Fatalf("%s has no vectors", path)
	}
	return all
}

func TestEncodeVectors(t *testing.T) {
	for _, family := range families {
		t.Run(family, func(t *testing.T) {
			tok := load(t, family)
			for _, v := range vectors(t, filepath.Join(dataDir(t, family), family+".jsonl")) {
				if got := tok.AppendIDs(nil, v.text(), true); !slices.Equal(got, v.IDs) {
					t.Errorf("AppendIDs(%q)\n got %v\nwant %v", v.text(), got, v.IDs)
				}
				if v.IDsSpecial != nil {
					if got := tok.Encode(v.text()); !slices.Equal(got, v.IDsSpecial) {
						t.Errorf("Encode(%q)\n got %v\nwant %v", v.text(), got, v.IDsSpecial)
					}
				}
				want := strings.ToValidUTF8(v.Text, "")
				if v.Decoded != nil {
					want = *v.Decoded
				} else if v.Bytes != nil {
					continue // its decoded text is the repaired one, which no vector spells out
				}
				if got := tok.Decode(v.IDs, false); got != want {
					t.Errorf("Decode(%v)\n got %q\nwant %q", v.IDs, got, want)
				}
			}
		})
	}
}

func TestDecodeVectors(t *testing.T) {
	for _, family := range families[3:] {
		t.Run(family, func(t *testing.T) {
			tok := load(t, family)
			for _, v := range vectors(t, filepath.Join(dataDir(t, family), family+".decode.jsonl")) {
				if got := tok.Decode(v.IDs, false); got != *v.Decoded {
					t.Errorf("Decode(%v, false)\n got %q\nwant %q", v.IDs, got, *v.Decoded)
				}
				if got := tok.Decode(v.IDs, true); got != *v.Skipped {
					t.Errorf("Decode(%v, true)\n got %q\nwant %q", v.IDs, got, *v.Skipped)
				}
			}
		})
	}
}

// TestChatVectors holds rendered chats, full of special tokens, to the reference.
func TestChatVectors(t *testing.T) {
	for _, family := range []string{"llama3", "qwen2", "gemma2"} {
		t.Run(family, func(t *testing.T) {
			tok := load(t, family)
			for _, v := range vectors(t, filepath.Join(dataDir(t, family), family+".chat.jsonl")) {
				if got := tok.AppendIDs(nil, v.Text, true); !slices.Equal(got, v.IDs) {
					t.Errorf("AppendIDs(%q)\n got %v\nwant %v", v.Text, got, v.IDs)
				}
			}
		})
	}
}
