package tokenizer

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// sentencePiece is BPE over code points; one that the vocabulary lacks falls
// back to the tokens of its bytes.
type sentencePiece struct {
	merges mergeTable
	runes  map[rune]int32
	bytes  [256]int32
	tokens []string
}

// newSentencePiece also refines w: text may be cut where no merge reaches
// across, and the words between be cached.
func newSentencePiece(spec *bpeSpec, w *words) (*sentencePiece, error) {
	switch {
	case !spec.ByteFallback:
		return nil, errors.New("model: BPE with neither ByteLevel nor byte_fallback is not supported")
	case spec.IgnoreMerges:
		return nil, errors.New("model.ignore_merges is supported only with ByteLevel")
	}
	merges, err := spec.mergeTable()
	if err != nil {
		return nil, err
	}
	m := &sentencePiece{merges: merges, runes: make(map[rune]int32), tokens: spec.Vocab.tokens}
	for token, id := range spec.Vocab.ids {
		if r, n := utf8.DecodeRuneInString(token); n == len(token) && n > 0 {
			m.runes[r] = id
		}
	}
	for b := range m.bytes {
		id, ok := spec.Vocab.ids[fmt.Sprintf("<0x%02X>", b)]
		if _, direct := m.runes[rune(b)]; !ok && (b >= utf8.RuneSelf || !direct) {
			return nil, fmt.Errorf("model.byte_fallback: model.vocab lacks <0x%02X>", b)
		}
		m.bytes[b] = id
	}
	if !w.splits {
		w.split = newSeams(spec.Merges).split
	}
	return m, nil
}

func (m *sentencePiece) appendWord(dst []int32, e *encoder, word string) []int32 {
	symbols := e.merge.symbols[:0]
	for i, r := range word {
		if id, ok := m.runes[r]; ok {
			symbols = append(symbols, id)
			continue
		}
		for _, b := range []byte(word[i : i+utf8.RuneLen(r)]) {
			symbols = append(symbols, m.bytes[b])
		}
	}
	e.merge.symbols = symbols
	return append(dst, e.merge.run(m.merges)...)
}

func (m *sentencePiece) ends(_ *encoder, word string, ids []int32) []int {
	return cumulate(word, ids, func(id int32) int {
		if byteToken(m.tokens[id]) >= 0 {
			return 1
		}
		return len(m.tokens[id])
	})
}
