package ranker

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"radpo/internal/remote"
	"radpo/internal/torch"
)

// A query is what one request asks the scores of: conversations of one prompt.
type query struct {
	model     string
	texts     []string // prompt and response in one; none when messages are sent
	prompts   []string // what stands before the response
	responses []string
	messages  []turn // of the one conversation that is sent as messages
}

// A protocol is how a kind of server is asked.
type protocol struct {
	path string
	adds bool // the server's tokenizer puts its special tokens around a text
	body func(query) any
	read func(context.Context, *remote.Client, any, int) ([]float64, error) // the scores of a body's n conversations
}

// protocols by the name that ranker.remote.protocol has for them.
var protocols = map[string]protocol{
	"openrlhf":      {"/get_reward", false, openRLHFBody, post[openRLHFAnswer]},
	"vllm-classify": {"/classify", true, vllmBody, post[vllmAnswer]},
	"vllm-pooling":  {"/pooling", true, vllmBody, post[vllmAnswer]},
	"vllm-score":    {"/score", true, vllmScoreBody, post[vllmAnswer]},
	"sglang":        {"/classify", true, sglangBody, post[sglangAnswer]},
	"tei":           {"/predict", true, teiBody, post[teiAnswer]},
}

// An answer has scores, in the order of what was asked.
type answer interface{ scores() ([]score, error) }

// post asks for n scores.
func post[A answer](ctx context.Context, c *remote.Client, body any, n int) ([]float64, error) {
	a, err := remote.Post(ctx, c, body, func(a A) error {
		_, err := exactly(a, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return exactly(a, n)
}

// exactly is the n scores of an answer.
func exactly(a answer, n int) ([]float64, error) {
	all, err := a.scores()
	if err != nil {
		return nil, err
	}
	if len(all) != n {
		return nil, fmt.Errorf("has %d scores, wanted are %d", len(all), n)
	}
	out := make([]float64, n)
	for i, s := range all {
		if !s.is || !torch.Finite(s.value) {
			return nil, fmt.Errorf("has no number as score %d", i+1)
		}
		out[i] = s.value
	}
	return out, nil
}

// A score is a number, or the last of a list: classifiers answer with a list a
// class, models that score every token with one a token.
type score struct {
	value float64
	is    bool
}

// UnmarshalJSON takes the last number of lists in a list, which is as deep as
// servers go.
func (s *score) UnmarshalJSON(text []byte) error {
	for range 2 {
		if text[0] != '[' {
			break
		}
		var list []json.RawMessage
		if err := json.Unmarshal(text, &list); err != nil {
			return err
		}
		if len(list) == 0 {
			return errors.New("a score is an empty list")
		}
		text = list[len(list)-1]
	}
	s.is = string(text) != "null"
	return json.Unmarshal(text, &s.value)
}

// openRLHFBody has labels, as custom servers may read them; there are none.
func openRLHFBody(q query) any {
	return openRLHFRequest{Query: q.texts, Prompts: q.prompts, Labels: make([]string, len(q.texts))}
}

type openRLHFRequest struct {
	Query   []string `json:"query"`
	Prompts []string `json:"prompts"`
	Labels  []string `json:"labels"`
}

// An openRLHFAnswer of older servers has rewards alone.
type openRLHFAnswer struct {
	Rewards []score `json:"rewards"`
	Scores  []score `json:"scores"`
}

func (a openRLHFAnswer) scores() ([]score, error) {
	if a.Rewards == nil {
		return a.Scores, nil
	}
	return a.Rewards, nil
}

// A vllmRequest wants the raw value: by default vLLM squashes it. The names of
// older releases say the same, and each release leaves those of others alone.
type vllmRequest struct {
	Model         string   `json:"model,omitempty"`
	Input         []string `json:"input,omitempty"`
	Messages      []turn   `json:"messages,omitempty"`
	Generation    *bool    `json:"add_generation_prompt,omitempty"`
	First         []string `json:"text_1,omitempty"`
	Second        []string `json:"text_2,omitempty"`
	UseActivation bool     `json:"use_activation"`
	Activation    bool     `json:"activation"`
	Softmax       bool     `json:"softmax"`
}

func vllmBody(q query) any {
	r := vllmRequest{Model: q.model, Input: q.texts, Messages: q.messages}
	if q.messages != nil {
		r.Generation = new(bool)
	}
	return r
}

func vllmScoreBody(q query) any {
	return vllmRequest{Model: q.model, First: q.prompts, Second: q.responses}
}

// A vllmAnswer has a row a text, with probs from /classify, data from /pooling
// and score from /score.
type vllmAnswer struct {
	Data []struct {
		Index *int   `json:"index"`
		Probs *score `json:"probs"`
		Data  *score `json:"data"`
		Score *score `json:"score"`
	} `json:"data"`
}

func (a vllmAnswer) scores() ([]score, error) {
	out := make([]score, len(a.Data))
	for i, row := range a.Data {
		if row.Index != nil {
			i = *row.Index
		}
		if i < 0 || i >= len(out) || out[i].is {
			return nil, fmt.Errorf("has %d rows and an index %d that is not one of them, or is there twice", len(out), i)
		}
		for _, s := range []*score{row.Probs, row.Data, row.Score} {
			if s != nil {
				out[i] = *s
			}
		}
	}
	return out, nil
}

type sglangRequest struct {
	Model string   `json:"model,omitempty"`
	Text  []string `json:"text"`
}

func sglangBody(q query) any { return sglangRequest{Model: q.model, Text: q.texts} }

type sglangAnswer []struct {
	Embedding score `json:"embedding"`
}

func (a sglangAnswer) scores() ([]score, error) {
	out := make([]score, len(a))
	for i, row := range a {
		out[i] = row.Embedding
	}
	return out, nil
}

// A teiRequest has texts, each in a list of its own, or pairs of prompt and
// response.
type teiRequest struct {
	Inputs    [][]string `json:"inputs"`
	RawScores bool       `json:"raw_scores"`
}

func teiBody(q query) any {
	r := teiRequest{RawScores: true}
	for i, response := range q.responses {
		if q.texts == nil {
			r.Inputs = append(r.Inputs, []string{q.prompts[i], response})
		} else {
			r.Inputs = append(r.Inputs, []string{q.texts[i]})
		}
	}
	return r
}

// A teiAnswer has a list of labels a text, and a reward model one label.
type teiAnswer [][]struct {
	Score score `json:"score"`
}

func (a teiAnswer) scores() ([]score, error) {
	out := make([]score, len(a))
	for i, labels := range a {
		if len(labels) != 1 {
			return nil, fmt.Errorf("has %d labels a text; a reward model has one", len(labels))
		}
		out[i] = labels[0].Score
	}
	return out, nil
}
