package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"

	"radpo/internal/torch"
)

// threads an operator may use. Fixed, because sums depend on it in their last
// bits and the models shall not; one, because such small operators wait for
// each other more than they gain.
const threads = 1

func main() {
	out := flag.String("out", filepath.Join("demo", "models"), "folder for the model folders policy and reward")
	seed := flag.Uint64("seed", 1, "seed of all draws")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := build(ctx, *out, *seed); err != nil {
		fmt.Fprintln(os.Stderr, "make:", err)
		os.Exit(1)
	}
}

// build makes both models aside and puts them in place when they are whole.
func build(ctx context.Context, out string, seed uint64) error {
	work, err := os.MkdirTemp(out, ".make-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	torch.SetThreads(threads)
	w, err := newWords(seed)
	if err != nil {
		return err
	}
	in := func(name string) string { return filepath.Join(work, name) }
	if err := w.startPolicy(in("start"), rand.New(rand.NewPCG(seed, 0))); err != nil {
		return err
	}
	if err := w.trainPolicy(ctx, in("start"), in("spoken"), firstLessons, seed); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	err = both(ctx,
		func(ctx context.Context) error {
			return w.trainPolicy(ctx, in("spoken"), in("policy"), lastLessons, seed+1)
		},
		func(ctx context.Context) error {
			return w.trainReward(ctx, in("spoken"), in("start-reward"), in("reward"), seed+2)
		})
	if err != nil {
		return err
	}
	for _, name := range []string{"policy", "reward"} {
		if err := os.RemoveAll(filepath.Join(out, name)); err != nil {
			return err
		}
		if err := os.Rename(in(name), filepath.Join(out, name)); err != nil {
			return err
		}
	}
	return nil
}

// both runs f and g side by side; where one fails the other is called off.
func both(ctx context.Context, f, g func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 2)
	for _, work := range []func(context.Context) error{f, g} {
		go func() {
			err := work(ctx)
			if err != nil {
				stop()
			}
			done <- err
		}()
	}
	return errors.Join(<-done, <-done)
}

// say prints a line of progress.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
