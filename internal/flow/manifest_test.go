package flow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestReadManifest lists each artifact once with what it was made from, while
// the run folder is held by a run; a damaged line is an error.
func TestReadManifest(t *testing.T) {
	dir := t.TempDir()
	if err := runLong(t.Context(), dir, quickFS{}, calm(t)); err != nil {
		t.Fatal(err)
	}
	s, err := open(dir, quickFS{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	all, err := ReadManifest(dir)
	if err != nil || len(all) != len(s.made) || len(all) < 2 {
		t.Fatalf("got %d artifacts, %v, want %d", len(all), err, len(s.made))
	}
	for _, m := range all {
		r := s.made[m.Print]
		path, ok := s.Path(m.Print)
		if !ok || m.Dir != path || m.Name != r.Name || m.Kind != r.Kind || len(m.Inputs) != len(r.Inputs) {
			t.Errorf("got %+v, want %+v at %s", m, r, path)
		}
		for _, print := range r.Inputs {
			if !slices.Contains(m.Inputs, print) {
				t.Errorf("%s: input %s is missing", m.Name, print.Short())
			}
		}
	}
	path := filepath.Join(dir, "manifest.jsonl")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), "kind", "kinD", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadManifest(dir); err == nil || !strings.Contains(err.Error(), "checksum") {
		t.Errorf("a damaged manifest: got %v", err)
	}
}
