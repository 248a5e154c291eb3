package sampler

import (
	"context"
	"fmt"
	"slices"

	"radpo/internal/model"
	"radpo/internal/torch"
)

// Generate answers requests with an engine of its own and returns the
// responses of each in order. Prompt and response share the model's window: a
// response that reaches its end is cut there, and a prompt that fills it is an
// error. ctx is checked at every token.
func Generate(ctx context.Context, s *torch.Scope, p model.Policy, requests []Request, o Options) (out [][]Response, err error) {
	s.Each(func(s *torch.Scope) {
		var e *Engine
		if e, err = NewEngine(s, p, Settings{}); err == nil {
			out, err = e.Generate(ctx, requests, o)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return out, nil
}

// Generate answers requests and returns the responses of each in order. The
// engine must be idle.
func (e *Engine) Generate(ctx context.Context, requests []Request, o Options) ([][]Response, error) {
	var failure error
	out := make([][]Response, len(requests))
	for i, r := range requests {
		if r.Name == "" {
			r.Name = fmt.Sprintf("prompt %d", i)
		}
		out[i] = make([]Response, max(0, r.N))
		sink := func(ev Event) {
			if ev.Err != nil {
				failure = ev.Err
				return
			}
			out[i][ev.Sample-r.First].add(ev)
		}
		if _, err := e.Submit(r, o, sink); err != nil {
			e.reset()
			return nil, err
		}
	}
	for !e.Idle() && failure == nil {
		if err := e.Step(ctx); err != nil {
			e.reset()
			return nil, err
		}
	}
	if failure != nil {
		e.reset()
		return nil, failure
	}
	return out, nil
}

// add takes an event of the response.
func (r *Response) add(e Event) {
	if e.New {
		r.IDs, r.Logprobs = append(r.IDs, e.Token.ID), append(r.Logprobs, e.Token.Logprob)
		if len(e.Token.Top) > 0 {
			r.Top = append(r.Top, slices.Clone(e.Token.Top))
		}
	}
	r.Text += e.Text
	r.Stopped = e.Finish == FinishStop || e.Finish == FinishString
}
