package pipeline_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radpo/internal/progress"
	"radpo/internal/torch"
	"radpo/pipeline"
)

// childDir in the environment makes this test binary a run of its own, in that
// folder.
const childDir = "RADPO_TEST_RUN"

func TestMain(m *testing.M) {
	torch.SetThreads(1)
	for name, become := range map[string]func(dir string) error{childDir: child, serveDir: serveChild} {
		if dir := os.Getenv(name); dir != "" {
			if err := become(dir); err != nil {
				fmt.Fprintln(os.Stderr, "failed:", err)
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

func child(dir string) error {
	c, err := shrink([]string{"prompts.per_iteration=70"})
	if err != nil {
		return err
	}
	ctx := progress.With(context.Background(), progress.New(os.Stderr, false))
	return pipeline.Run{Config: c, Dir: dir}.Do(ctx, os.Stdout)
}

// TestKilledRunEndsTheSame kills a run by SIGKILL shortly after each of its
// stages begins, starts it again each time, and compares every byte of its
// tables, policies, metrics and report.json with a run that was left alone.
func TestKilledRunEndsTheSame(t *testing.T) {
	whole, broken := t.TempDir(), t.TempDir()
	if _, err := runUntil(t, whole, nil, 0); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	struck := map[string]bool{}
	for {
		stage, err := runUntil(t, broken, struck, time.Duration(rng.IntN(120))*time.Millisecond)
		if err != nil {
			t.Fatal(err)
		}
		if stage == "" {
			break
		}
		struck[stage] = true
	}
	if len(struck) < 20 {
		t.Errorf("only %d kills", len(struck))
	}
	t.Logf("%d kills", len(struck))
	want, got := digests(t, whole), digests(t, broken)
	for name, sum := range want {
		if got[name] != sum {
			t.Errorf("%s differs", name)
		}
	}
	if len(got) != len(want) || len(want) < 40 {
		t.Errorf("%d files, want %d", len(got), len(want))
	}
}

// runUntil runs in dir. It kills the run the given time after it begins a
// stage that is not in struck, and returns that stage; "" when the run ended.
// Without struck nothing is killed.
func runUntil(t *testing.T, dir string, struck map[string]bool, after time.Duration) (string, error) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, "CI=1")
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	var log bytes.Buffer
	target := ""
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		log.WriteString(lines.Text() + "\n")
		if stage, ok := begins(lines.Text()); ok && struck != nil && target == "" && !struck[stage] {
			target = stage
			time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		}
	}
	err = cmd.Wait()
	if err != nil && target == "" {
		return "", fmt.Errorf("%w\n%s", err, log.String())
	}
	return target, nil
}

// begins reads a line of plain progress: "[3/14] samples-1 started", say.
func begins(line string) (string, bool) {
	f := strings.Fields(line)
	if len(f) < 2 || !strings.HasPrefix(f[0], "[") || strings.Contains(line, "reused") {
		return "", false
	}
	return strings.TrimSuffix(f[1], ":"), true
}

// digests is the hash of every file that may not depend on when it was made.
func digests(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if !strings.HasPrefix(name, "artifacts") && name != "report.json" {
			return nil
		}
		data, err := os.ReadFile(path)
		out[name] = fmt.Sprintf("%x", sha256.Sum256(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}
