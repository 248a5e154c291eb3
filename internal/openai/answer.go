package openai

import (
	"context"
	"crypto/rand"
	"net/http"
	"time"

	"radpo/internal/web"
)

// An answer is a request under way.
type answer struct {
	*Server
	*sampling
	chatting bool
	prompts  [][]int32
	echo     []string // the prompts' texts, where they are wanted in front
	top      *int     // alternatives with each token; nil: no log-probabilities
	all      Generation

	id      string
	started time.Time
	usage   usage
	choices []choice
}

// A choice is one response, as far as it was written.
type choice struct {
	length int  // of the tokens that were written with log-probabilities, in characters
	told   bool // its prompt's ids were written
}

type usage struct {
	Prompt     int `json:"prompt_tokens"`
	Completion int `json:"completion_tokens"`
	Total      int `json:"total_tokens"`
}

// A delta is what a choice gains.
type delta struct {
	index  int
	prompt []said // an echo
	tokens []said
	text   string
	finish Finish
	stop   string // the string that ended it
}

// A said token is one of a choice.
type said struct {
	Token
	first bool // of a prompt: nothing predicts it
}

// add merges what comes behind d.
func (d *delta) add(next delta) {
	d.prompt = append(d.prompt, next.prompt...)
	d.tokens = append(d.tokens, next.tokens...)
	d.text += next.text
	d.finish, d.stop = next.finish, next.stop
}

// begin readies a choice a response.
func (a *answer) begin(prefix string) error {
	n := len(a.prompts) * a.all.N
	if n > maxResponses {
		return web.Of("n", "%d prompts with %d responses each are more than %d", len(a.prompts), a.all.N, maxResponses)
	}
	a.id, a.started, a.choices = prefix+rand.Text(), time.Now(), make([]choice, n)
	for _, ids := range a.prompts {
		a.usage.Prompt += len(ids)
	}
	tokens := n * a.all.MaxTokens
	if a.echo != nil {
		tokens += a.usage.Prompt * a.all.N
	}
	if tokens*a.all.Top > maxTops {
		return web.Of("logprobs", "%d alternatives of each of up to %d tokens are more than %d: want fewer of them, of responses or of max_tokens",
			a.all.Top, tokens, maxTops)
	}
	a.prompted.Add(float64(a.usage.Prompt))
	return nil
}

// run has the request answered and calls emit with every piece, in order for
// each choice. An error of emit ends it.
func (a *answer) run(ctx context.Context, emit func(delta) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	a.all.Prompts = a.echo != nil && a.top != nil
	if a.all.MaxTokens == 0 && !a.all.Prompts {
		return a.nothing(emit)
	}
	gs := make([]Generation, len(a.prompts))
	for i, ids := range a.prompts {
		gs[i] = a.all
		gs[i].Prompt = ids
		if a.echo != nil && (!a.all.Prompts || len(ids) == 1) {
			if err := a.echoed(i, nil, emit); err != nil {
				return err
			}
		}
	}
	err := a.engine.Generate(ctx, gs, func(g int, e Event) {
		if ctx.Err() != nil {
			return
		}
		var err error
		if len(e.Prompt) > 0 {
			err = a.echoed(g, e.Prompt, emit)
		} else {
			err = emit(a.took(g, e))
		}
		if err != nil {
			cancel(err)
		}
	})
	if why := context.Cause(ctx); why != nil {
		return why
	}
	return err
}

// nothing answers a request for no token.
func (a *answer) nothing(emit func(delta) error) error {
	for g := range a.prompts {
		if a.echo != nil {
			if err := a.echoed(g, nil, emit); err != nil {
				return err
			}
		}
		for k := range a.all.N {
			if err := emit(delta{index: g*a.all.N + k, finish: Length}); err != nil {
				return err
			}
		}
	}
	return nil
}

// echoed puts prompt g in front of its choices, with how likely its tokens are
// where that is known.
func (a *answer) echoed(g int, tokens []Token, emit func(delta) error) error {
	d := delta{text: a.echo[g]}
	if a.all.Prompts {
		d.prompt = append(d.prompt, said{Token{ID: a.prompts[g][0]}, true})
	}
	for _, t := range tokens {
		d.prompt = append(d.prompt, said{Token: t})
	}
	for k := range a.all.N {
		d.index = g*a.all.N + k
		if err := emit(d); err != nil {
			return err
		}
	}
	return nil
}

// took counts what is new of a response to prompt g.
func (a *answer) took(g int, e Event) delta {
	d := delta{index: g*a.all.N + e.Sample, text: e.Text, finish: e.Finish, stop: e.Stop}
	for _, t := range e.Tokens {
		d.tokens = append(d.tokens, said{Token: t})
	}
	if a.usage.Completion == 0 && len(e.Tokens) > 0 {
		a.first.Observe(time.Since(a.started).Seconds())
	}
	a.usage.Completion += len(e.Tokens)
	a.generated.Add(float64(len(e.Tokens)))
	return d
}

// write answers w, as a whole or as a stream. What it returns is written by the
// frame.
func (a *answer) write(w http.ResponseWriter, r *http.Request) (any, error) {
	if a.Stream {
		return nil, a.stream(w, r)
	}
	whole := make([]delta, len(a.choices))
	for i := range whole {
		whole[i].index = i
	}
	err := a.run(r.Context(), func(d delta) error {
		whole[d.index].add(d)
		return nil
	})
	if err != nil {
		return nil, statusOf(err)
	}
	choices := make([]choiceJSON, len(whole))
	for i, d := range whole {
		choices[i] = a.choiceOf(d, false)
	}
	out := a.envelope(choices, false)
	out.Usage = a.used()
	if a.chatting && a.ReturnIDs {
		out.PromptIDs = a.prompts[0]
	}
	return out, nil
}

func (a *answer) used() *usage {
	a.usage.Total = a.usage.Prompt + a.usage.Completion
	return &a.usage
}
