package flow_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/flow"
)

// join is a kind that writes its config's text and all it reads into one file.
var join = flow.Kind[config]{Name: "join", Version: 1, Run: func(_ context.Context, c config, in flow.In, out *flow.Out) error {
	text := c.Text
	for i := range 2 {
		if dir := in.At(i); dir != "" {
			text += "<" + content(dir) + ">"
		}
	}
	return write(out.Dir(), "text", text)
}}

type config struct {
	Text string  `json:"text"`
	Beta float64 `json:"beta"`
}

// content is the text of a source file or of a join's artifact.
func content(path string) string {
	if b, err := os.ReadFile(filepath.Join(path, "text")); err == nil {
		return string(b)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b)
}

func write(dir, name, text string) error {
	return os.WriteFile(filepath.Join(dir, name), []byte(text), 0o666)
}

func open(t *testing.T, dir string) *flow.Store {
	t.Helper()
	s, err := flow.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func steps(t *testing.T, s *flow.Store, plan []flow.Stage) []flow.Step {
	t.Helper()
	steps, err := s.Plan(plan)
	if err != nil {
		t.Fatal(err)
	}
	return steps
}

// result is the text that a stage of the plan made.
func result(t *testing.T, s *flow.Store, plan []flow.Stage, name string) string {
	t.Helper()
	for _, step := range steps(t, s, plan) {
		if step.Name == name {
			dir, ok := s.Path(step.Fingerprint)
			if !ok {
				t.Fatalf("%s has no artifact", name)
			}
			return content(dir)
		}
	}
	t.Fatalf("no stage %s", name)
	return ""
}

func run(t *testing.T, s *flow.Store, plan []flow.Stage) {
	t.Helper()
	if err := s.Run(t.Context(), plan); err != nil {
		t.Fatal(err)
	}
}

// whys is the plan's steps as lines.
func whys(t *testing.T, s *flow.Store, plan []flow.Stage) (lines []string) {
	t.Helper()
	for _, step := range steps(t, s, plan) {
		state := "run"
		if step.Done {
			state = "keep"
		}
		lines = append(lines, fmt.Sprintf("%s %s: %s", state, step.Name, step.Why))
	}
	return lines
}

func TestPlanReusesWhatDidNotChange(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "prompts")
	if err := os.WriteFile(source, []byte("p"), 0o666); err != nil {
		t.Fatal(err)
	}
	plan := func(beta float64, version int) []flow.Stage {
		second := join
		second.Version = version
		return []flow.Stage{
			flow.Source("prompts", source),
			join.With(config{Text: "a"}, "first", "prompts"),
			second.With(config{Text: "b", Beta: beta}, "second", "first", ""),
			join.With(config{Text: "c"}, "third", "second"),
		}
	}
	s := open(t, filepath.Join(dir, "run"))
	check := func(p []flow.Stage, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, whys(t, s, p)); diff != "" {
			t.Errorf("plan (-want +got):\n%s", diff)
		}
	}
	check(plan(0.1, 1), "run first: no artifact yet", "run second: no artifact yet", "run third: no artifact yet")
	run(t, s, plan(0.1, 1))
	check(plan(0.1, 1), "keep first: unchanged", "keep second: unchanged", "keep third: unchanged")
	if got, want := result(t, s, plan(0.1, 1), "third"), "c<b<a<p>>>"; got != want {
		t.Errorf("third is %q, want %q", got, want)
	}
	check(plan(0.05, 1), "keep first: unchanged", "run second: config changed: beta 0.1 -> 0.05", "run third: input second changed")
	check(plan(0.1, 2), "keep first: unchanged", "run second: stage version 1 -> 2", "run third: input second changed")
	if err := os.WriteFile(source, []byte("q"), 0o666); err != nil {
		t.Fatal(err)
	}
	check(plan(0.05, 1), "run first: input prompts changed", "run second: config changed: beta 0.1 -> 0.05; input first changed",
		"run third: input second changed")
}

