package chat

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// An Encoder appends the token ids of text to dst and adds none of its own.
// Special tokens in text are parsed if specials is true, else they are
// ordinary text.
type Encoder interface {
	AppendIDs(dst []int32, text string, specials bool) []int32
}

// Encode returns the conversation's token ids, with one BOS in front if the
// model has one: the template's own, else the one that its tokenizer would
// add. (A BOS that a template repeats inside, as Llama 2's does before each
// turn, stays.)
//
// With specialsInText, special tokens are parsed in the whole rendered text,
// as transformers does. Without it, those inside message contents are kept as
// text, though the template's own are parsed; that fails for a template that
// cuts or rewrites the very text of such a token.
func (t *Template) Encode(tok Encoder, messages []Message, addGenerationPrompt, specialsInText bool) ([]int32, error) {
	text, err := t.Render(messages, addGenerationPrompt)
	if err != nil {
		return nil, err
	}
	g := guard{tok: tok}
	if !specialsInText {
		messages, err = g.protect(messages, text)
		if err != nil {
			return nil, err
		}
	}
	if g.mark == "" {
		return t.withBOS(tok, tok.AppendIDs(nil, text, true))
	}
	marked, err := t.Render(messages, addGenerationPrompt)
	if err != nil {
		return nil, err
	}
	if g.clean(marked) != text {
		return nil, errRewritten
	}
	return t.withBOS(tok, g.encode(marked))
}

// Answer returns the ids of what the template puts behind a prompt for a
// response: its text, in which special tokens stay text, and the end of the
// turn. Prompt and response are tokenised apart, as they are when a policy
// answers.
func (t *Template) Answer(tok Encoder, prompt []Message, response string) ([]int32, error) {
	whole := append(slices.Clone(prompt), Message{Role: "assistant", Content: response})
	rest, err := t.behind(prompt, whole)
	if err != nil {
		return nil, err
	}
	g := guard{tok: tok}
	answer, err := g.protect(whole[len(prompt):], rest)
	if err != nil || g.mark == "" {
		return tok.AppendIDs(nil, rest, true), err
	}
	marked, err := t.behind(prompt, append(whole[:len(prompt)], answer...))
	if err != nil {
		return nil, err
	}
	if g.clean(marked) != rest {
		return nil, errRewritten
	}
	return g.encode(marked), nil
}

// behind is what whole, which begins with the prompt, has behind the prompt.
func (t *Template) behind(prompt, whole []Message) (string, error) {
	before, err := t.Render(prompt, true)
	if err != nil {
		return "", err
	}
	text, err := t.Render(whole, false)
	if err != nil {
		return "", err
	}
	rest, ok := strings.CutPrefix(text, before)
	if !ok {
		return "", errors.New("the chat template renders the prompt otherwise when an answer follows: give ids instead of text")
	}
	return rest, nil
}

var errRewritten = errors.New("encode conversation: the template rewrites a special token that stands in a message: " +
	"remove the token from the message, or let special tokens in messages be parsed")

// withBOS makes ids begin with exactly one BOS, if the model has one.
func (t *Template) withBOS(tok Encoder, ids []int32) ([]int32, error) {
	text := t.vars["bos_token"]
	if text == "" {
		return ids, nil
	}
	bos := tok.AppendIDs(nil, text, true)
	if len(bos) != 1 {
		return nil, fmt.Errorf("encode conversation: bos_token %q is not a token of the tokenizer: do both files belong to one model?", text)
	}
	n := 0
	for n < len(ids) && ids[n] == bos[0] {
		n++
	}
	if n == 0 && t.postBOS {
		return append(bos, ids...), nil
	}
	return ids[max(0, n-1):], nil
}

// A guard keeps special tokens inside messages from being parsed. It puts a
// mark, a character that occurs nowhere else, behind the first character of
// each such token, so that the template handles the messages as ever; then it
// encodes the text around each mark without special tokens.
type guard struct {
	tok  Encoder
	mark string // empty: nothing to guard
}

