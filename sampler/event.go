package sampler

import "radpo/internal/torch"

// A Finish is why a response ended; it is empty while it goes on.
type Finish string

// Reasons.
const (
	FinishStop   Finish = "stop"        // its last id is a stop id
	FinishString Finish = "stop-string" // its text has a stop string
	FinishLength Finish = "length"      // the limit, or the model's window
)

// A Token is one token of a response, or of a prompt.
type Token struct {
	ID      int32
	Logprob float32             // by the model, temperature 1, nats
	Drawn   float32             // by the distribution that it was drawn from; 0 if greedy
	Top     []torch.Alternative // the likeliest tokens by the model, as many as asked for; valid during the call
}

// An Event is what a request's sink hears of a response: one more token, its
// end, or both.
type Event struct {
	Sample int    // number of the response
	Token  Token  // of kind New
	New    bool   // Token is one more token
	Text   string // what is certain now, with the text of a stop id left out; empty without a tokenizer
	Finish Finish // why it ended with this event
	Err    error  // it ended by this failure; no other response did

	StopString string // that its text had, with FinishString

	// Prompt is how likely the prompt's tokens are, from the second on. It comes
	// in one event of its own, before all others, when Options.Prompts asks.
	Prompt []Token
}