func TestEqualStagesShareAnArtifact(t *testing.T) {
	s := open(t, t.TempDir())
	plan := []flow.Stage{
		join.With(config{Text: "a"}, "one"),
		join.With(config{Text: "a"}, "two", ""),
		join.With(config{Text: "b"}, "last", "two"),
	}
	want := []string{"run one: no artifact yet", "run two: same as one", "run last: no artifact yet"}
	if diff := cmp.Diff(want, whys(t, s, plan)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	run(t, s, plan)
	if got, want := result(t, s, plan, "last"), "b<a>"; got != want {
		t.Errorf("last is %q, want %q", got, want)
	}
	if got := artifacts(t, s); len(got) != 2 || !strings.HasPrefix(got[1], "one-") {
		t.Errorf("artifacts are %v, want those of last and one", got)
	}
}

func artifacts(t *testing.T, s *flow.Store) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.Dir(), "artifacts"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestBadPlans(t *testing.T) {
	a := join.With(config{}, "a")
	tests := []struct {
		name string
		plan []flow.Stage
		want string
	}{
		{"twice", []flow.Stage{a, a}, "two entries are named a"},
		{"unknown", []flow.Stage{join.With(config{}, "b", "a"), a}, "stage b reads a, which nothing before it makes"},
		{"itself", []flow.Stage{join.With(config{}, "b", "b")}, "stage b reads b"},
		{"path", []flow.Stage{join.With(config{}, "../b")}, `name "../b"`},
		{"temporary", []flow.Stage{join.With(config{}, "b.tmp")}, `name "b.tmp"`},
		{"source", []flow.Stage{flow.Source("s", "no/such/file")}, "source s: "},
		{"config", []flow.Stage{flow.Kind[func()]{Name: "k"}.With(nil, "f")}, "stage f: its config cannot be fingerprinted"},
	}
	s := open(t, t.TempDir())
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if err := s.Run(t.Context(), tt.plan); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("Run says %v, want %q", err, tt.want)
			}
		})
	}
}

func TestDamage(t *testing.T) {
	tests := []struct {
		name   string
		damage func(dir string) error
		run    string // what Run says
		verify string // what Verify says
	}{
		{"cut", func(dir string) error { return write(dir, "text", "") }, "text is corrupt: it has 0 bytes", "text is corrupt: it has 0 bytes"},
		{"gone", func(dir string) error { return os.Remove(filepath.Join(dir, "text")) }, "text is corrupt: it is missing", "it is missing"},
		{"flip", func(dir string) error { return write(dir, "text", "A") }, "", "text is corrupt: its content changed"},
		{"extra", func(dir string) error { return write(dir, "more", "") }, "", "more is corrupt: it is not on record"},
		{"none", func(dir string) error { return nil }, "", ""},
		{"deleted", os.RemoveAll, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := open(t, t.TempDir())
			plan := []flow.Stage{join.With(config{Text: "a"}, "one")}
			run(t, s, plan)
			dir, _ := s.Path(steps(t, s, plan)[0].Fingerprint)
			if err := tt.damage(dir); err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(s.Verify(t.Context())); !strings.Contains(got, tt.verify) || (tt.verify == "") != (got == "[]") {
				t.Errorf("Verify says %s, want %q", got, tt.verify)
			}
			err := s.Run(t.Context(), plan)
			if bad := (*flow.CorruptError)(nil); errors.As(err, &bad) != (tt.run != "") {
				t.Errorf("Run says %v, want %q", err, tt.run)
			}
			if err != nil && !strings.Contains(err.Error(), tt.run) {
				t.Errorf("Run says %v, want %q", err, tt.run)
			}
		})
	}
}

func TestBusy(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	_, err := flow.Open(dir)
	var busy *flow.BusyError
	if !errors.As(err, &busy) || busy.PID != os.Getpid() || busy.Host == "" {
		t.Fatalf("a second Open says %v, want a BusyError naming this process", err)
	}
	s.Close()
	open(t, dir)
}

func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	kind := counting(func(done int) {
		if done == 3 {
			cancel()
		}
	})
	plan := []flow.Stage{kind.With(8, "count")}
	s := open(t, t.TempDir())
	if err := s.Run(ctx, plan); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("Run says %v, want ErrInterrupted", err)
	}
	if err := s.Run(ctx, plan); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("Run under an ended context says %v, want ErrInterrupted", err)
	}
	want := []string{"run count: no artifact yet; continues after 3 parts"}
	if diff := cmp.Diff(want, whys(t, s, plan)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	var fresh int
	run(t, s, []flow.Stage{counting(func(int) { fresh++ }).With(8, "count")})
	if fresh != 5 {
		t.Errorf("the second run made %d parts, want the 5 that were missing", fresh)
	}
	if got, want := result(t, s, plan, "count"), "01234567"; got != want {
		t.Errorf("count is %q, want %q", got, want)
	}
	if left, _ := os.ReadDir(filepath.Join(s.Dir(), "work")); len(left) > 0 {
		t.Errorf("work still holds %v", left)
	}
}

// counting is a kind that commits n parts of a digit each and joins them. It
// calls after with how many there are whenever it made one.
func counting(after func(done int)) flow.Kind[int] {
	return flow.Kind[int]{Name: "count", Run: func(ctx context.Context, n int, _ flow.In, out *flow.Out) error {
		var text bytes.Buffer
		for i := range n {
			if err := ctx.Err(); err != nil {
				return err
			}
			name, digit := fmt.Sprintf("part-%d", i), fmt.Sprint(i)
			dir, ok := out.Part(name)
			if !ok {
				if err := out.Commit(name, func(dir string) error { return write(dir, "text", digit) }); err != nil {
					return err
				}
				after(i + 1)
			}
			text.WriteString(content(dir))
		}
		return write(out.Dir(), "text", text.String())
	}}
}

