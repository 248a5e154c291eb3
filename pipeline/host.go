package pipeline

import (
	"context"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"

	"github.com/rs/zerolog"

	"radpo/internal/model"
	"radpo/internal/openai"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
	"radpo/internal/web"
	"radpo/sampler"
)

// A host has a sampler's engine, which lives on torch's thread, answer requests
// of many goroutines. It implements openai.Engine.
type host struct {
	calls  chan func(*sampler.Engine) // to be made between steps
	closed chan struct{}              // no more are
	load   atomic.Pointer[openai.Load]

	open map[*mailbox]bool // of requests under way; torch's thread alone looks at it
}

func newHost() *host {
	h := &host{calls: make(chan func(*sampler.Engine)), closed: make(chan struct{}), open: map[*mailbox]bool{}}
	h.load.Store(&openai.Load{})
	return h
}

// most is how many responses may wait.
const most = 8192

// work runs engines until stop is closed. One that fails takes the requests
// with it that it had, and another takes its place.
func (h *host) work(ctx context.Context, s *torch.Scope, p model.Policy, tokens *tokenizer.Tokenizer, stop <-chan struct{}) error {
	defer close(h.closed)
	for {
		var e *sampler.Engine
		err := s.Try(func(s *torch.Scope) (err error) {
			defer survived(&err)
			if e, err = sampler.NewEngine(s, p, sampler.Settings{Tokens: tokens}); err != nil {
				return err
			}
			return h.run(e, stop)
		})
		for m := range h.open {
			m.put(mail{err: err})
		}
		clear(h.open)
		if err == nil || e == nil {
			return err
		}
		zerolog.Ctx(ctx).Error().Err(err).Msg("the engine failed, and its requests with it; a new one takes the next")
	}
}

// survived is deferred and makes an error of a fault in the engine. Operators'
// own panics are known to their scope.
func survived(err *error) {
	p := recover()
	if p == nil {
		return
	}
	if fault, ok := p.(runtime.Error); ok {
		*err = fmt.Errorf("the engine: %w\n%s", fault, debug.Stack())
		return
	}
	panic(p)
}

// run steps e as long as there is work.
func (h *host) run(e *sampler.Engine, stop <-chan struct{}) error {
	for {
		var next func(*sampler.Engine)
		if e.Idle() {
			select {
			case next = <-h.calls:
			case <-stop:
				return nil
			}
		} else {
			select {
			case next = <-h.calls:
			case <-stop:
				return nil
			default:
			}
		}
		if next == nil {
			if err := e.Step(context.Background()); err != nil {
				return err
			}
		} else {
			next(e)
		}
		l := e.Load()
		h.load.Store(&openai.Load{Running: l.Decoding, Waiting: l.Waiting, Cache: float64(l.BlocksUsed) / float64(max(1, l.Blocks))})
	}
}

// Load implements openai.Engine.
func (h *host) Load() openai.Load { return *h.load.Load() }

// do has fn called between steps, and waits for it.
func (h *host) do(ctx context.Context, fn func(*sampler.Engine)) error {
	done := make(chan struct{})
	call := func(e *sampler.Engine) {
		defer close(done)
		fn(e)
	}
	select {
	case h.calls <- call:
		<-done
		return nil
	case <-h.closed:
		return openai.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Generate implements openai.Engine.
func (h *host) Generate(ctx context.Context, gs []openai.Generation, sink func(int, openai.Event)) error {
	box := &mailbox{wake: make(chan struct{}, 1)}
	var tickets []*sampler.Ticket
	var refused error
	if err := h.do(ctx, func(e *sampler.Engine) { tickets, refused = h.submit(e, gs, box) }); err != nil {
		return err
	}
	if refused != nil {
		return refused
	}
	left := 0
	for _, g := range gs {
		left += g.N
	}
	defer func() {
		h.do(context.Background(), func(e *sampler.Engine) {
			delete(h.open, box)
			for _, t := range tickets {
				e.Cancel(t) // one that has ended stays so
			}
		})
	}()
	for left > 0 {
		select {
		case <-box.wake:
		case <-ctx.Done():
			return ctx.Err()
		case <-h.closed:
			return openai.ErrClosed
		}
		for _, m := range box.take() {
			if m.err != nil {
				return m.err
			}
			if m.event.Finish != "" {
				left--
			}
			sink(m.g, m.event)
		}
	}
	return nil
}

// submit hands gs to the engine: all of them or none.
func (h *host) submit(e *sampler.Engine, gs []openai.Generation, box *mailbox) (tickets []*sampler.Ticket, err error) {
	n := e.Load().Waiting
	for _, g := range gs {
		n += g.N
	}
	if n > most {
		return nil, openai.ErrFull
	}
	for i, g := range gs {
		o := sampler.Options{
			Temperature: g.Temperature, TopP: g.TopP, TopK: g.TopK, MinP: g.MinP, RepetitionPenalty: g.RepetitionPenalty, MaxTokens: g.MaxTokens,
			Stop: g.Stop, StopStrings: g.StopStrings, MinTokens: g.MinTokens, Seed: g.Seed, Top: g.Top, Prompts: g.Prompts,
		}
		for id, add := range g.Bias {
			o.Bias = append(o.Bias, torch.Change{ID: id, Add: add})
		}
		t, err := e.Submit(sampler.Request{Prompt: g.Prompt, N: g.N, First: g.First}, o, func(v sampler.Event) { box.put(mailOf(i, v)) })
		if err != nil {
			for _, t := range tickets {
				e.Cancel(t)
			}
			return nil, web.BadRequest("%w", err)
		}
		tickets = append(tickets, t)
	}
	h.open[box] = true
	return tickets, nil
}

// A mail is what the engine says of generation g.
type mail struct {
	g     int
	event openai.Event
	err   error
}

func mailOf(g int, v sampler.Event) mail {
	m := mail{g: g, event: openai.Event{Sample: v.Sample, Text: v.Text, Stop: v.StopString}, err: v.Err}
	switch v.Finish {
	case sampler.FinishStop, sampler.FinishString:
		m.event.Finish = openai.Stopped
	case sampler.FinishLength:
		m.event.Finish = openai.Length
	}
	if v.New {
		m.event.Tokens = []openai.Token{tokenOf(v.Token)}
	}
	if v.Prompt != nil {
		m.event.Prompt = make([]openai.Token, len(v.Prompt))
		for i, t := range v.Prompt {
			m.event.Prompt[i] = tokenOf(t)
		}
	}
	return m
}

func tokenOf(t sampler.Token) openai.Token {
	out := openai.Token{ID: t.ID, Logprob: t.Logprob}
	for _, a := range t.Top {
		out.Top = append(out.Top, openai.Alternative(a))
	}
	return out
}

// A mailbox keeps mail until it is taken: a client that reads slowly does not
// hold up the engine. What it can hold is bounded by the request's own tokens.
type mailbox struct {
	mu   sync.Mutex
	list []mail
	wake chan struct{}
}

func (b *mailbox) put(m mail) {
	b.mu.Lock()
	b.list = append(b.list, m)
	b.mu.Unlock()
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *mailbox) take() []mail {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.list
	b.list = nil
	return list
}
