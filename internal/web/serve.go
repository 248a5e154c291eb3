package web

import (
	"context"
	"net"
	"net/http"

	"github.com/rs/zerolog"
)

// Serve answers on listener while work runs, until ctx ends; then requests
// under way are finished, for as long as there is grace, and stop is closed.
func (f *Frame) Serve(ctx context.Context, listener net.Listener, work func(stop <-chan struct{})) error {
	log := zerolog.Ctx(ctx)
	server := &http.Server{
		Handler: f.Handler(), ReadHeaderTimeout: f.times.head, IdleTimeout: f.times.idle, MaxHeaderBytes: maxHeader,
		BaseContext: func(net.Listener) context.Context { return log.WithContext(context.Background()) },
	}
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var err error
	go func() {
		defer close(stop)
		select {
		case err = <-failed:
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.times.grace)
			defer cancel()
			if server.Shutdown(late) != nil {
				log.Warn().Stringer("after", f.times.grace).Msg("requests under way are cut off")
				err = server.Close()
			}
		}
	}()
	work(stop)
	return err
}
