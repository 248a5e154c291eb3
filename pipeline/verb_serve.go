package pipeline

import (
	"context"
	"errors"
	"net"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/openai"
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

// ServePolicy has the policy of m answer by OpenAI's API until ctx ends.
func ServePolicy(ctx context.Context, m Model, o Offer, d web.Door) error {
	var err error
	if m.Dir, err = policyDir(m.Dir); err != nil {
		return err
	}
	return m.behind(d, func(f *hf.Folder, dtype torch.DType, l net.Listener, key string) error {
		p, err := o.policy(f)
		if err != nil {
			return err
		}
		return m.runPolicy(ctx, f, dtype, func(s *torch.Scope, policy model.Policy) error {
			h := newHost()
			frame := web.NewFrame(places, "radpo serve")
			frame.Key, frame.Local = key, d.Local()
			openai.Serve(frame, p, h)
			zerolog.Ctx(ctx).Info().Str("model", p.Name).Str("url", "http://"+l.Addr().String()).Msg("serving")
			ctx, fail := context.WithCancel(ctx)
			defer fail()
			var failed error
			err := frame.Serve(ctx, l, func(stop <-chan struct{}) {
				if failed = h.work(ctx, s, policy, p.Tokens, stop); failed != nil {
					fail()
				}
				<-stop
			})
			return errors.Join(failed, err)
		})
	})
}

// places is how many requests a policy's server has at a time, under way and waiting.
const places = 512

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
