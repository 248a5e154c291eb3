package main

import (
	"context"
	"flag"
	"fmt"
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
	if err := makePolicy(ctx, w, work, seed); err != nil {
		return fmt.Errorf("policy: %w", err)
	}
	if err := makeReward(ctx, w, work, seed); err != nil {
		return fmt.Errorf("reward model: %w", err)
	}
	for _, name := range []string{"policy", "reward"} {
		if err := os.RemoveAll(filepath.Join(out, name)); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(work, name), filepath.Join(out, name)); err != nil {
			return err
		}
	}
	return nil
}

// say prints a line of progress.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
