package ranker

import (
	"errors"
	"fmt"
	"slices"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// A reader turns conversations into a reward model's own tokens.
type reader struct {
	template *chat.Template
	tokens   *tokenizer.Tokenizer
	window   int // longest sequence that the model takes
	budget   int // tokens of a batch
}

func newReader(r configs.Ranker, f *hf.Folder) (reader, error) {
	c, err := f.Config()
	if err != nil {
		return reader{}, err
	}
	t, err := chat.Load(f.FS())
	if err != nil {
		return reader{}, err
	}
	k, err := tokenizer.Load(f.FS())
	if err != nil {
		return reader{}, err
	}
	if err := k.Fits(c.VocabSize); err != nil {
		return reader{}, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return reader{t, k, c.MaxPositionEmbeddings, r.BatchTokens}, nil
}

// A conversation is a prompt and its response as a reward model reads them.
type conversation struct {
	ids    []int32
	prompt int // how many of ids stand before the response
	cut    Cut
}

// encode is prompt and response as one conversation that the assistant has
// ended. One that is longer than the model's window loses its end, and before
// that the middle of a prompt which fills more than half of the window.
func (r reader) encode(messages []table.Message, response string) (conversation, error) {
	c, err := r.whole(messages, response)
	if err != nil || len(c.ids) <= r.window {
		return c, err
	}
	messages, cut, err := r.template.Truncate(r.tokens, messages, "", r.window/2, false)
	if err != nil {
		return c, err
	}
	if c, err = r.whole(messages, response); err != nil {
		return c, err
	}
	c.cut = Cut{Prompt: cut, Response: len(c.ids) > r.window}
	c.ids = c.ids[:min(len(c.ids), r.window)]
	return c, nil
}

// whole is a conversation of any length. Where the response begins is what the
// template says of the prompt alone.
func (r reader) whole(messages []table.Message, response string) (conversation, error) {
	prompt, err := r.template.Encode(r.tokens, messages, true, false)
	if err != nil {
		return conversation{}, err
	}
	answer := table.Message{Role: "assistant", Content: response}
	ids, err := r.template.Encode(r.tokens, append(slices.Clone(messages), answer), false, false)
	if err == nil && len(ids) == 0 {
		err = errors.New("the chat template makes nothing of the conversation")
	}
	return conversation{ids: ids, prompt: len(prompt)}, err
}

// readsText says whether r rates Texts of requests: a ranker that reads whole
// conversations, as reader does.
func readsText(r Ranker) (interface{ oneBOS(string) string }, bool) {
	t, ok := r.(interface{ oneBOS(string) string })
	return t, ok
}

func (r reader) oneBOS(text string) string { return r.template.OneBOS(text) }

// text is a conversation that is rendered already. What is beyond the window
// is cut off.
func (r reader) text(text string) (conversation, error) {
	ids := r.tokens.AppendIDs(nil, text, true)
	if len(ids) == 0 {
		return conversation{}, errors.New("a text is empty")
	}
	kept := min(len(ids), r.window)
	return conversation{ids: ids[:kept], prompt: unknown, cut: Cut{Response: kept < len(ids)}}, nil
}

// unknown is where the prompt of a rendered text ends.
const unknown = -1

// groups encodes requests.
func (r reader) groups(requests []Request) ([]group, error) {
	requests, err := checked(requests)
	if err != nil {
		return nil, err
	}
	out := make([]group, len(requests))
	for i, q := range requests {
		conversations, err := r.conversations(q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		out[i] = newGroup(q.Name, conversations)
	}
	return out, nil
}

// conversations encodes a request: its texts, or its responses.
func (r reader) conversations(q Request) ([]conversation, error) {
	var out []conversation
	for _, text := range q.Texts {
		c, err := r.text(text)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	for _, text := range q.Responses {
		c, err := r.encode(q.Messages, text)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}
