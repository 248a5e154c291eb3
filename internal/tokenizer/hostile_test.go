package tokenizer_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"radpo/internal/tokenizer"
)

// TestHostile parses mutants of every family's file and uses those that
// parse. Nothing may panic or take a second.
func TestHostile(t *testing.T) {
	mutants := 20_000
	if testing.Short() {
		mutants = 2_000
	}
	rng := rand.New(rand.NewPCG(1, 2))
	bases := smallFiles(t)
	parsed := 0
	for range mutants {
		data := mutate(rng, bases[rng.IntN(len(bases))])
		start := time.Now()
		tok, err := tokenizer.Parse(data)
		if took := time.Since(start); took > time.Second {
			t.Errorf("Parse took %v on %.500q", took, data)
		}
		if err != nil {
			continue
		}
		parsed++
		use(tok)
	}
	if parsed < mutants/20 || parsed > mutants*19/20 {
		t.Errorf("%d of %d mutants parse: the mutations are too strong or too weak to test much", parsed, mutants)
	}
}

// use calls all that a tokenizer does.
func use(tok *tokenizer.Tokenizer) {
	for _, text := range []string{"", " ", "the king's  \n12 ﬁ e\u0301<s>[INST] <|eot_id|>\xff\u2581", strings.Repeat("a", 100)} {
		for _, specials := range []bool{false, true} {
			ids := tok.AppendIDs(nil, text, specials)
			tok.Decode(ids, specials)
		}
		tok.EncodeMax(text, 3)
	}
	stream := tok.Stream()
	for id := int32(-1); id < int32(min(tok.Size(), 500))+1; id++ {
		stream.Push(id)
		tok.Token(id)
		tok.IsSpecial(id)
	}
	stream.Flush()
}

// smallFiles is one file for each family, with few tokens.
func smallFiles(t testing.TB) [][]byte {
	const vocab = 300
	byteLevel, err := tokenizer.Train(slices.Values([]string{"the king the king's the king's 12 12"}), 270, trainSpecials)
	if err != nil {
		t.Fatal(err)
	}
	files := [][]byte{byteLevel}
	for _, variant := range variantHeads(t) {
		files = append(files, shrink(t, patched(t, variant.Base, variant.Patch), vocab))
	}
	return files
}

func variantHeads(t testing.TB) (heads []vector) {
	for _, v := range vectors(t, "testdata/variants.jsonl") {
		if v.Variant != "" {
			heads = append(heads, v)
		}
	}
	return heads
}

// shrink cuts a file's vocabulary, and its character map to a few entries.
func shrink(t testing.TB, data []byte, vocab int) []byte {
	var file struct {
		Model map[string]any `json:"model"`
		Rest  map[string]any `json:"-"`
	}
	unmarshal(t, data, &file)
	unmarshal(t, data, &file.Rest)
	if list, ok := file.Model["vocab"].([]any); ok {
		file.Model["vocab"] = list[:vocab]
		file.Rest["normalizer"] = map[string]any{"type": "Precompiled", "precompiled_charsmap": tinyCharsMap()}
	} else {
		ids := file.Model["vocab"].(map[string]any)
		maps.DeleteFunc(ids, func(_ string, id any) bool { return id.(float64) >= float64(vocab) })
		file.Model["merges"] = slices.DeleteFunc(file.Model["merges"].([]any), func(m any) bool {
			pair := m.([]any)
			return ids[pair[0].(string)] == nil || ids[pair[1].(string)] == nil || ids[pair[0].(string)+pair[1].(string)] == nil
		})
	}
	for i, a := range file.Rest["added_tokens"].([]any) {
		if a := a.(map[string]any); a["id"].(float64) >= float64(vocab) {
			a["id"] = vocab + i
		}
	}
	file.Rest["post_processor"] = nil
	file.Rest["model"] = file.Model
	return marshal(t, file.Rest)
}

// tinyCharsMap maps "a" to "b": root, its child at offset 'a', a leaf.
func tinyCharsMap() string {
	units := make([]byte, 4*256)
	put := func(i int, v uint32) { copy(units[4*i:], []byte{byte(v), byte(v >> 8), byte(v >> 16), byte(v >> 24)}) }
	put(0, 0)
	put('a', 'a'|1<<8|1<<10)
	put('a'^1, 1<<31)
	blob := append([]byte{0, 4, 0, 0}, units...)
	return base64.StdEncoding.EncodeToString(append(blob, 'b', 0))
}

// mutate spoils a file: its text in some places, or a value of its JSON.
func mutate(rng *rand.Rand, data []byte) []byte {
	if rng.IntN(3) > 0 {
		return mutateBytes(rng, bytes.Clone(data))
	}
	var file any
	if err := json.Unmarshal(data, &file); err != nil {
		return data
	}
	for range 1 + rng.IntN(2) {
		file = mutateValue(rng, file)
	}
	data, err := json.Marshal(file)
	if err != nil {
		return nil
	}
	return data
}

