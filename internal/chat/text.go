package chat

import "strings"

// Text renders a conversation for a tokenizer that is elsewhere: with the one
// BOS that [Template.Encode] would give, left out where that tokenizer puts it
// in front by itself, as it does when it adds special tokens.
func (t *Template) Text(messages []Message, addGenerationPrompt, addsSpecials bool) (string, error) {
	text, err := t.Render(messages, addGenerationPrompt)
	if err != nil {
		return "", err
	}
	text = t.OneBOS(text)
	if addsSpecials && t.postBOS {
		text = strings.TrimPrefix(text, t.vars["bos_token"])
	}
	return text, nil
}

// OneBOS is a rendered text that begins with one BOS, if the model has one:
// the text's own, else the one that the tokenizer would add.
func (t *Template) OneBOS(text string) string {
	bos := t.vars["bos_token"]
	if bos == "" {
		return text
	}
	bare := text
	for strings.HasPrefix(bare, bos) {
		bare = bare[len(bos):]
	}
	if len(bare) < len(text) || t.postBOS {
		return bos + bare
	}
	return text
}
