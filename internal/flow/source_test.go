package flow

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// files writes name, content pairs below dir, older than the clock's step.
func files(t *testing.T, dir string, pairs ...string) {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		path := filepath.Join(dir, pairs[i])
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(pairs[i+1]), 0o666); err != nil {
			t.Fatal(err)
		}
		age(t, path)
	}
}

func age(t *testing.T, path string) {
	t.Helper()
	then := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, then, then); err != nil {
		t.Fatal(err)
	}
}

func sourceStore(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := open(dir, quickFS{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func hash(t *testing.T, s *Store, path string) Fingerprint {
	t.Helper()
	print, err := s.hashSource(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return print
}

func TestSourceIsItsContent(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, "model/config.json", "{}", "model/sub/weights", "abc", "model/.cache/etag", "x")
	s := sourceStore(t, t.TempDir())
	model := filepath.Join(dir, "model")
	want := hash(t, s, model)

	t.Run("copied", func(t *testing.T) {
		files(t, dir, "copy/config.json", "{}", "copy/sub/weights", "abc")
		if got := hash(t, s, filepath.Join(dir, "copy")); got != want {
			t.Error("a copy elsewhere, without hidden files, differs")
		}
	})
	t.Run("linked", func(t *testing.T) { // as in the Hugging Face cache
		files(t, dir, "blobs/1", "{}", "snapshot/sub/weights", "abc")
		if err := os.Symlink("../blobs/1", filepath.Join(dir, "snapshot/config.json")); err != nil {
			t.Fatal(err)
		}
		if got := hash(t, s, filepath.Join(dir, "snapshot")); got != want {
			t.Error("links to the same content differ")
		}
	})
	t.Run("changed", func(t *testing.T) {
		for name, pairs := range map[string][]string{
			"content": {"config.json", "[]", "sub/weights", "abc"},
			"name":    {"config.jsn", "{}", "sub/weights", "abc"},
			"more":    {"config.json", "{}", "sub/weights", "abc", "zero", ""},
			"moved":   {"config.json", "{}", "weights", "abc"},
		} {
			files(t, filepath.Join(dir, name), pairs...)
			if hash(t, s, filepath.Join(dir, name)) == want {
				t.Errorf("a folder that differs in its %s has the same fingerprint", name)
			}
		}
	})
}

func TestSourceIsHashedOnce(t *testing.T) {
	dir := t.TempDir()
	files(t, dir, "weights", "abc")
	path, run := filepath.Join(dir, "weights"), t.TempDir()
	s := sourceStore(t, run)
	first := hash(t, s, path)

	// The same size, time and inode with other bytes shows that no byte was read.
	if err := os.WriteFile(path, []byte("xyz"), 0o666); err != nil {
		t.Fatal(err)
	}
	age(t, path)
	if hash(t, s, path) != first {
		t.Error("the store read a file that it had hashed")
	}
	s.Close()
	s = sourceStore(t, run)
	if hash(t, s, path) != first {
		t.Error("a store opened later read a file that the run had hashed")
	}
	later := time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
	if hash(t, s, path) == first {
		t.Error("the store did not read a file with another time")
	}
}

func TestFreshSourceIsReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "prompts")
	s := sourceStore(t, t.TempDir())
	var prints []Fingerprint
	now := time.Now()
	for _, text := range []string{"abc", "xyz"} {
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now); err != nil { // a clock with a coarse step
			t.Fatal(err)
		}
		prints = append(prints, hash(t, s, path))
	}
	if prints[0] == prints[1] {
		t.Error("a change within the clock's step went unseen")
	}
}

func TestBadSources(t *testing.T) {
	dir := t.TempDir()
	if err := os.Symlink(dir, filepath.Join(dir, "loop")); err != nil {
		t.Fatal(err)
	}
	s := sourceStore(t, t.TempDir())
	for path, want := range map[string]string{
		dir:                          "is it a link to a folder above it?",
		filepath.Join(dir, "absent"): "no such file",
		"/dev/null":                  "not a regular file",
	} {
		if _, err := s.hashSource(t.Context(), path, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("hashing %s says %v, want %q", path, err, want)
		}
	}
	files(t, dir, "ok", "x")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.hashSource(ctx, filepath.Join(dir, "ok"), nil); !errors.Is(err, context.Canceled) {
		t.Errorf("hashing under an ended context says %v", err)
	}
}