func TestParts(t *testing.T) {
	s := open(t, t.TempDir())
	fault := errors.New("stop here")
	var seen []string
	stage := func(body func(out *flow.Out) error) []flow.Stage {
		return []flow.Stage{flow.Kind[int]{Name: "k", Run: func(_ context.Context, _ int, _ flow.In, out *flow.Out) error {
			seen = out.Parts()
			return body(out)
		}}.With(0, "k")}
	}
	commit := func(out *flow.Out, name, text string) {
		t.Helper()
		if err := out.Commit(name, func(dir string) error { return write(dir, "text", text) }); err != nil {
			t.Error(err)
		}
	}
	err := s.Run(t.Context(), stage(func(out *flow.Out) error {
		commit(out, "a", "old")
		commit(out, "b", "b")
		commit(out, "c", "c")
		commit(out, "d", "d")
		commit(out, "a", "new")
		if err := out.Commit("e", func(string) error { return fault }); !errors.Is(err, fault) {
			t.Errorf("Commit says %v, want the writer's error", err)
		}
		if err := out.Commit("../e", func(string) error { return nil }); err == nil {
			t.Error("Commit takes a path for a name")
		}
		if err := out.Drop("b"); err != nil {
			t.Error(err)
		}
		dir, _ := out.Part("c")
		write(dir, "text", "C") // as a bad disk would
		write(out.Dir(), "half", "")
		return fault
	}))
	if !errors.Is(err, fault) {
		t.Fatalf("Run says %v, want the stage's error", err)
	}
	run(t, s, stage(func(out *flow.Out) error {
		if want := []string{"a", "d"}; !slices.Equal(seen, want) {
			t.Errorf("parts are %v, want %v: b was dropped, c damaged, e never whole", seen, want)
		}
		dir, ok := out.Part("a")
		if got := content(dir); !ok || got != "new" {
			t.Errorf("part a is %q, want the newer", got)
		}
		if left, _ := os.ReadDir(out.Dir()); len(left) > 0 {
			t.Errorf("Dir holds %v, want nothing", left)
		}
		return nil
	}))
}

func TestInputsByNameAndPlace(t *testing.T) {
	s := open(t, t.TempDir())
	one := join.With(config{Text: "a"}, "one")
	print := steps(t, s, []flow.Stage{one})[0].Fingerprint
	look := flow.Kind[int]{Name: "look", Run: func(_ context.Context, _ int, in flow.In, out *flow.Out) error {
		dir, _ := s.Path(print)
		got := []any{in.Path("one"), in.Path("two"), in.Path(""), in.At(0), in.At(1), in.At(2), in.Fingerprint("one"), in.Fingerprint("two")}
		want := []any{dir, "", "", "", dir, "", print, flow.Fingerprint{}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("inputs (-want +got):\n%s", diff)
		}
		return nil
	}}
	run(t, s, []flow.Stage{one, look.With(0, "look", "", "one")})
}

func TestStageMayNotLink(t *testing.T) {
	s := open(t, t.TempDir())
	link := flow.Kind[int]{Name: "link", Run: func(_ context.Context, _ int, _ flow.In, out *flow.Out) error {
		return os.Symlink("/etc/passwd", filepath.Join(out.Dir(), "x"))
	}}
	if err := s.Run(t.Context(), []flow.Stage{link.With(0, "link")}); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("Run says %v, want a refusal of the link", err)
	}
}

func TestFullDiskInAStage(t *testing.T) {
	s := open(t, t.TempDir())
	full := flow.Kind[int]{Name: "full", Run: func(_ context.Context, _ int, _ flow.In, out *flow.Out) error {
		return fmt.Errorf("write row: %w", &os.PathError{Op: "write", Path: "x", Err: syscall.ENOSPC})
	}}
	err := s.Run(t.Context(), []flow.Stage{full.With(0, "full")})
	var disk *flow.DiskError
	if !errors.As(err, &disk) || disk.Dir != s.Dir() || disk.Free == 0 {
		t.Errorf("Run says %v, want a DiskError naming the folder and its free bytes", err)
	}
}

func TestOpenSweepsTemporaries(t *testing.T) {
	dir := t.TempDir()
	work := filepath.Join(dir, "work", flow.Fingerprint{1}.String()) // of a plan long given up
	for _, sub := range []string{"out.tmp/model", "parts/step-1.tmp", "parts/step-0"} {
		if err := os.MkdirAll(filepath.Join(work, sub), 0o777); err != nil {
			t.Fatal(err)
		}
	}
	open(t, dir)
	var left []string
	for _, sub := range []string{"", "parts"} {
		entries, err := os.ReadDir(filepath.Join(work, sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, e.Name())
		}
	}
	if want := []string{"parts", "step-0"}; !slices.Equal(left, want) {
		t.Errorf("after Open the work folder holds %v, want %v", left, want)
	}
}
