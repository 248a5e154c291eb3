package tokenizer

import (
	"errors"
	"fmt"
	"strings"
)

// bpeSpec is the model section of a BPE file.
type bpeSpec struct {
	Type                    string     `json:"type"`
	Dropout                 *float64   `json:"dropout"`
	UnkToken                *string    `json:"unk_token"`
	ContinuingSubwordPrefix *string    `json:"continuing_subword_prefix"`
	EndOfWordSuffix         *string    `json:"end_of_word_suffix"`
	FuseUnk                 bool       `json:"fuse_unk"`
	ByteFallback            bool       `json:"byte_fallback"`
	IgnoreMerges            bool       `json:"ignore_merges"`
	Vocab                   vocabulary `json:"vocab"`
	Merges                  mergePairs `json:"merges"`
}

// check refuses what the models here do not do.
func (s *bpeSpec) check() error {
	switch {
	case s.Dropout != nil && *s.Dropout != 0:
		return fmt.Errorf("model.dropout %v is not supported: encoding has to be deterministic", *s.Dropout)
	case s.ContinuingSubwordPrefix != nil && *s.ContinuingSubwordPrefix != "":
		return fmt.Errorf("model.continuing_subword_prefix %q is not supported", *s.ContinuingSubwordPrefix)
	case s.EndOfWordSuffix != nil && *s.EndOfWordSuffix != "":
		return fmt.Errorf("model.end_of_word_suffix %q is not supported", *s.EndOfWordSuffix)
	case len(s.Vocab.ids) == 0:
		return errors.New("model.vocab is empty")
	}
	return nil
}

// mergeTable resolves the merges to ids. Of two equal ones the later holds, as in the reference.
func (s *bpeSpec) mergeTable() (mergeTable, error) {
	t := mergeTable{newPairs(len(s.Merges))}
	var joined []byte
	for rank, m := range s.Merges {
		joined = append(append(joined[:0], m[0]...), m[1]...)
		left, ok1 := s.Vocab.ids[m[0]]
		right, ok2 := s.Vocab.ids[m[1]]
		id, ok3 := s.Vocab.ids[string(joined)]
		if !ok1 || !ok2 || !ok3 {
			return t, fmt.Errorf("model.merges[%d]: %.60q + %.60q: both and their join must be in model.vocab", rank, m[0], m[1])
		}
		t.put(left, right, uint64(rank)<<32|uint64(uint32(id)))
	}
	return t, nil
}

// mergePairs is a JSON array of "left right" strings or [left, right] arrays.
type mergePairs [][2]string

// UnmarshalJSON takes both forms, even mixed.
func (p *mergePairs) UnmarshalJSON(b []byte) error {
	c := cursor{b: b}
	if err := c.open('['); err != nil {
		return fmt.Errorf("model.merges: %w", err)
	}
	*p = make(mergePairs, 0, len(b)/24)
	for c.more() {
		pair, err := c.mergePair()
		if err != nil {
			return fmt.Errorf("model.merges[%d]: %w", len(*p), err)
		}
		if pair[0] != "#version:" { // the head of an old merges.txt
			*p = append(*p, pair)
		}
	}
	return nil
}

func (c *cursor) mergePair() (pair [2]string, err error) {
	if c.peek() == '"' {
		s, err := c.string()
		if err != nil {
			return pair, err
		}
		left, right, ok := strings.Cut(s, " ")
		if !ok || strings.Contains(right, " ") {
			return pair, fmt.Errorf("%.60q is not two tokens with a space between", s)
		}
		return [2]string{left, right}, nil
	}
	if err := c.open('['); err != nil {
		return pair, err
	}
	n := 0
	for ; c.more(); n++ {
		s, err := c.string()
		if err != nil {
			return pair, err
		}
		if n < 2 {
			pair[n] = s
		}
	}
	if n != 2 {
		return pair, fmt.Errorf("%d tokens, want 2", n)
	}
	return pair, nil
}
