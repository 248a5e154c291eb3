package chat

import "strings"

// Text renders a conversation for a tokenizer that is elsewhere: with the one
// BOS that [Template.Encode] would give, left out where that tokenizer puts it
// in front by itself, as it does when it adds special tokens.
func (t *Template) Text(messages []Message, addGenerationPrompt, addsSpecials bool) (string, error) {
	text, err := t.Render(messages, addGenerationPrompt)
	bos := t.vars["bos_token"]
	if err != nil || bos == "" {
		return text, err
	}
	bare := text
	for strings.HasPrefix(bare, bos) {
		bare = bare[len(bos):]
	}
	switch begins := len(bare) < len(text); {
	case t.postBOS && addsSpecials:
		return bare, nil
	case begins || t.postBOS:
		return bos + bare, nil
	}
	return text, nil
}
