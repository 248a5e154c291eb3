package tokenizer_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
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
	IDsPlain   []int32 `json:"ids_plain"` // special tokens in the text taken as text
	Decoded    *string `json:"dec"`
	Skipped    *string `json:"dec_skip"`

	// The head of a variant's vectors.
	Variant string                     `json:"variant"`
	Base    string                     `json:"base"`
	Patch   map[string]json.RawMessage `json:"patch"`
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

// loaded holds each family's tokenizer from its first use on: loading a full
// one takes longer than all its vectors, and all tests sharing one is a test too.
var loaded sync.Map

func load(t testing.TB, family string) *tokenizer.Tokenizer {
	t.Helper()
	if tok, ok := loaded.Load(family); ok {
		return tok.(*tokenizer.Tokenizer)
	}
	tok, err := tokenizer.Parse(readFile(t, filepath.Join(dataDir(t, family), family+".tokenizer.json")))
	if err != nil {
		t.Fatal(err)
	}
	loaded.Store(family, tok)
	return tok
}

func vectors(t testing.TB, path string) []vector {
	t.Helper()
	var all []vector
	lines := bufio.NewScanner(bytes.NewReader(readFile(t, path)))
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var v vector
		unmarshal(t, lines.Bytes(), &v)
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
				checkVector(t, tok, v)
			}
		})
	}
}

// checkVector compares all that v tells.
func checkVector(t *testing.T, tok *tokenizer.Tokenizer, v vector) {
	t.Helper()
	text := v.text()
	if got := tok.AppendIDs(nil, text, true); !slices.Equal(got, v.IDs) {
		t.Errorf("AppendIDs(%q, true)\n got %v\nwant %v", text, got, v.IDs)
	}
	if v.IDsSpecial != nil {
		if got := tok.Encode(text); !slices.Equal(got, v.IDsSpecial) {
			t.Errorf("Encode(%q)\n got %v\nwant %v", text, got, v.IDsSpecial)
		}
	}
	if v.IDsPlain != nil {
		if got := tok.AppendIDs(nil, text, false); !slices.Equal(got, v.IDsPlain) {
			t.Errorf("AppendIDs(%q, false)\n got %v\nwant %v", text, got, v.IDsPlain)
		}
	}
	want := &v.Text
	if v.Decoded != nil {
		want = v.Decoded
	} else if v.Bytes != nil {
		return // decodes to the repaired text, which the vector does not spell out
	}
	if got := tok.Decode(v.IDs, false); got != *want {
		t.Errorf("Decode(%v)\n got %q\nwant %q", v.IDs, got, *want)
	}
}

// TestVariants holds pipelines that no family's file has as it is: a base
// tokenizer with some sections replaced.
func TestVariants(t *testing.T) {
	var tok *tokenizer.Tokenizer
	var name string
	for _, v := range vectors(t, "testdata/variants.jsonl") {
		if v.Variant == "" {
			t.Run(name, func(t *testing.T) { checkVector(t, tok, v) })
			continue
		}
		name = v.Variant
		var err error
		if tok, err = tokenizer.Parse(patched(t, v.Base, v.Patch)); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
}

// patched is a mini tokenizer.json with sections replaced, those of the model one by one.
func patched(t testing.TB, base string, patch map[string]json.RawMessage) []byte {
	t.Helper()
	var file, model, changed map[string]json.RawMessage
	unmarshal(t, readFile(t, filepath.Join("testdata", base+".tokenizer.json")), &file)
	unmarshal(t, file["model"], &model)
	maps.Copy(file, patch)
	if patch["model"] != nil {
		unmarshal(t, patch["model"], &changed)
		maps.Copy(model, changed)
		file["model"] = marshal(t, model)
	}
	return marshal(t, file)
}

func unmarshal(t testing.TB, data []byte, v any) {
	t.Helper()
	if err := json.Unmarshal(data, v); err != nil {
		t.Fatal(err)
	}
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
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
