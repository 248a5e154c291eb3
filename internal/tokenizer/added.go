package tokenizer

import (
	"fmt"
	"strings"
)

// addedSpec is an entry of added_tokens.
type addedSpec struct {
	ID         int64  `json:"id"`
	Content    string `json:"content"`
	SingleWord bool   `json:"single_word"`
	LStrip     bool   `json:"lstrip"`
	RStrip     bool   `json:"rstrip"`
	Normalized bool   `json:"normalized"`
	Special    bool   `json:"special"`
}

func (a addedSpec) kind() tokenKind {
	if a.Special {
		return special
	}
	return added
}

// A cutter finds added tokens in text: leftmost, and of those the longest.
type cutter struct {
	tokens *trie // to an index into specs
	specs  []addedSpec
	first  [256]bool // bytes that some token begins with
}

// newCutter takes the tokens and, beside each, the text that stands for it.
func newCutter(specs []addedSpec, texts []string) (*cutter, error) {
	c := &cutter{tokens: newTrie(len(specs)), specs: specs}
	for i, text := range texts {
		switch {
		case text == "":
			return nil, fmt.Errorf("added_tokens: %q (id %d) is normalized to nothing", specs[i].Content, specs[i].ID)
		case specs[i].SingleWord:
			return nil, fmt.Errorf("added_tokens: %q: single_word is not supported", specs[i].Content)
		}
		c.tokens.add(text, int32(i))
		c.first[text[0]] = true
	}
	return c, nil
}

// next cuts s at its first added token: the text before, the token (nil if
// there is none) and the text after. With specials false, special tokens are text.
func (c *cutter) next(s string, specials bool) (before string, token *addedSpec, after string) {
	if len(c.specs) == 0 {
		return s, nil, ""
	}
	for i := 0; i < len(s); i++ {
		if !c.first[s[i]] {
			continue
		}
		found, n := c.tokens.longest(s[i:])
		if found < 0 {
			continue
		}
		token = &c.specs[found]
		if token.Special && !specials {
			i += n - 1
			continue
		}
		before, after = s[:i], s[i+n:]
		if token.LStrip {
			before = strings.TrimRightFunc(before, isSpace)
		}
		if token.RStrip {
			after = strings.TrimLeftFunc(after, isSpace)
		}
		return before, token, after
	}
	return s, nil, ""
}

// cutters enters the added tokens in v and builds the two passes: over the
// text as given and over its normalized rests.
func cutters(specs []addedSpec, v *vocabulary, normalize steps) (raw, normalized *cutter, err error) {
	var specsOf [2][]addedSpec
	var textsOf [2][]string
	for _, a := range specs {
		if err := v.add(a.Content, a.ID, a.kind()); err != nil {
			return nil, nil, fmt.Errorf("added_tokens: %w", err)
		}
		pass, text := 0, a.Content
		if a.Normalized {
			pass, text = 1, normalize.apply(new(rewriter), a.Content)
		}
		specsOf[pass] = append(specsOf[pass], a)
		textsOf[pass] = append(textsOf[pass], text)
	}
	if raw, err = newCutter(specsOf[0], textsOf[0]); err != nil {
		return nil, nil, err
	}
	normalized, err = newCutter(specsOf[1], textsOf[1])
	return raw, normalized, err
}