var junk = []string{
	"null", "true", "-1", "0", "1e999", "1.5", "4294967296", "9223372036854775808", `""`, `" "`, `"\u0000"`, `"\ud800"`, `"<0x41>"`,
	"[]", "{}", `[["a"]]`, `{"type":"Sequence"}`, `{"a":{"a":1},"a":2}`, `"` + strings.Repeat("a", 5000) + `"`, strings.Repeat("[", 12000),
	`{"type":"Sequence","normalizers":[{"type":"Sequence","normalizers":[{"type":"NFC"}]}]}`, `"\xff"`, `,`, `:`, `"`, `}`, `]`,
	`{"type":"Replace","pattern":{"String":"a"},"content":"aaaaaaaaaaaaaaaa"}`, `{"type":"Prepend","prepend":"▁"}`,
	`{"type":"Metaspace","replacement":"▁","prepend_scheme":"first"}`, `{"type":"Strip","strip_left":true,"strip_right":true}`,
}

func mutateBytes(rng *rand.Rand, data []byte) []byte {
	for range 1 + rng.IntN(3) {
		if len(data) < 2 {
			return data
		}
		at := rng.IntN(len(data))
		end := min(at+rng.IntN(40), len(data))
		switch rng.IntN(6) {
		case 0:
			data = data[:at]
		case 1:
			data[at] ^= 1 << rng.IntN(8)
		case 2:
			data = slices.Delete(data, at, end)
		case 3:
			data = slices.Insert(data, at, bytes.Clone(data[at:end])...)
		case 4:
			data = slices.Insert(data, at, []byte(junk[rng.IntN(len(junk))])...)
		case 5:
			data[at] = byte(rng.IntN(256))
		}
	}
	return data
}

// mutateValue changes one value at random, deep or shallow.
func mutateValue(rng *rand.Rand, v any) any {
	switch v := v.(type) {
	case map[string]any:
		if len(v) == 0 || rng.IntN(8) == 0 {
			break
		}
		keys := slices.Sorted(maps.Keys(v))
		key := keys[rng.IntN(len(keys))]
		switch rng.IntN(10) {
		case 0:
			delete(v, key)
		case 1:
			v[key+"x"] = v[key]
		case 2:
			v[key] = v[keys[rng.IntN(len(keys))]]
		default:
			v[key] = mutateValue(rng, v[key])
		}
		return v
	case []any:
		if len(v) == 0 || rng.IntN(8) == 0 {
			break
		}
		i := rng.IntN(len(v))
		switch rng.IntN(6) {
		case 0:
			return slices.Delete(v, i, i+1)
		case 1:
			return append(v, v[i])
		default:
			v[i] = mutateValue(rng, v[i])
		}
		return v
	case float64:
		if rng.IntN(2) == 0 {
			return v + float64(rng.IntN(3)-1)
		}
	case bool:
		return !v
	}
	var out any
	if err := json.Unmarshal([]byte(junk[rng.IntN(len(junk))]), &out); err != nil {
		return rng.IntN(400)
	}
	return out
}

