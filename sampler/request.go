package sampler

import "fmt"

// Options say how tokens are drawn.
type Options struct {
	Temperature float64 // 0: greedy
	TopP        float64 // 1: off
	TopK        int     // 0: off
	MaxTokens   int     // limit of a response
	Stop        []int   // ids that end a response and belong to it
	Seed        int64
}

func (o Options) check() error {
	switch {
	case !(o.Temperature >= 0):
		return fmt.Errorf("temperature %v: want 0 or more", o.Temperature)
	case o.Temperature > 0 && !(o.TopP > 0 && o.TopP <= 1):
		return fmt.Errorf("top-p %v: want more than 0 and at most 1", o.TopP)
	case o.TopK < 0:
		return fmt.Errorf("top-k %d: want 0 or more", o.TopK)
	case o.MaxTokens < 1:
		return fmt.Errorf("a limit of %d tokens: want at least 1", o.MaxTokens)
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

// check holds r to the model's window, in tokens.
func (r Request) check(window int) error {
	switch {
	case len(r.Prompt) == 0:
		return fmt.Errorf("%s: the prompt has no tokens", r.Name)
	case r.N < 1:
		return fmt.Errorf("%s: %d responses: want at least 1", r.Name, r.N)
	case len(r.Prompt) >= window:
		return fmt.Errorf("%s: its %d tokens leave no room for a response in the model's window of %d (max_position_embeddings): "+
			"shorten it, or lower prompts.max_tokens", r.Name, len(r.Prompt), window)
	}
	return nil
}

// A Response is what the policy answered.
type Response struct {
	IDs      []int32
	Logprobs []float32 // the model's own, temperature 1, nats
	Stopped  bool      // its last id is a stop id
}
