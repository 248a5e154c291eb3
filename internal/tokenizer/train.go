package tokenizer

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
)

// beginOfText is the special token that a trained tokenizer puts before every text.
const beginOfText = "<|begin_of_text|>"

// Train makes a byte-level BPE tokenizer.json in Llama 3's form: its split
// pattern, ignore_merges, and a post-processor that adds <|begin_of_text|>,
// which has to be among specials. Ids are the 256 bytes, then the merged
// tokens, then specials in their order: vocab entries in all. The most
// frequent pair merges first, of equally frequent ones the one with the lowest
// ids, so equal texts in any order give equal bytes. Texts are taken as plain
// text, special tokens in them too.
func Train(texts iter.Seq[string], vocab int, specials []string) ([]byte, error) {
	if !slices.Contains(specials, beginOfText) {
		return nil, fmt.Errorf("tokenizer: train: specials must hold %s", beginOfText)
	}
	t := newTrainer(texts)
	want := vocab - len(specials)
	if want < len(t.tokens) || vocab > maxVocabulary {
		return nil, fmt.Errorf("tokenizer: train: vocabulary of %d: want %d to %d", vocab, len(t.tokens)+len(specials), maxVocabulary)
	}
	for len(t.tokens) < want {
		best, ok := t.best()
		if !ok {
			return nil, fmt.Errorf("tokenizer: train: the texts give %d tokens, not %d: take more text or a smaller vocabulary", len(t.tokens)+len(specials), vocab)
		}
		t.merge(best)
	}
	data, err := t.file(specials)
	if err != nil {
		return nil, fmt.Errorf("tokenizer: train: %w", err)
	}
	if _, err := Parse(data); err != nil {
		return nil, fmt.Errorf("tokenizer: train: %w", err)
	}
	return data, nil
}

// A trainer holds the distinct words of the texts as they are split so far.
type trainer struct {
	tokens []string // by id, in the byte alphabet
	ids    map[string]int32
	merges [][2]string
	words  []trainedWord
	counts map[[2]int32]int // of adjacent tokens, over all words
}

type trainedWord struct {
	symbols []int32
	count   int
}

func newTrainer(texts iter.Seq[string]) *trainer {
	t := &trainer{ids: make(map[string]int32), merges: [][2]string{}, counts: make(map[[2]int32]int)}
	alphabet := byteRunes
	slices.Sort(alphabet[:]) // GPT-2's order of ids, kept by Llama 3
	for _, r := range alphabet {
		t.token(string(r))
	}
	split := patterns[llama3Pattern]()
	seen := make(map[string]int)
	for text := range texts {
		for rest := Repair(text); rest != ""; {
			n := split(rest)
			seen[rest[:n]]++
			rest = rest[n:]
		}
	}
	for word, count := range seen {
		w := trainedWord{count: count}
		for _, b := range []byte(word) {
			w.symbols = append(w.symbols, t.token(string(byteRunes[b])))
		}
		t.words = append(t.words, w)
		t.count(w, 1)
	}
	return t
}

// token is the id of a token, a new one if need be.
func (t *trainer) token(s string) int32 {
	id, ok := t.ids[s]
	if !ok {
		id = int32(len(t.tokens))
		t.ids[s] = id
		t.tokens = append(t.tokens, s)
	}
	return id
}

// count adds w's pairs sign times.
func (t *trainer) count(w trainedWord, sign int) {
	for i := range len(w.symbols) - 1 {
		pair := [2]int32(w.symbols[i:])
		t.counts[pair] += sign * w.count
		if t.counts[pair] == 0 {
			delete(t.counts, pair)
		}
	}
}

// best is the pair to merge next; a pair seen once is not worth a token.
func (t *trainer) best() (best [2]int32, ok bool) {
	most := 1
	for pair, n := range t.counts {
		if n > most || n == most && ok && slices.Compare(pair[:], best[:]) < 0 {
			best, most, ok = pair, n, true
		}
	}
	return best, ok
}

// merge joins pair wherever it stands.
func (t *trainer) merge(pair [2]int32) {
	left, right := t.tokens[pair[0]], t.tokens[pair[1]]
	t.merges = append(t.merges, [2]string{left, right})
	joined := t.token(left + right)
	for i, w := range t.words {
		if !hasPair(w.symbols, pair) {
			continue
		}
		t.count(w, -1)
		out := w.symbols[:0]
		for j := 0; j < len(w.symbols); j++ {
			if j+1 < len(w.symbols) && [2]int32(w.symbols[j:]) == pair {
				out = append(out, joined)
				j++
			} else {
				out = append(out, w.symbols[j])
			}
		}
		t.words[i].symbols = out
		t.count(t.words[i], 1)
	}
}

func hasPair(symbols []int32, pair [2]int32) bool {
	for i := range len(symbols) - 1 {
		if [2]int32(symbols[i:]) == pair {
			return true
		}
	}
	return false
}

// llama3Form is Llama 3's tokenizer.json around what training decides: added
// tokens, pattern, the begin token and its id, vocabulary and merges.
const llama3Form = `{"version": "1.0", "truncation": null, "padding": null, "added_tokens": %[1]s, "normalizer": null,
"pre_tokenizer": {"type": "Sequence", "pretokenizers": [
  {"type": "Split", "pattern": {"Regex": %[2]s}, "behavior": "Isolated", "invert": false},
  {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]},
"post_processor": {"type": "Sequence", "processors": [
  {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": false, "use_regex": true},
  {"type": "TemplateProcessing",
   "single": [{"SpecialToken": {"id": %[3]s, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
   "pair": [{"SpecialToken": {"id": %[3]s, "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
            {"SpecialToken": {"id": %[3]s, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
   "special_tokens": {%[3]s: {"id": %[3]s, "ids": [%[4]d], "tokens": [%[3]s]}}}]},
"decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
"model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
 "fuse_unk": false, "byte_fallback": false, "ignore_merges": true, "vocab": %[5]s, "merges": %[6]s}}`

func (t *trainer) file(specials []string) ([]byte, error) {
	var added []addedSpec
	begin := 0
	for i, s := range specials {
		if _, ok := t.ids[s]; ok {
			return nil, fmt.Errorf("special token %q is a token of the texts too", s)
		}
		if s == beginOfText {
			begin = len(t.tokens) + i
		}
		added = append(added, addedSpec{ID: int64(len(t.tokens) + i), Content: s, Special: true})
	}
	form := fmt.Sprintf(llama3Form, quote(added), quote(llama3Pattern), quote(beginOfText), begin, t.vocab(), quote(t.merges))
	var out bytes.Buffer
	if err := json.Indent(&out, []byte(form), "", "  "); err != nil {
		return nil, err
	}
	out.WriteByte('\n')
	return out.Bytes(), nil
}

// vocab is the JSON object of ids by token, in the order of ids.
func (t *trainer) vocab() []byte {
	out := []byte{'{'}
	for id, token := range t.tokens {
		if id > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(append(out, quote(token)...), ":%d", id)
	}
	return append(out, '}')
}

// quote is v, made of strings and numbers, as JSON with < and > as they are.
func quote(v any) []byte {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	_ = e.Encode(v) // such values always encode
	return bytes.TrimSpace(out.Bytes())
}
