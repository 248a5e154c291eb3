package openai

import (
	"context"
	"errors"
	"net/http"

	"radpo/internal/web"
)

// An Engine computes what a policy answers. Many goroutines may use it.
type Engine interface {
	// Generate has all of gs answered. It calls sink on the caller's goroutine,
	// in order for each response, and returns when all have ended. When ctx
	// ends, so do they, and their memory is free at once.
	Generate(ctx context.Context, gs []Generation, sink func(g int, e Event)) error
	// Load is what the engine does now.
	Load() Load
}

// Errors of an engine that takes no request now.
var (
	ErrClosed = errors.New("the server is shutting down")
	ErrFull   = errors.New("too many responses wait already: try again")
)

// statusOf gives what an engine refuses its status.
func statusOf(err error) error {
	switch {
	case errors.Is(err, ErrClosed):
		return &web.Error{Status: http.StatusServiceUnavailable, Err: err}
	case errors.Is(err, ErrFull):
		return &web.Error{Status: http.StatusTooManyRequests, Err: err}
	}
	return err
}

// A Generation asks for N responses to a prompt, numbered from First.
type Generation struct {
	Prompt            []int32
	N                 int
	First             int
	MaxTokens         int     // of a response; 0: Prompts alone
	Temperature       float64 // 0: greedy
	TopP              float64 // 1: off
	TopK              int     // 0: off
	MinP              float64 // 0: off
	RepetitionPenalty float64 // 1: off
	Stop              []int   // ids that end a response and belong to it
	StopStrings       []string
	MinTokens         int               // a response that is shorter is ended by neither
	Bias              map[int32]float32 // added to the logits of tokens
	Seed              int64
	Top               int  // how many of the likeliest tokens are wanted with each
	Prompts           bool // tell how likely the prompt's tokens are
}

// An Event is what is new of a response.
type Event struct {
	Sample int     // number of the response
	Tokens []Token // one more, or none at an end
	Text   string  // that is certain now
	Finish Finish  // how the response ended, if it did
	Stop   string  // the stop string that ended it, if one did
	Prompt []Token // the prompt's tokens from the second on, if there are any: one event a generation, before all others
}

// A Token is one of a prompt or a response.
type Token struct {
	ID      int32
	Logprob float32       // the model's own, at temperature 1, in nats
	Top     []Alternative // the likeliest tokens, best first
}

// An Alternative is a token that could have stood there.
type Alternative struct {
	ID      int32
	Logprob float32
}

// Finish is how a response ended; empty while it goes on.
type Finish string

// The ways of ending.
const (
	Stopped Finish = "stop"
	Length  Finish = "length"
)

// Load is what an engine does.
type Load struct {
	Running, Waiting int     // responses
	Cache            float64 // share of the cache's memory in use
}
