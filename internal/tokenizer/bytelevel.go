package tokenizer

import "fmt"

// byteRunes is GPT-2's alphabet: a visible character for each byte. Printable
// Latin-1 stands for itself, the rest follow from U+0100 on.
var byteRunes = func() (table [256]rune) {
	next := rune(256)
	for b := range rune(256) {
		if '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b {
			table[b] = b
		} else {
			table[b] = next
			next++
		}
	}
	return table
}()

var runeBytes = func() map[rune]byte {
	m := make(map[rune]byte, 256)
	for b, r := range byteRunes {
		m[r] = byte(b)
	}
	return m
}()

// tokenBytes is what a byte-level token stands for. A token with a character
// outside the alphabet, as an added one may be, stands for itself.
func tokenBytes(token string) (s string, encoded bool) {
	out := make([]byte, 0, len(token))
	for _, r := range token {
		b, ok := runeBytes[r]
		if !ok {
			return token, false
		}
		out = append(out, b)
	}
	return string(out), true
}

// byteLevel is BPE over bytes.
type byteLevel struct {
	merges mergeTable
	bytes  [256]int32       // -1: no token, the byte is lost, as in the reference
	whole  map[string]int32 // words that skip the merges; nil without ignore_merges
	tokens []string
}

func newByteLevel(spec *bpeSpec) (*byteLevel, error) {
	merges, err := spec.mergeTable()
	if err != nil {
		return nil, err
	}
	m := &byteLevel{merges: merges, tokens: spec.Vocab.tokens}
	for b, r := range byteRunes {
		id, ok := spec.Vocab.ids[string(r)]
		if !ok {
			id = -1
			if spec.UnkToken != nil && *spec.UnkToken != "" {
				return nil, fmt.Errorf("model.vocab has no token for byte 0x%02X, and unk_token in its place is not supported", b)
			}
		}
		m.bytes[b] = id
	}
	if !spec.IgnoreMerges {
		return m, nil
	}
	m.whole = make(map[string]int32, len(spec.Vocab.ids))
	for token, id := range spec.Vocab.ids {
		if s, encoded := tokenBytes(token); encoded {
			m.whole[s] = id
		}
	}
	return m, nil
}

func (m *byteLevel) appendWord(dst []int32, e *encoder, word string) []int32 {
	if id, ok := m.whole[word]; ok {
		return append(dst, id)
	}
	symbols := e.merge.symbols[:0]
	for i := range len(word) {
		if id := m.bytes[word[i]]; id >= 0 {
			symbols = append(symbols, id)
		}
	}
	e.merge.symbols = symbols
	return append(dst, e.merge.run(m.merges)...)
}

func (m *byteLevel) ends(_ *encoder, word string, ids []int32) []int {
	return cumulate(word, ids, func(id int32) int {
		s, _ := tokenBytes(m.tokens[id])
		return len(s)
	})
}

// cumulate is the running sum of the ids' lengths. Bytes that have no token
// make it fall short, so the last id reaches to the end.
func cumulate(word string, ids []int32, length func(int32) int) []int {
	ends := make([]int, len(ids))
	at := 0
	for i, id := range ids {
		at = min(at+length(id), len(word))
		ends[i] = at
	}
	if len(ends) > 0 {
		ends[len(ends)-1] = len(word)
	}
	return ends
}
