package tokenizer

import "fmt"

const (
	maxVocabulary = 1 << 21 // bounds ids, so that a file cannot ask for a huge table
	maxToken      = 4096    // bytes of a token; the longest in use have some 400
)

// A vocabulary is every token by id and by text, the added ones included.
type vocabulary struct {
	ids    map[string]int32
	tokens []string
	kinds  []tokenKind
}

type tokenKind uint8

const (
	absent  tokenKind = iota // a hole in the numbering
	plain                    // the model's
	added                    // cut out of the text before the model sees it
	special                  // added, and left out of decoded text on request
)

func newVocabulary(size int) *vocabulary {
	return &vocabulary{
		ids:    make(map[string]int32, size),
		tokens: make([]string, 0, size),
		kinds:  make([]tokenKind, 0, size),
	}
}

// add enters a token. An added token may repeat one of the model's, under the same id.
func (v *vocabulary) add(token string, id int64, kind tokenKind) error {
	if token == "" || len(token) > maxToken {
		return fmt.Errorf("token %.60q (id %d) is empty or longer than %d bytes", token, id, maxToken)
	}
	if id < 0 || id >= maxVocabulary {
		return fmt.Errorf("token %.60q has id %d, not in [0, %d)", token, id, maxVocabulary)
	}
	for int(id) >= len(v.tokens) {
		v.tokens = append(v.tokens, "")
		v.kinds = append(v.kinds, absent)
	}
	if v.kinds[id] != absent && v.tokens[id] != token {
		return fmt.Errorf("tokens %.60q and %.60q have the same id %d", v.tokens[id], token, id)
	}
	if old, ok := v.ids[token]; ok && int64(old) != id {
		return fmt.Errorf("token %.60q has two ids, %d and %d", token, old, id)
	}
	v.ids[token] = int32(id)
	v.tokens[id], v.kinds[id] = token, kind
	return nil
}

// kind is absent also for ids outside the vocabulary.
func (v *vocabulary) kind(id int32) tokenKind {
	if id < 0 || int(id) >= len(v.kinds) {
		return absent
	}
	return v.kinds[id]
}

// UnmarshalJSON reads a model's object of ids by token.
func (v *vocabulary) UnmarshalJSON(b []byte) error {
	c := cursor{b: b}
	if err := c.open('{'); err != nil {
		return fmt.Errorf("model.vocab: %w", err)
	}
	*v = *newVocabulary(len(b) / 24)
	for c.more() {
		token, err := c.string()
		if err != nil {
			return fmt.Errorf("model.vocab: %w", err)
		}
		id, err := c.integer()
		if err != nil {
			return fmt.Errorf("model.vocab: id of %.60q: %w", token, err)
		}
		if err := v.add(token, id, plain); err != nil {
			return fmt.Errorf("model.vocab: %w", err)
		}
	}
	return nil
}
