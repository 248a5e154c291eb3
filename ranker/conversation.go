package ranker

import (
	"fmt"

	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// budget is how many padded tokens a batch may have.
const budget = 16384

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
	if k.Size() > c.VocabSize {
		return reader{}, fmt.Errorf("%s: the tokenizer has %d tokens, the model %d: they are not of one model", f.Name(), k.Size(), c.VocabSize)
	}
	return reader{t, k, c.MaxPositionEmbeddings}, nil
}

// A group is one request's token sequences, a response each.
type group struct {
	sequences [][]int32
	fork      model.Fork
}

// group encodes prompt and each response as one conversation that the
// assistant has ended. What the sequences share is computed once. A sequence
// longer than the model's window loses its end.
func (r reader) group(q Request) (group, error) {
	var g group
	for _, text := range q.Responses {
		turns := append(append([]table.Message{}, q.Messages...), table.Message{Role: "assistant", Content: text})
		ids, err := r.template.Encode(r.tokens, turns, false, false)
		if err != nil {
			return g, err
		}
		g.sequences = append(g.sequences, ids[:min(len(ids), r.window)])
	}
	shared := common(g.sequences)
	g.fork.Prompt = g.sequences[0][:shared]
	for _, ids := range g.sequences {
		g.fork.Responses = append(g.fork.Responses, ids[shared:])
	}
	return g, nil
}

func (r reader) groups(requests []Request) ([]group, error) {
	out := make([]group, len(requests))
	for i, q := range requests {
		if len(q.Responses) == 0 {
			return nil, fmt.Errorf("request %d has no responses", i)
		}
		var err error
		if out[i], err = r.group(q); err != nil {
			return nil, fmt.Errorf("request %d: %w", i, err)
		}
	}
	return out, nil
}

// common is the length of what all sequences begin with, leaving each at
// least one token of its own.
func common(sequences [][]int32) int {
	n := len(sequences[0])
	for _, ids := range sequences {
		n = min(n, len(ids)-1)
		for i, id := range ids[:n] {
			if id != sequences[0][i] {
				n = i
				break
			}
		}
	}
	return n
}
