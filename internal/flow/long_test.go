package flow

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A world is what the stages of the long plan do between writes: tests count,
// wait, crash or cancel there.
type world struct {
	source string
	made   func() // a part was written and committed
	point  func() // anything else happened
}

// digits of a long plan's segments, and steps of its training.
const (
	segments = 4
	training = 6
)

// longPlan has a stage of segments, one that reads two inputs, and one that
// keeps its newest checkpoint alone: the shapes of all long stages.
func longPlan(w world) []Stage {
	segment := Kind[int]{Name: "segment", Run: func(ctx context.Context, n int, in In, out *Out) error {
		return w.segment(ctx, n, in, out)
	}}
	merge := Kind[int]{Name: "merge", Run: func(_ context.Context, _ int, in In, out *Out) error {
		return w.write(out.Dir(), "text", w.read(in.At(0), "")+w.read(in.At(1), "text"))
	}}
	train := Kind[int]{Name: "train", Run: func(ctx context.Context, n int, in In, out *Out) error {
		return w.train(ctx, n, in, out)
	}}
	return []Stage{
		Source("source", w.source),
		segment.With(segments, "segments-1", "source"),
		merge.With(0, "merged-1", "source", "segments-1"),
		train.With(training, "policy-1", "merged-1"),
		segment.With(segments, "segments-2", "policy-1"),
	}
}

// parts that the long plan commits in all.
const longParts = 2*segments + training

// segment commits n parts and joins them.
func (w world) segment(ctx context.Context, n int, in In, out *Out) error {
	var all strings.Builder
	for i := range n {
		if err := ctx.Err(); err != nil {
			return err
		}
		name := fmt.Sprintf("segment-%05d", i)
		text := fmt.Sprintf("%d of %s\n", i, in.Print(0).Short())
		dir, old, err := out.Ensure(name, func(dir string) error { return w.write(dir, "text", text) })
		if err != nil {
			return err
		}
		if !old {
			w.made()
		}
		all.WriteString(w.read(dir, "text"))
	}
	return w.write(out.Dir(), "text", all.String())
}

// train extends a text by one step at a time, from its newest checkpoint.
func (w world) train(ctx context.Context, n int, in In, out *Out) error {
	state, done := w.read(in.At(0), "text"), 0
	for _, name := range out.Parts() {
		dir, _ := out.Part(name)
		state = w.read(dir, "state")
		if _, err := fmt.Sscanf(name, "step-%d", &done); err != nil {
			return err
		}
	}
	for step := done + 1; step <= n; step++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		state += fmt.Sprintf("step %d after %d bytes\n", step, len(state))
		err := out.Commit(fmt.Sprintf("step-%06d", step), func(dir string) error { return w.write(dir, "state", state) })
		if err != nil {
			return err
		}
		w.made()
		if err := out.Drop(fmt.Sprintf("step-%06d", step-1)); err != nil {
			return err
		}
	}
	if err := w.write(out.Dir(), "model/weights", state); err != nil {
		return err
	}
	return w.write(out.Dir(), "config", "{}")
}

func (w world) write(dir, name, text string) error {
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		return err
	}
	w.point()
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		return err
	}
	w.point()
	return nil
}

func (w world) read(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return err.Error() // shows up in the artifacts, which are compared
	}
	return string(b)
}

// calm is a world in which nothing happens.
func calm(t *testing.T) world {
	t.Helper()
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, []byte("prompts\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	return world{source: source, made: func() {}, point: func() {}}
}

// unbroken is the artifacts of a run of the long plan that nothing disturbs.
func unbroken(t *testing.T, w world) map[string]string {
	t.Helper()
	dir := t.TempDir()
	if err := runLong(t.Context(), dir, osFS{}, w); err != nil {
		t.Fatal(err)
	}
	return tree(t, filepath.Join(dir, "artifacts"))
}

func runLong(ctx context.Context, dir string, fsys fsys, w world) error {
	s, err := open(dir, fsys)
	if err != nil {
		return err
	}
	defer s.Close()
	return s.Run(ctx, longPlan(w))
}

// quickFS does not wait for the disk: nothing cuts the power to the tests.
type quickFS struct{ osFS }

func (quickFS) sync(string) error { return nil }

func (quickFS) append(path string, at int64, line []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(at); err != nil {
		return err
	}
	_, err = f.WriteAt(line, at)
	return err
}

// checkLong finishes the long plan in dir and holds the result to want.
func checkLong(t *testing.T, dir string, w world, want map[string]string) {
	t.Helper()
	s, err := open(dir, quickFS{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Run(t.Context(), longPlan(w)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, tree(t, filepath.Join(dir, "artifacts"))); diff != "" {
		t.Errorf("artifacts differ from an unbroken run's (-want +got):\n%s", diff)
	}
	if left := tree(t, filepath.Join(dir, "work")); len(left) > 0 {
		t.Errorf("work still holds %v", left)
	}
	if bad := s.Verify(t.Context()); len(bad) > 0 {
		t.Errorf("Verify says %v", bad)
	}
}

// tree maps the files below dir to their content.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(path)
		files[rel] = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
