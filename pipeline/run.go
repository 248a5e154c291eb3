package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/dpo"
	"radpo/internal/flow"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// A Run is a configuration in its run folder.
type Run struct {
	Config configs.Config
	Dir    string
}

// Do runs the loop, or continues it where it stopped, writes report.html,
// report.md and report.json into the run folder, and the summary to w.
func (r Run) Do(ctx context.Context, w io.Writer) error {
	return r.with(func(store *flow.Store, l *loop) error {
		if err := keepConfig(store, l.Config); err != nil {
			return err
		}
		if err := store.Run(ctx, l.stages); err != nil {
			return err
		}
		return r.report(store, l, w)
	})
}

// Together runs work in rank 0 of the processes that were launched with this
// one, if any. The others take their share of each training that comes up, and
// read the files that rank 0 writes.
func Together(ctx context.Context, work func(context.Context) error) error {
	group, err := torch.Join()
	if err != nil {
		return &InputError{err}
	}
	if group == nil {
		return work(ctx)
	}
	log := zerolog.Ctx(ctx)
	if group.Rank() == 0 {
		log.Info().Int("processes", group.Size()).Msg("joined")
	} else {
		ctx = log.With().Int("rank", group.Rank()).Logger().WithContext(progress.With(ctx, nil))
	}
	return share(torch.WithGroup(ctx, group), group, work)
}

// share is Together in a group. When another process is gone it returns at once,
// whatever this one waits for.
func share(ctx context.Context, group *torch.Group, work func(context.Context) error) error {
	done := make(chan error, 1)
	go func() {
		if group.Rank() > 0 {
			done <- dpo.Follow(ctx)
			return
		}
		err := work(ctx)
		if err == nil {
			err = dpo.Dismiss(ctx)
		}
		done <- err
	}()
	var err error
	select {
	case err = <-done:
	case <-group.Lost():
		err = group.Err()
	}
	switch {
	case errors.Is(err, flow.ErrInterrupted):
		group.Leave(nil)
	default:
		group.Leave(err)
	}
	if err != nil && group.Rank() > 0 {
		return fmt.Errorf("process %d of %d: %w", group.Rank(), group.Size(), err)
	}
	return err
}

// Report writes the report of a run that is complete.
func (r Run) Report(w io.Writer) error {
	return r.with(func(store *flow.Store, l *loop) error { return r.report(store, l, w) })
}

// Explain prints what Do would run and why, and what it will take. Reasons are
// cut to fit a line unless they are wanted in full.
func (r Run) Explain(w io.Writer, full bool) error {
	return r.with(func(store *flow.Store, l *loop) error {
		steps, err := store.Plan(l.stages)
		if err != nil {
			return err
		}
		return printPlan(w, l, steps, full)
	})
}

// with resolves what the run reads, checks it, and opens the run folder.
func (r Run) with(fn func(*flow.Store, *loop) error) error {
	var err error
	if r.Config, err = onDevice(r.Config); err != nil {
		return err
	}
	store, err := flow.Open(r.Dir)
	if err != nil {
		return err
	}
	defer store.Close()
	in, err := resolve(r.Config, store.Dir())
	if err != nil {
		return err
	}
	return fn(store, plan(r.Config, in))
}

// onDevice names the device that auto stands for.
func onDevice(c configs.Config) (configs.Config, error) {
	if c.Device != "auto" {
		return c, nil
	}
	device, err := torch.OpenDevice("auto")
	if c.Device = "cpu"; device != torch.CPU {
		c.Device = "cuda"
	}
	return c, err
}

// An InputError is a fault in what the user gave: a model folder, a prompt
// file. Nothing was run.
type InputError struct{ Err error }

func (e *InputError) Error() string { return e.Err.Error() }
func (e *InputError) Unwrap() error { return e.Err }

// A ReaderError is of a file that the process which reads it did not survive.
type ReaderError = table.ReaderError

func inputError(format string, args ...any) error {
	return &InputError{fmt.Errorf(format, args...)}
}
