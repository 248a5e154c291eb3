package ranker

import (
	"fmt"
	"slices"

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
}

func newReader(f *hf.Folder) (reader, error) {
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
	return reader{t, k, c.MaxPositionEmbeddings}, nil
}

// encode is prompt and response as one conversation that the assistant has
// ended. One that is longer than the model's window loses its end, and before
// that the middle of a prompt which fills more than half of the window.
func (r reader) encode(messages []table.Message, response string) ([]int32, error) {
	answer := table.Message{Role: "assistant", Content: response}
	ids, err := r.template.Encode(r.tokens, append(slices.Clone(messages), answer), false, false)
	if err != nil || len(ids) <= r.window {
		return ids, err
	}
	if messages, _, err = r.template.Truncate(r.tokens, messages, "", r.window/2, false); err != nil {
		return nil, err
	}
	ids, err = r.template.Encode(r.tokens, append(slices.Clone(messages), answer), false, false)
	return ids[:min(len(ids), r.window)], err
}

// groups encodes requests.
func (r reader) groups(requests []Request) ([]group, error) {
	out := make([]group, len(requests))
	for i, q := range requests {
		if q.Name == "" {
			q.Name = fmt.Sprintf("request %d", i)
		}
		if err := q.check(); err != nil {
			return nil, err
		}
		var sequences [][]int32
		for _, text := range q.Responses {
			ids, err := r.encode(q.Messages, text)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", q.Name, err)
			}
			if len(ids) == 0 {
				return nil, fmt.Errorf("%s: the chat template makes nothing of the conversation", q.Name)
			}
			sequences = append(sequences, ids)
		}
		out[i] = newGroup(q.Name, sequences)
	}
	return out, nil
}
