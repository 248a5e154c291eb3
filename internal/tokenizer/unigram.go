package tokenizer

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// unknownPenalty is how much worse than the worst piece an unknown code point scores.
const unknownPenalty = 10

// unigramSpec is the model section of a Unigram file.
type unigramSpec struct {
	Type         string       `json:"type"`
	UnkID        *int32       `json:"unk_id"`
	Vocab        scoredTokens `json:"vocab"`
	ByteFallback bool         `json:"byte_fallback"`
}

// scoredTokens is a JSON array of [token, log-probability]; a token's id is its index.
type scoredTokens struct {
	tokens []string
	scores []float64
}

// UnmarshalJSON refuses longer vocabularies than maxVocabulary.
func (s *scoredTokens) UnmarshalJSON(b []byte) error {
	c := cursor{b: b}
	err := c.open('[')
	for err == nil && c.more() {
		err = c.scoredToken(s)
		if len(s.tokens) > maxVocabulary {
			err = fmt.Errorf("more than %d tokens", maxVocabulary)
		}
	}
	if err != nil {
		return fmt.Errorf("model.vocab[%d]: %w", len(s.tokens), err)
	}
	return nil
}

func (c *cursor) scoredToken(s *scoredTokens) error {
	if err := c.open('['); err != nil {
		return err
	}
	token, err := c.string()
	if err != nil {
		return err
	}
	if c.peek() != ',' || !c.more() {
		return errors.New("want [token, score]")
	}
	score, err := c.float()
	if err != nil {
		return err
	}
	if c.peek() != ']' {
		return errors.New("want [token, score]")
	}
	c.i++
	s.tokens, s.scores = append(s.tokens, token), append(s.scores, score)
	return nil
}

// vocabulary is the model's own tokens.
func (s *unigramSpec) vocabulary() (*vocabulary, error) {
	v := newVocabulary(len(s.Vocab.tokens))
	for id, token := range s.Vocab.tokens {
		if err := v.add(token, int64(id), plain); err != nil {
			return nil, fmt.Errorf("model.vocab: %w", err)
		}
	}
	return v, nil
}

// unigram picks the most likely segmentation of a word.
type unigram struct {
	pieces  *trie
	ids     map[string]int32 // the model's own, for runs of unknowns
	scores  []float64
	unknown int32
	floor   float64 // score of an unknown code point
}

func newUnigram(spec *unigramSpec) (*unigram, error) {
	switch {
	case spec.ByteFallback:
		return nil, errors.New("model.byte_fallback is not supported for Unigram")
	case spec.UnkID == nil:
		return nil, errors.New("model.unk_id is missing")
	case *spec.UnkID < 0 || int(*spec.UnkID) >= len(spec.Vocab.tokens):
		return nil, fmt.Errorf("model.unk_id %d is not in the vocabulary", *spec.UnkID)
	}
	m := &unigram{
		pieces:  newTrie(len(spec.Vocab.tokens)),
		ids:     make(map[string]int32, len(spec.Vocab.tokens)),
		scores:  spec.Vocab.scores,
		unknown: *spec.UnkID,
		floor:   math.Inf(1),
	}
	for id, token := range spec.Vocab.tokens {
		m.pieces.add(token, int32(id))
		m.ids[token] = int32(id)
		m.floor = min(m.floor, m.scores[id])
	}
	m.floor -= unknownPenalty
	return m, nil
}

// A pathEnd is the best segmentation of a word's bytes up to one position.
type pathEnd struct {
	score float64
	start int32 // of its last piece; -1 where no piece ends
	id    int32
}

func (m *unigram) appendWord(dst []int32, e *encoder, word string) []int32 {
	mark := len(dst)
	paths := m.search(e, word)
	for end := len(word); end > 0; {
		var id int32
		id, end = m.last(paths, word, end)
		dst = append(dst, id)
	}
	slices.Reverse(dst[mark:])
	return dst
}

func (m *unigram) ends(e *encoder, word string, _ []int32) []int {
	var ends []int
	paths := m.search(e, word)
	for end := len(word); end > 0; {
		ends = append(ends, end)
		_, end = m.last(paths, word, end)
	}
	slices.Reverse(ends)
	return ends
}

// last is the piece that the best path to end ends with, and where it starts.
// Unknowns in a row are one, unless they happen to spell a token.
func (m *unigram) last(paths []pathEnd, word string, end int) (id int32, start int) {
	id, start = paths[end].id, int(paths[end].start)
	if id != m.unknown {
		return id, start
	}
	for start > 0 && paths[start].id == m.unknown {
		start = int(paths[start].start)
	}
	if id, ok := m.ids[word[start:end]]; ok {
		return id, start
	}
	return m.unknown, start
}

// search fills in the best path to every position that a code point ends at.
// Of two equally good ones the earlier found, from the longer piece, stays.
func (m *unigram) search(e *encoder, word string) []pathEnd {
	paths := append(e.paths[:0], pathEnd{})
	for range len(word) {
		paths = append(paths, pathEnd{start: -1})
	}
	e.paths = paths
	for start := 0; start < len(word); {
		_, size := utf8.DecodeRuneInString(word[start:])
		score, known := paths[start].score, false
		node, ok := int32(0), true
		for end := start; end < len(word); end++ {
			if node, ok = m.pieces.step(node, word[end]); !ok {
				break
			}
			if id := m.pieces.ids[node]; id >= 0 {
				paths[end+1].offer(score+m.scores[id], start, id)
				known = known || end+1-start == size
			}
		}
		if !known {
			paths[start+size].offer(score+m.floor, start, m.unknown)
		}
		start += size
	}
	return paths
}

func (p *pathEnd) offer(score float64, start int, id int32) {
	if p.start < 0 || score > p.score {
		*p = pathEnd{score, int32(start), id}
	}
}
