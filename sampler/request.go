package sampler

import (
	"errors"
	"fmt"

	"radpo/internal/torch"
)

// Options say how tokens are drawn. The order is that of transformers: biases,
// the repetition penalty, then temperature, top-k, top-p and min-p.
type Options struct {
	Bias              []torch.Change // added to the logits of tokens
	Temperature       float64        // 0: greedy
	TopP              float64        // 1: off
	TopK              int            // 0: off
	MinP              float64        // least share of the likeliest token's probability; 0: off
	RepetitionPenalty float64        // of tokens that prompt or response have, above 1 (arXiv:1909.05858); 0 or 1: off
	MaxTokens         int            // limit of a response; 0 where the prompt alone is asked about
	Stop              []int          // ids that end a response and belong to it
	// StopStrings end a response where its text has one. The text is cut before
	// it; ids keep what was drawn, up to the token that completed it.
	StopStrings []string
	MinTokens   int // a response that is shorter is ended by neither
	Seed        int64

	Top     int  // how many of the likeliest tokens are told of at each place
	Prompts bool // tell how likely the prompt's tokens are
}

// maxTop bounds Options.Top: what an API for clients may ask for.
const maxTop = 1000

func (o Options) check() error {
	least := 1
	if o.Prompts {
		least = 0
	}
	switch {
	case !(o.Temperature >= 0):
		return fmt.Errorf("temperature %v: want 0 or more", o.Temperature)
	case o.Temperature > 0 && !(o.TopP > 0 && o.TopP <= 1):
		return fmt.Errorf("top-p %v: want more than 0 and at most 1", o.TopP)
	case o.TopK < 0:
		return fmt.Errorf("top-k %d: want 0 or more", o.TopK)
	case !(o.MinP >= 0 && o.MinP <= 1):
		return fmt.Errorf("min-p %v: want 0 to 1", o.MinP)
	case !(o.RepetitionPenalty >= 0) || o.RepetitionPenalty > 1e6:
		return fmt.Errorf("repetition penalty %v: want more than 0 and at most 1e6", o.RepetitionPenalty)
	case o.MaxTokens < least:
		return fmt.Errorf("a limit of %d tokens: want at least %d", o.MaxTokens, least)
	case o.MinTokens < 0 || o.MinTokens > o.MaxTokens:
		return fmt.Errorf("at least %d tokens: want 0 to the limit of %d", o.MinTokens, o.MaxTokens)
	case o.Top < 0 || o.Top > maxTop:
		return fmt.Errorf("%d likeliest tokens: want 0 to %d", o.Top, maxTop)
	}
	for _, s := range o.StopStrings {
		if s == "" {
			return errors.New("a stop string is empty")
		}
	}
	return nil
}

// A Request is a prompt and how many responses it wants. Their numbers count
// from First.
type Request struct {
	Name   string // for errors; empty: its place among the requests
	Prompt []int32
	N      int
	First  int
	Stop   []int // ids that end a response besides those of Options
}

// check holds r, to be answered by so many tokens or none, to the model's
// window, in tokens, and its vocabulary.
func (r Request) check(window, vocabulary, tokens int) error {
	switch {
	case len(r.Prompt) == 0:
		return fmt.Errorf("%s: the prompt has no tokens", r.Name)
	case r.N < 1:
		return fmt.Errorf("%s: %d responses: want at least 1", r.Name, r.N)
	case len(r.Prompt) > window:
		return fmt.Errorf("%s: its %d tokens are more than the model's window of %d (max_position_embeddings): shorten it, or lower prompts.max_tokens",
			r.Name, len(r.Prompt), window)
	case len(r.Prompt) == window && tokens > 0:
		return fmt.Errorf("%s: its %d tokens leave no room for a response in the model's window of %d (max_position_embeddings): "+
			"shorten it, or lower prompts.max_tokens", r.Name, len(r.Prompt), window)
	}
	for _, id := range r.Prompt {
		if id < 0 || int(id) >= vocabulary {
			return fmt.Errorf("%s: the model's vocabulary of %d has no token %d", r.Name, vocabulary, id)
		}
	}
	return nil
}

// A Response is what the policy answered.
type Response struct {
	IDs      []int32
	Logprobs []float32             // the model's own, temperature 1, nats
	Stopped  bool                  // its last id is a stop id, or completes a stop string
	Text     string                // up to a stop string; empty without a tokenizer
	Top      [][]torch.Alternative // of each token the likeliest, where Options.Top asks
}
