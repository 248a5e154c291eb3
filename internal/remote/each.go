package remote

import (
	"context"
	"sync"
)

// Each calls fn with 0 … n−1, as many at once as the client has requests under
// way, and returns the first error. An error ends the calls that are under way,
// and none begins after it.
func (c *Client) Each(ctx context.Context, n int, fn func(ctx context.Context, i int) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work := make(chan int)
	var workers sync.WaitGroup
	for range min(n, c.Concurrency) {
		workers.Go(func() {
			for i := range work {
				if ctx.Err() != nil {
					continue
				}
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		select {
		case work <- i:
		case <-ctx.Done():
		}
	}
	close(work)
	workers.Wait()
	return context.Cause(ctx)
}
