package chat

import (
	"errors"
	"fmt"
	"sort"
)

// Ellipsis stands where Truncate cut.
const Ellipsis = " ... "

// Truncate returns the conversation with its goal (see WithGoal), cut so that
// its prompt has at most maxTokens ids, and whether it had to cut. It takes
// the middle out of the last user turn's own text and nothing else: never the
// goal, the system turn, the template or another turn. It fails when that is
// not enough. specialsInText is as in Encode.
func (t *Template) Truncate(tok Encoder, messages []Message, goalText string, maxTokens int, specialsInText bool) ([]Message, bool, error) {
	size := func(messages []Message) (int, error) {
		ids, err := t.Encode(tok, messages, true, specialsInText)
		return len(ids), err
	}
	whole := t.WithGoal(messages, goalText)
	n, err := size(whole)
	if err != nil || n <= maxTokens {
		return whole, false, err
	}
	last := lastUser(messages)
	if last < 0 {
		return nil, false, errors.New("truncate prompt: the conversation has no user turn to cut")
	}
	text := []rune(messages[last].Content)
	shortened := func(keep int) []Message {
		out := append([]Message(nil), messages...)
		head, tail := text[:keep-keep/2], text[len(text)-keep/2:]
		out[last].Content = string(head) + Ellipsis + string(tail)
		return t.WithGoal(out, goalText)
	}
	drop := sort.Search(len(text), func(drop int) bool {
		n, e := size(shortened(len(text) - drop))
		if e != nil && err == nil {
			err = e
		}
		return e == nil && n <= maxTokens
	})
	if err != nil {
		return nil, false, err
	}
	out := shortened(len(text) - drop)
	if n, err := size(out); err != nil || n > maxTokens {
		return nil, false, errors.Join(err, fmt.Errorf("truncate prompt: goal, template and other turns alone exceed %d tokens", maxTokens))
	}
	return out, true, nil
}

func lastUser(messages []Message) int {
	for i := len(messages) - 1; i >= 0; i-- {
		if messages[i].Role == "user" {
			return i
		}
	}
	return -1
}