// protect returns the messages with marks.
func (g *guard) protect(messages []Message, rendered string) ([]Message, error) {
	out := messages
	for i, m := range messages {
		if !g.parses(m.Content) {
			continue
		}
		if g.mark == "" {
			out = slices.Clone(messages)
			if err := g.chooseMark(messages, rendered); err != nil {
				return nil, err
			}
		}
		var b strings.Builder
		rest := m.Content
		for {
			start, _, ok := g.first(rest)
			if !ok {
				break
			}
			n := start + firstRuneLen(rest[start:])
			b.WriteString(rest[:n] + g.mark)
			rest = rest[n:]
		}
		out[i].Content = b.String() + rest
	}
	return out, nil
}

// chooseMark takes a private-use character that occurs neither in the messages
// nor in what the template adds.
func (g *guard) chooseMark(messages []Message, rendered string) error {
	texts := []string{rendered}
	for _, m := range messages {
		texts = append(texts, m.Content)
	}
	all := strings.Join(texts, "")
	for r := rune(0xF0000); r < 0xF1000; r++ {
		if !strings.ContainsRune(all, r) && !g.parses(string(r)) {
			g.mark = string(r)
			return nil
		}
	}
	return errors.New("encode conversation: the messages use every private-use character from U+F0000 to U+F0FFF")
}

func (g *guard) clean(s string) string { return strings.ReplaceAll(s, g.mark, "") }

// encode returns the ids of a marked text. Around each mark, from the special
// token before it to the one after it, special tokens are text.
func (g *guard) encode(text string) []int32 {
	var ids []int32
	for {
		m := strings.Index(text, g.mark)
		if m < 0 {
			return g.tok.AppendIDs(ids, text, true)
		}
		before, left := "", 0
		if start, end, ok := g.last(text[:m]); ok {
			before, left = text[start:end], end
			left += g.swallowed(before, text[end:m])
		}
		right := len(text)
		if start, end, ok := g.first(text[m:]); ok {
			right = m + start
			right -= g.swallowedBy(text[m:right], text[right:m+end])
		}
		ids = g.tok.AppendIDs(ids, text[:left], true)
		ids = append(ids, g.plain(before, g.clean(text[left:right]))...)
		text = text[right:]
	}
}

// swallowed is the length of the white space at the start of text that token
// takes with it when it is parsed.
func (g *guard) swallowed(token, text string) int {
	blank := text[:len(text)-len(strings.TrimLeftFunc(text, unicode.IsSpace))]
	if blank != "" && slices.Equal(g.ids(token+blank, true), g.ids(token, true)) {
		return len(blank)
	}
	return 0
}

// swallowedBy is the same at the end of text, for the token behind it.
func (g *guard) swallowedBy(text, token string) int {
	blank := text[len(strings.TrimRightFunc(text, unicode.IsSpace)):]
	if blank != "" && slices.Equal(g.ids(blank+token, true), g.ids(token, true)) {
		return len(blank)
	}
	return 0
}

// plain encodes text, which stands behind the special token before, without
// special tokens. Some tokenizers put a blank in front of a text and not in
// front of what follows a special token; there a control character, which
// joins with nothing, stands for the token.
func (g *guard) plain(before, text string) []int32 {
	const probe, anchor = "a", "\x01"
	ids := g.ids(text, false)
	if before == "" {
		return ids
	}
	inside, ok := cutPrefix(g.ids(before+probe, true), g.ids(before, true))
	if !ok || slices.Equal(inside, g.ids(probe, false)) {
		return ids
	}
	if anchored, ok := cutPrefix(g.ids(anchor+text, false), g.ids(anchor, false)); ok {
		return anchored
	}
	return ids
}

func cutPrefix(ids, prefix []int32) ([]int32, bool) {
	if len(ids) < len(prefix) || !slices.Equal(ids[:len(prefix)], prefix) {
		return nil, false
	}
	return ids[len(prefix):], true
}
