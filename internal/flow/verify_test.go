package flow

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVerifyNamesEveryFlippedByte changes one byte of one file at a time.
func TestVerifyNamesEveryFlippedByte(t *testing.T) {
	dir := t.TempDir()
	if err := runLong(t.Context(), dir, quickFS{}, calm(t)); err != nil {
		t.Fatal(err)
	}
	s, err := open(dir, quickFS{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	rng := rand.New(rand.NewPCG(5, 6))
	artifacts := filepath.Join(dir, "artifacts")
	for name, text := range tree(t, artifacts) {
		for range 20 {
			bytes := []byte(text)
			bytes[rng.IntN(len(bytes))] ^= 1 << rng.IntN(8)
			if err := os.WriteFile(filepath.Join(artifacts, name), bytes, 0o666); err != nil {
				t.Fatal(err)
			}
			bad := s.Verify(t.Context())
			if len(bad) != 1 || !strings.Contains(bad[0].Error(), filepath.Join(artifacts, name)+" is corrupt") {
				t.Fatalf("with a flip in %s, Verify says %v", name, bad)
			}
		}
		if err := os.WriteFile(filepath.Join(artifacts, name), []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if bad := s.Verify(t.Context()); len(bad) > 0 {
		t.Errorf("with all bytes back, Verify says %v", bad)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if bad := s.Verify(ctx); len(bad) != 1 || !errors.Is(bad[0], ErrInterrupted) {
		t.Errorf("under an ended context, Verify says %v", bad)
	}
}

// TestFlippedManifest changes one byte of the manifest at a time: opening names
// the file, or takes the last record as torn and has its stage run again.
func TestFlippedManifest(t *testing.T) {
	w, dir := calm(t), t.TempDir()
	if err := runLong(t.Context(), dir, quickFS{}, w); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "manifest.jsonl")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 8))
	for range 100 {
		at := rng.IntN(len(whole) - 1) // all but the last newline
		text := append([]byte(nil), whole...)
		text[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			t.Fatal(err)
		}
		s, err := open(dir, quickFS{})
		if err == nil {
			s.Close()
		}
		if bad := (*CorruptError)(nil); !errors.As(err, &bad) || bad.File != "manifest.jsonl" {
			t.Errorf("with byte %d of %q flipped, open says %v", at, whole[max(at-9, 0):at+9], err)
		}
	}
}
