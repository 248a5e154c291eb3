package sampler

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/rs/zerolog"

	"radpo/internal/model"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
)

// Settings are an engine's limits.
type Settings struct {
	Rows   int                  // responses decoded at once; 0: 256
	Memory int64                // bytes of the cache; 0: what device and model leave
	Tokens *tokenizer.Tokenizer // for text and stop strings; nil: neither
}

// An Engine draws responses to requests that come at any time. Each step
// computes one token of every response under way, and some of the prompts that
// wait; a response that ends makes room at once. It belongs to the function
// that torch.Run calls and to its scope.
type Engine struct {
	settings   Settings
	window     int
	vocabulary int
	schedule   schedule
	draws      draws
	compute    computer
	scope      *torch.Scope
	asks       int   // taken so far
	slower     error // why the policy is not computed over slots, until that was told
}

// A computer does the work of a plan with a cache of its own.
type computer interface {
	// step computes the plan's tokens and then its draws, in place.
	step(ctx context.Context, s *torch.Scope, p *plan, d *draws) error
}

// A Ticket is a request that an engine has taken.
type Ticket struct {
	ask       *ask
	sequences []*sequence
}

// NewEngine is an engine for p with a cache of its own in s.
func NewEngine(s *torch.Scope, p model.Policy, set Settings) (*Engine, error) {
	if set.Rows == 0 {
		set.Rows = 256
	}
	c := p.Config()
	e := &Engine{settings: set, window: c.MaxPositionEmbeddings, vocabulary: c.VocabSize, scope: s}
	return e, e.open(p)
}

// Submit takes a request. Its sink hears each new token, during Step alone. An
// error is the request's fault: it names a setting, or the memory that it needs
// and will never get.
func (e *Engine) Submit(r Request, o Options, sink func(Event)) (*Ticket, error) {
	if r.Name == "" {
		r.Name = fmt.Sprintf("prompt %d", e.asks)
	}
	if err := e.check(r, o); err != nil {
		return nil, err
	}
	o.Stop = slices.DeleteFunc(slices.Concat(o.Stop, r.Stop), func(id int) bool { return id < 0 || id >= e.vocabulary })
	a := &ask{Request: r, Options: o, sink: sink, open: r.N, limit: min(o.MaxTokens, e.window-len(r.Prompt))}
	if err := e.schedule.fits(a); err != nil {
		return nil, err
	}
	e.asks++
	t := &Ticket{ask: a}
	source := newStream(o.Seed, r.Prompt, 0)
	for k := range r.N {
		q := &sequence{ask: a, number: r.First + k, source: source, ids: make([]int32, 0, min(a.limit, 1024))}
		q.source.sample = uint32(q.number)
		if e.settings.Tokens != nil {
			q.reader = &reader{stream: e.settings.Tokens.Stream()}
		}
		t.sequences = append(t.sequences, q)
	}
	e.schedule.waiting = append(e.schedule.waiting, t.sequences...)
	return t, nil
}

func (e *Engine) check(r Request, o Options) error {
	if err := o.check(); err != nil {
		return err
	}
	if len(o.StopStrings) > 0 && e.settings.Tokens == nil {
		return errors.New("stop strings need a tokenizer, and the model folder has none")
	}
	for _, c := range o.Bias {
		if c.ID < 0 || int(c.ID) >= e.vocabulary || !(c.Add < float32(math.Inf(1))) {
			return fmt.Errorf("a bias of %v for token %d: want a number for a token of the vocabulary of %d", c.Add, c.ID, e.vocabulary)
		}
	}
	return r.check(e.window, e.vocabulary, o.MaxTokens)
}

// Cancel ends a request: its sink hears no more, and its room is free.
func (e *Engine) Cancel(t *Ticket) {
	for _, q := range t.sequences {
		q.over = true
	}
	e.schedule.sweep()
	e.schedule.waiting = slices.DeleteFunc(e.schedule.waiting, func(q *sequence) bool { return q.over })
}

// Idle says whether there is nothing to do.
func (e *Engine) Idle() bool { return len(e.schedule.live) == 0 && len(e.schedule.waiting) == 0 }

// A Load is what an engine has to do and how full it is.
type Load struct {
	Decoding, Waiting  int // responses
	Blocks, BlocksUsed int // of the cache
}

// Load is the engine's load now.
func (e *Engine) Load() Load {
	s := &e.schedule
	return Load{len(s.live), len(s.waiting), s.blocks.total, s.blocks.total - s.blocks.left()}
}

// Step computes one token of every response under way. An error is the
// engine's end; what fails for one response alone goes to its sink.
func (e *Engine) Step(ctx context.Context) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	if e.slower != nil {
		zerolog.Ctx(ctx).Warn().Err(e.slower).Msg("sampling goes operator by operator, which is slower")
		e.slower = nil
	}
	p := e.schedule.next()
	if len(p.chunks) == 0 && len(p.rows) == 0 && e.Idle() {
		return nil
	}
	e.draws.prepare(p)
	e.scope.NoGrad(func(s *torch.Scope) {
		s.Each(func(s *torch.Scope) { err = e.compute.step(ctx, s, p, &e.draws) })
	})
	if err != nil {
		return err
	}
	scores := e.draws.scores(p)
	for _, q := range e.schedule.live {
		q.settle()
	}
	e.draws.tokens(p, scores)
	e.schedule.sweep()
	return nil
}

// reset drops all requests.
func (e *Engine) reset() {
	for _, list := range [][]*sequence{e.schedule.live, e.schedule.waiting} {
		for _, q := range list {
			q.over = true
		}
	}
	e.schedule.sweep()
	e.schedule.waiting = e.schedule.waiting[:0]
}