// TestParseErrors has one fault a file; the error names it.
func TestParseErrors(t *testing.T) {
	const spm, level, uni = "mini-spm", "mini-bytelevel", "mini-unigram"
	tests := map[string]struct{ base, section, value, want string }{
		"version":            {spm, "version", `"2.0"`, `version "2.0"`},
		"unknown section":    {spm, "extra", `1`, `"extra"`},
		"normalizer":         {spm, "normalizer", `{"type":"NFKC"}`, "NFKC: not supported"},
		"replace regex":      {spm, "normalizer", `{"type":"Replace","pattern":{"Regex":"a+"},"content":""}`, `"a+"`},
		"growth":             {spm, "normalizer", `{"type":"Replace","pattern":{"String":"a"},"content":"12345678901234567"}`, "16 times longer"},
		"nested sequences":   {spm, "normalizer", strings.Repeat(`{"type":"Sequence","normalizers":[`, 99) + `{"type":"NFC"}` + strings.Repeat("]}", 99), "more than 32 parts"},
		"no type":            {spm, "decoder", `{}`, `no "type"`},
		"pre-tokenizer":      {level, "pre_tokenizer", `{"type":"Whitespace"}`, `"Whitespace"`},
		"pattern":            {level, "pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Isolated","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}`, `"\\w+"`},
		"split behavior":     {level, "pre_tokenizer", `{"type":"Sequence","pretokenizers":[{"type":"Split","pattern":{"Regex":"\\w+"},"behavior":"Removed","invert":false},{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false}]}`, `"Removed"`},
		"split at spaces":    {spm, "pre_tokenizer", `{"type":"Split","pattern":{"String":" "},"behavior":"MergedWithPrevious","invert":false}`, "only if the normalizer"},
		"first":              {uni, "pre_tokenizer", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"first","split":true}`, "prepend_scheme first"},
		"scheme":             {uni, "pre_tokenizer", `{"type":"Metaspace","replacement":"▁","prepend_scheme":"last","split":true}`, `"last"`},
		"replacement":        {uni, "pre_tokenizer", `{"type":"Metaspace","replacement":"_"}`, `replacement "_"`},
		"no metaspace":       {uni, "pre_tokenizer", `null`, "without the Metaspace"},
		"post-processor":     {spm, "post_processor", `{"type":"RobertaProcessing"}`, `"RobertaProcessing"`},
		"template token":     {spm, "post_processor", `{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<x>","type_id":0}}],"pair":[],"special_tokens":{}}`, `"<x>"`},
		"decoder":            {spm, "decoder", `{"type":"WordPiece"}`, `"WordPiece"`},
		"model type":         {spm, "model", `{"type":"WordPiece"}`, `"WordPiece"`},
		"model missing":      {spm, "model", `null`, "model: missing"},
		"dropout":            {spm, "model.dropout", `0.1`, "dropout"},
		"prefix":             {spm, "model.continuing_subword_prefix", `"##"`, `"##"`},
		"suffix":             {spm, "model.end_of_word_suffix", `"</w>"`, `"</w>"`},
		"no byte fallback":   {spm, "model.byte_fallback", `false`, "byte_fallback"},
		"spm ignore_merges":  {spm, "model.ignore_merges", `true`, "ignore_merges"},
		"model field":        {spm, "model.speed", `1`, `"speed"`},
		"empty vocabulary":   {spm, "model.vocab", `{}`, "vocab is empty"},
		"vocabulary type":    {spm, "model.vocab", `[]`, "model.vocab"},
		"equal ids":          {spm, "model.vocab", `{"a":1,"b":1}`, "same id 1"},
		"repeated token":     {spm, "model.vocab", `{"a":1,"a":2}`, "two ids"},
		"negative id":        {spm, "model.vocab", `{"a":-1}`, "-1"},
		"huge id":            {spm, "model.vocab", `{"a":4000000000}`, "4000000000"},
		"fractional id":      {spm, "model.vocab", `{"a":1.5}`, "1.5"},
		"byte tokens":        {spm, "model.vocab", `{"a":1},"merges":[]`, "lacks <0x"},
		"merge of strangers": {spm, "model.merges", `["qqq zzz"]`, `"qqq"`},
		"merge of three":     {spm, "model.merges", `["a b c"]`, `"a b c"`},
		"unk_id":             {uni, "model.unk_id", `9999999`, "unk_id"},
		"no unk_id":          {uni, "model.unk_id", `null`, "unk_id"},
		"unigram bytes":      {uni, "model.byte_fallback", `true`, "byte_fallback"},
		"score":              {uni, "model.vocab", `[["a","b"]]`, "vocab[0]"},
		"infinite score":     {uni, "model.vocab", `[["a",1e999]]`, "out of range"},
		"character map":      {uni, "normalizer", `{"type":"Precompiled","precompiled_charsmap":"AAAA"}`, "charsmap"},
		"added twice":        {spm, "added_tokens", `[{"id":1499,"content":"<s>"}]`, `"<s>"`},
		"added over another": {spm, "added_tokens", `[{"id":1,"content":"<x>"}]`, "same id 1"},
		"added empty":        {spm, "added_tokens", `[{"id":2000,"content":""}]`, "empty"},
		"single word":        {spm, "added_tokens", `[{"id":2000,"content":"xyzzy","single_word":true}]`, "single_word"},
		"added to nothing":   {uni, "added_tokens", `[{"id":2000,"content":" ","normalized":true}]`, "normalized to nothing"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			patch := map[string]json.RawMessage{test.section: json.RawMessage(test.value)}
			if key, ok := strings.CutPrefix(test.section, "model."); ok {
				patch = map[string]json.RawMessage{"model": json.RawMessage(fmt.Sprintf("{%q:%s}", key, test.value))}
			} else if test.section == "model" {
				patch = nil
			}
			data := patched(t, test.base, patch)
			if test.section == "model" {
				var file map[string]json.RawMessage
				unmarshal(t, data, &file)
				file["model"] = json.RawMessage(test.value)
				data = marshal(t, file)
			}
			_, err := tokenizer.Parse(data)
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("Parse: error %v, want one with %q", err, test.want)
			}
		})
	}
}

func TestLoad(t *testing.T) {
	file := &fstest.MapFile{Data: readFile(t, "testdata/mini-spm.tokenizer.json")}
	if _, err := tokenizer.Load(fstest.MapFS{"tokenizer.json": file}); err != nil {
		t.Error(err)
	}
	_, err := tokenizer.Load(fstest.MapFS{"tokenizer.model": file})
	if err == nil || !strings.Contains(err.Error(), "save the tokenizer with transformers") {
		t.Errorf("without tokenizer.json: error %v, want a way out", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, data := range smallFiles(f) {
		f.Add(data)
	}
	f.Fuzz(func(_ *testing.T, data []byte) {
		if tok, err := tokenizer.Parse(data); err == nil {
			use(tok)
		}
	})
}
