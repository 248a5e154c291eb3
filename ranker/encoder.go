package ranker

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
)

// encoder is a reward model that reads the last user turn and a response as a
// pair of texts, [CLS] prompt [SEP] response [SEP], without a chat template.
type encoder struct {
	model  *model.EncoderClassifier
	tokens *tokenizer.Tokenizer
	window int // longest sequence that the model was made for
	budget int // tokens of a batch
	begin  int32
	end    int32
}

func openEncoder(s *torch.Scope, c configs.Ranker, f *hf.Folder, d torch.DType) (Ranker, error) {
	m, err := model.OpenEncoder(s, f, d, c.Heads == "float32")
	if err != nil {
		return nil, err
	}
	e, err := newEncoder(f, m.Vocabulary())
	if err != nil {
		return nil, err
	}
	e.model, e.budget = m, c.BatchTokens
	return e, nil
}

// CheckEncoder reports whether f holds an encoder classifier and its
// tokenizer, without loading weights.
func CheckEncoder(f *hf.Folder) error {
	vocabulary, err := model.CheckEncoder(f)
	if err != nil && vocabulary == 0 {
		return err
	}
	_, text := newEncoder(f, vocabulary)
	return errors.Join(err, text)
}

func newEncoder(f *hf.Folder, vocabulary int) (*encoder, error) {
	c, err := f.Config()
	if err != nil {
		return nil, err
	}
	t, err := debertaTokenizer(f, vocabulary)
	if err != nil {
		return nil, err
	}
	e := &encoder{tokens: t, window: c.MaxPositionEmbeddings}
	for text, id := range map[string]*int32{"[CLS]": &e.begin, "[SEP]": &e.end} {
		var ok bool
		if *id, ok = t.ID(text); !ok {
			return nil, fmt.Errorf("%s: tokenizer.json has no token %s: it is not DeBERTa's", f.Name(), text)
		}
	}
	return e, nil
}

func (e *encoder) Names() []string { return nil }

// text is the ids of a text, and whether it spelled special tokens, which
// become spaces: their spellings are words of the vocabulary, too.
func (e *encoder) text(text string) (ids []int32, cleaned bool) {
	clean := withoutDeBERTas.Replace(text)
	all := e.tokens.AppendIDs(nil, clean, true)
	ids = slices.DeleteFunc(slices.Clone(all), func(id int32) bool { return id == e.begin || id == e.end })
	return ids, clean != text || len(ids) != len(all)
}

// sequence is prompt and response in the window. A response loses its end, and
// before that a prompt that fills more than half of the window its own.
func (e *encoder) sequence(a, b []int32) (ids []int32, cut Cut) {
	room := max(e.window-3, 2)
	most := max(room/2, room-len(b)) // what the response leaves is the prompt's
	cut.Prompt, a = len(a) > most, a[:min(len(a), most)]
	most = room - len(a)
	cut.Response, b = len(b) > most, b[:min(len(b), most)]
	return slices.Concat([]int32{e.begin}, a, []int32{e.end}, b, []int32{e.end}), cut
}

// Rank implements Ranker.
func (e *encoder) Rank(ctx context.Context, s *torch.Scope, requests []Request) ([][]Rating, error) {
	requests, err := checked(requests)
	if err != nil {
		return nil, err
	}
	var sequences [][]int32 // distinct ones of each request
	which := make([][]int, len(requests))
	out := make([][]Rating, len(requests))
	for i, q := range requests {
		prompt, candidates, err := pairTexts("raw", q)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", q.Name, err)
		}
		own := len(sequences)
		asked, foul := e.text(prompt)
		for _, text := range candidates {
			answered, cleaned := e.text(text)
			ids, cut := e.sequence(asked, answered)
			at := slices.IndexFunc(sequences[own:], func(other []int32) bool { return slices.Equal(ids, other) })
			if at < 0 {
				at = len(sequences) - own
				sequences = append(sequences, ids)
			}
			which[i] = append(which[i], own+at)
			out[i] = append(out[i], Rating{Cut: cut, Cleaned: foul || cleaned})
		}
	}
	scores, err := e.scores(ctx, s, sequences)
	for i, list := range which {
		for k, at := range list {
			out[i][k].Score = scores[at]
		}
	}
	return out, err
}

// scores rates sequences in batches of similar length under the token budget.
func (e *encoder) scores(ctx context.Context, s *torch.Scope, sequences [][]int32) ([]float64, error) {
	out := make([]float64, len(sequences))
	for _, batch := range model.Batches(len(sequences), e.budget, func(i int) int { return len(sequences[i]) }) {
		if err := ctx.Err(); err != nil {
			return out, err
		}
		var part [][]int32
		for _, i := range batch {
			part = append(part, sequences[i])
		}
		s.NoGrad(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) {
				for k, score := range e.model.Rewards(s, part).Floats() {
					out[batch[k]] = float64(score)
				}
			})
		})
	}
	return out, nil
}
