package flow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"radpo/internal/progress"
)

// Run makes every artifact of the plan that the store lacks, in order. When ctx
// ends, its error wraps ErrInterrupted and the same call continues later. A
// full disk is a *DiskError, a damaged artifact a *CorruptError.
func (s *Store) Run(ctx context.Context, plan []Stage) error {
	nodes, err := s.resolve(ctx, plan)
	if err != nil {
		return s.explain(ctx, err)
	}
	var todo []string
	for _, n := range nodes { // all, before hours are spent on the first
		done, err := s.have(n.print)
		if err != nil {
			return fmt.Errorf("stage %s: %w", n.Name, err)
		}
		if !done {
			todo = append(todo, n.Name)
		}
	}
	display := progress.From(ctx)
	display.Plan(todo)
	defer display.Stop()
	for i, n := range nodes {
		if err := s.ensure(ctx, display, i, len(nodes), n); err != nil {
			return s.explain(ctx, fmt.Errorf("stage %s: %w", n.Name, err))
		}
	}
	return nil
}

// ensure makes the artifact of one stage unless it exists.
func (s *Store) ensure(ctx context.Context, display *progress.Display, i, total int, n node) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	done, err := s.have(n.print)
	if err != nil {
		return err
	}
	if done {
		display.Reused(i+1, total, n.Name)
		return nil
	}
	display.Stage(i+1, total, n.Name)
	if err := s.make(ctx, n); err != nil {
		return err
	}
	display.StageDone()
	return nil
}

// make runs a stage and commits what it wrote.
func (s *Store) make(ctx context.Context, n node) error {
	started := time.Now()
	out, err := openOut(ctx, s.fs, s.work(n.print))
	if err != nil {
		return err
	}
	if err := n.run(ctx, s.in(n), out); err != nil {
		return errors.Join(err, s.fs.removeAll(out.Dir())) // its space may be what is missing
	}
	return s.commit(n, out, started)
}

// in gives a stage the places of its inputs.
func (s *Store) in(n node) In {
	in := In{inputs: make([]input, len(n.inputs))}
	for i, input := range n.inputs {
		if dir, ok := s.Path(input.print); ok {
			input.path = dir
		}
		in.inputs[i] = input
	}
	return in
}

// commit turns what a stage wrote into its artifact. It does not heed
// cancellation: the work is done and only its bytes are left to sync.
func (s *Store) commit(n node, out *Out, started time.Time) error {
	files, err := seal(context.Background(), s.fs, out.Dir())
	if err != nil {
		return err
	}
	if err := move(s.fs, out.Dir(), s.folder(n.Name, n.print)); err != nil {
		return err
	}
	r := record{
		Name: n.Name, Fingerprint: n.print, Kind: n.Kind, Version: n.Version, Config: n.config,
		Inputs: map[string]Fingerprint{}, Files: files,
		Seconds: time.Since(started).Seconds(), Created: time.Now().UTC(),
	}
	for _, in := range n.inputs {
		if in.name != "" {
			r.Inputs[in.name] = in.print
		}
	}
	if err := s.manifest.add(r); err != nil {
		return err
	}
	s.note(r)
	return s.fs.removeAll(out.work)
}
