package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// A template is the special tokens that go around one text.
type template struct {
	before, after []int32
	spec          *templateSpec // nil for none
}

func (t template) apply(ids []int32) []int32 {
	out := make([]int32, 0, len(t.before)+len(ids)+len(t.after))
	return append(append(append(out, t.before...), ids...), t.after...)
}

// templateSpec is a TemplateProcessing post-processor.
type templateSpec struct {
	Type          string                   `json:"type"`
	Single        []templatePiece          `json:"single"`
	Pair          []templatePiece          `json:"pair"` // two texts in one row
	SpecialTokens map[string]templateToken `json:"special_tokens"`
}

// templatePiece is {"SpecialToken": ...} or {"Sequence": ...}.
type templatePiece struct {
	SpecialToken *templateRef
	Sequence     *templateRef
}

type templateRef struct {
	ID     string `json:"id"`
	TypeID int    `json:"type_id"`
}

type templateToken struct {
	ID     string   `json:"id"`
	IDs    []int32  `json:"ids"`
	Tokens []string `json:"tokens"`
}

// parseTemplate reads the post_processor section. ByteLevel there concerns
// offsets alone.
func parseTemplate(raw json.RawMessage, v *vocabulary) (t template, err error) {
	seen := false
	err = eachPart(raw, "processors", func(kind string, raw json.RawMessage) error {
		switch kind {
		case "ByteLevel":
			return strict(raw, new(byteLevelSpec))
		case "TemplateProcessing":
			if seen {
				return errors.New("more than one TemplateProcessing")
			}
			seen = true
			t, err = parseTemplateProcessing(raw, v)
			return err
		}
		return fmt.Errorf("%q is not supported", kind)
	})
	if err != nil {
		return t, fmt.Errorf("post_processor: %w", err)
	}
	return t, nil
}

func parseTemplateProcessing(raw json.RawMessage, v *vocabulary) (template, error) {
	spec := new(templateSpec)
	if err := strict(raw, spec); err != nil {
		return template{}, err
	}
	if err := spec.check(v); err != nil {
		return template{}, err
	}
	t := template{spec: spec}
	side := &t.before
	for _, p := range spec.Single {
		if p.Sequence != nil {
			side = &t.after
		} else {
			*side = append(*side, spec.SpecialTokens[p.SpecialToken.ID].IDs...)
		}
	}
	return t, nil
}

// check holds a template to its vocabulary, and each text to one place.
func (s *templateSpec) check(v *vocabulary) error {
	for name, token := range s.SpecialTokens {
		for _, id := range token.IDs {
			if v.kind(id) == absent {
				return fmt.Errorf("special token %.60q: id %d is not in the vocabulary", name, id)
			}
		}
		if len(token.Tokens) != len(token.IDs) {
			return fmt.Errorf("special token %.60q: %d ids but %d tokens", name, len(token.IDs), len(token.Tokens))
		}
	}
	if err := s.checkPieces(s.Single, "A"); err != nil {
		return fmt.Errorf("single: %w", err)
	}
	if err := s.checkPieces(s.Pair, "A", "B"); err != nil {
		return fmt.Errorf("pair: %w", err)
	}
	return nil
}

func (s *templateSpec) checkPieces(pieces []templatePiece, texts ...string) error {
	var got []string
	for i, p := range pieces {
		switch {
		case p.Sequence != nil && p.SpecialToken == nil:
			got = append(got, p.Sequence.ID)
		case p.SpecialToken != nil && p.Sequence == nil:
			if _, ok := s.SpecialTokens[p.SpecialToken.ID]; !ok {
				return fmt.Errorf("piece %d: %.60q is not among special_tokens", i, p.SpecialToken.ID)
			}
		default:
			return fmt.Errorf("piece %d is neither SpecialToken nor Sequence", i)
		}
	}
	if !slices.Equal(got, texts) {
		return fmt.Errorf("texts %.60q, want %q", got, texts)
	}
	return nil
}
