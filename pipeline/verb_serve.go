package pipeline

import (
	"context"
	"net"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/torch"
	"radpo/internal/web"
	"radpo/ranker"
)

// ServeReward has the reward model of m rate over HTTP until ctx ends.
func ServeReward(ctx context.Context, m Model, c configs.Ranker, d web.Door) error {
	return m.behind(d, func(f *hf.Folder, dtype torch.DType, l net.Listener, key string) error {
		var err error
		if c.Kind, err = ranker.KindOf(f); err != nil {
			return &InputError{err}
		}
		return m.run(ctx, func(s *torch.Scope) error {
			r, err := ranker.Open(s, c, f, dtype)
			if err != nil {
				return &InputError{err}
			}
			v := ranker.NewServer(r, filepath.Base(f.Name()))
			v.Key, v.Local = key, d.Local()
			zerolog.Ctx(ctx).Info().Str("kind", c.Kind).Str("url", "http://"+l.Addr().String()).Msg("serving")
			return v.Serve(ctx, l, func(stop <-chan struct{}) { v.Work(s, stop) })
		})
	})
}

// behind opens the model's folder and the door, and calls fn with what is
// there.
func (m Model) behind(d web.Door, fn func(f *hf.Folder, dtype torch.DType, l net.Listener, key string) error) error {
	key, err := d.Key()
	if err != nil {
		return &InputError{err}
	}
	return m.with(func(f *hf.Folder, dtype torch.DType) error {
		l, err := d.Open()
		if err != nil {
			return &InputError{err}
		}
		defer l.Close()
		return fn(f, dtype, l, key)
	})
}
