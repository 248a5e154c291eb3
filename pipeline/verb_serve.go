package pipeline

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/torch"
	"radpo/ranker"
)

// Serving says where and to whom a reward model is served.
type Serving struct {
	Listen string // host:port
	KeyEnv string // environment variable with the key that requests need; empty: none
}

// grace is how long requests under way have when the server is told to stop.
const grace = 20 * time.Second

// ServeReward has the reward model of m rate over HTTP until ctx ends.
func ServeReward(ctx context.Context, m Model, c configs.Ranker, o Serving) error {
	key, err := o.key()
	if err != nil {
		return err
	}
	return m.with(func(f *hf.Folder, d torch.DType) error {
		if c.Kind, err = ranker.KindOf(f); err != nil {
			return &InputError{err}
		}
		listener, err := net.Listen("tcp", o.Listen)
		if err != nil {
			return &InputError{err}
		}
		defer listener.Close()
		return m.run(ctx, func(s *torch.Scope) error {
			r, err := ranker.Open(s, c, f, d)
			if err != nil {
				return &InputError{err}
			}
			v := ranker.NewServer(r, filepath.Base(f.Name()))
			v.Key, v.Local = key, local(o.Listen)
			zerolog.Ctx(ctx).Info().Str("kind", c.Kind).Str("url", "http://"+listener.Addr().String()).Msg("serving")
			return serve(ctx, listener, v.Handler(), func(stop <-chan struct{}) { v.Work(s, stop) })
		})
	})
}

// key is that of the environment. Other machines need one.
func (o Serving) key() (string, error) {
	key := strings.TrimSpace(os.Getenv(o.KeyEnv))
	switch {
	case o.KeyEnv != "" && key == "":
		return "", inputError("the environment variable %s, which should hold the key, is not set", o.KeyEnv)
	case o.KeyEnv == "" && !local(o.Listen):
		return "", inputError("--listen %s can be reached from other machines: protect it by --key-env NAME, a variable with the key that requests must send", o.Listen)
	}
	return key, nil
}

// local reports whether an address is this machine's alone.
func local(listen string) bool {
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return false
	}
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.IsLoopback()
}

// serve answers on listener while work runs, until ctx ends; then requests
// under way are finished.
func serve(ctx context.Context, listener net.Listener, h http.Handler, work func(stop <-chan struct{})) error {
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10}
	stop, failed := make(chan struct{}), make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	var err error
	go func() {
		defer close(stop)
		select {
		case err = <-failed:
		case <-ctx.Done():
			late, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
			defer cancel()
			if server.Shutdown(late) != nil {
				zerolog.Ctx(ctx).Warn().Stringer("after", grace).Msg("requests under way are cut off")
				err = server.Close()
			}
		}
	}()
	work(stop)
	return err
}
