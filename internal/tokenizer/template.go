package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// A template is the special tokens that go around one text.
type template struct{ before, after []int32 }

func (t template) apply(ids []int32) []int32 {
	out := make([]int32, 0, len(t.before)+len(ids)+len(t.after))
	return append(append(append(out, t.before...), ids...), t.after...)
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

func parseTemplateProcessing(raw json.RawMessage, v *vocabulary) (t template, err error) {
	var spec struct {
		Type          string          `json:"type"`
		Single        []templatePiece `json:"single"`
		Pair          []templatePiece `json:"pair"` // two texts in one row: not used here
		SpecialTokens map[string]struct {
			ID     string   `json:"id"`
			IDs    []int32  `json:"ids"`
			Tokens []string `json:"tokens"`
		} `json:"special_tokens"`
	}
	if err := strict(raw, &spec); err != nil {
		return t, err
	}
	side, texts := &t.before, 0
	for i, p := range spec.Single {
		switch {
		case p.Sequence != nil && p.SpecialToken == nil:
			side = &t.after
			texts++
		case p.SpecialToken != nil && p.Sequence == nil:
			token, ok := spec.SpecialTokens[p.SpecialToken.ID]
			if !ok {
				return t, fmt.Errorf("single[%d]: %.60q is not among special_tokens", i, p.SpecialToken.ID)
			}
			for _, id := range token.IDs {
				if v.kind(id) == absent {
					return t, fmt.Errorf("single[%d]: id %d is not in the vocabulary", i, id)
				}
			}
			*side = append(*side, token.IDs...)
		default:
			return t, fmt.Errorf("single[%d] is neither SpecialToken nor Sequence", i)
		}
	}
	if texts != 1 {
		return t, fmt.Errorf("single holds the text %d times, want once", texts)
	}
	return t, nil
}
