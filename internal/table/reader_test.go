package table_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

// TestReaderRoutes: a process of its own reads what this one would, of sound
// files and of damaged ones, errors too.
func TestReaderRoutes(t *testing.T) {
	var files []string
	r, dir := rand.New(rand.NewPCG(5, 6)), t.TempDir()
	for _, path := range append(foreignFiles(t), scoredFiles(t)...) {
		files = append(files, path)
		whole, err := os.ReadFile(path)
		if err != nil || strings.HasSuffix(path, ".jsonl") {
			continue // a folder
		}
		mutant := filepath.Join(dir, strings.ReplaceAll(path, "/", "-"))
		if err := os.WriteFile(mutant, mutate(r, whole), 0o666); err != nil {
			t.Fatal(err)
		}
		files = append(files, mutant)
	}
	read := func() (all []any) {
		for _, path := range files {
			if strings.Contains(path, "scored") {
				rows, errs := scored(path)
				all = append(all, []any{path, rows, errs})
				continue
			}
			rows, errs := prompts(table.ReadPrompts(path, table.PromptOptions{}))
			all = append(all, []any{path, rows, errs})
		}
		return all
	}
	apart := read()
	table.ReadHere(t)
	if d := cmp.Diff(apart, read(), cmpopts.EquateNaNs()); d != "" {
		t.Errorf("in a process of its own and in this one (-got +want):\n%s", d)
	}
}

// TestReaderEnds: whatever becomes of the process that reads a file, this one
// has the rows up to there, and an error that says what happened.
func TestReaderEnds(t *testing.T) {
	path := filepath.Join("testdata", "foreign", "zstd.parquet")
	for name, want := range map[string]string{
		"hangs":  "had no rows for 300ms",
		"panics": "failed (panic: in a goroutine)",
		"dies":   "was ended by the signal killed",
		"eats":   "wants more memory than the 64 MB that a file of this size may take",
	} {
		t.Run(name, func(t *testing.T) {
			table.ReadAs(t, name)
			rows, last := 0, error(nil)
			for p, err := range table.ReadPrompts(path, table.PromptOptions{Column: "prompt"}).Rows() {
				if last = err; err == nil && p.Messages[0].Content == "whole" {
					rows++
				}
			}
			want := path + ": the process that reads it " + want
			var of *table.ReaderError
			if !errors.As(last, &of) || !strings.Contains(last.Error(), want) || rows != 1 {
				t.Errorf("got %d rows and the error %v, want 1 row and %q", rows, last, want)
			}
		})
	}
}

// TestReaderLeft: the process ends when the one that started it has.
func TestReaderLeft(t *testing.T) {
	if err := table.Leave(filepath.Join("testdata", "foreign", "zstd.parquet")); err == nil || err.Error() != "exit status 1" {
		t.Errorf("got %v, want exit status 1", err)
	}
}

// TestReaderStops: a walk that is left early is no error, and leaves no process.
func TestReaderStops(t *testing.T) {
	for p, err := range table.ReadPrompts(filepath.Join("testdata", "foreign", "folder"), table.PromptOptions{}).Rows() {
		if err != nil || p.ID != "id0" {
			t.Errorf("got %v, error %v", p, err)
		}
		break
	}
	threads, _ := filepath.Glob("/proc/self/task/*/children")
	for _, children := range threads {
		if left, err := os.ReadFile(children); len(left) > 0 || err != nil {
			t.Errorf("processes %s are left, error %v", left, err)
		}
	}
	if len(threads) == 0 {
		t.Error("no threads found")
	}
}
