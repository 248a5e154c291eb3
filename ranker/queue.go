package ranker

import (
	"context"
	"errors"
	"fmt"

	"radpo/internal/torch"
)

// A queue hands requests from many goroutines to the one that has the model.
type queue struct {
	jobs   chan job
	closed chan struct{} // nothing is rated any more
}

// A job is one request with a place for what becomes of it.
type job struct {
	ctx     context.Context
	request Request
	done    chan<- result // has room
}

type result struct {
	ratings []Rating
	err     error
}

// together is how many responses a batch of waiting requests may have.
const together = 256

func newQueue() *queue { return &queue{make(chan job), make(chan struct{})} }

var errClosed = errors.New("the server is shutting down")

// rate waits for the ratings of a request.
func (q *queue) rate(ctx context.Context, r Request) ([]Rating, error) {
	done := make(chan result, 1)
	select {
	case q.jobs <- job{ctx, r, done}:
	case <-q.closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	select {
	case r := <-done:
		return r.ratings, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// work rates what waits, together, until stop is closed.
func (q *queue) work(s *torch.Scope, r Ranker, stop <-chan struct{}) {
	defer close(q.closed)
	for {
		select {
		case first := <-q.jobs:
			q.serve(s, r, q.gather(first))
		case <-stop:
			return
		}
	}
}

// gather takes the jobs that wait already, those of clients that went away left
// out.
func (q *queue) gather(first job) []job {
	var jobs []job
	n := 0
	for next := first; ; {
		if next.ctx.Err() == nil {
			jobs, n = append(jobs, next), n+len(next.request.Responses)+len(next.request.Texts)
		}
		if n >= together {
			return jobs
		}
		select {
		case next = <-q.jobs:
		default:
			return jobs
		}
	}
}

// serve rates jobs together; where that fails each by itself, so that a bad one
// is its own sender's affair.
func (q *queue) serve(s *torch.Scope, r Ranker, jobs []job) {
	if len(jobs) == 0 {
		return
	}
	ratings, err := attempt(s, r, jobs)
	for i, j := range jobs {
		switch {
		case err == nil:
			j.done <- result{ratings: ratings[i]}
		case len(jobs) == 1:
			j.done <- result{err: err}
		default:
			q.serve(s, r, jobs[i:i+1])
		}
	}
}

func attempt(s *torch.Scope, r Ranker, jobs []job) (ratings [][]Rating, err error) {
	requests := make([]Request, len(jobs))
	for i, j := range jobs {
		requests[i] = j.request
	}
	err = s.Try(func(s *torch.Scope) error {
		ratings, err = r.Rank(context.Background(), s, requests)
		return err
	})
	if err == nil && len(ratings) != len(jobs) {
		err = fmt.Errorf("%d requests have %d ratings", len(jobs), len(ratings))
	}
	return ratings, err
}
