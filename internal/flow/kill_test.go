package flow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const (
	childDir    = "FLOW_TEST_RUN_FOLDER"
	childSource = "FLOW_TEST_SOURCE"
)

// TestMain runs the long plan, slowly, when TestKill starts this binary again.
func TestMain(m *testing.M) {
	dir := os.Getenv(childDir)
	if dir == "" {
		useMemory()
		os.Exit(m.Run())
	}
	fmt.Println("started")
	pause := func() { time.Sleep(time.Millisecond) }
	w := world{source: os.Getenv(childSource), made: pause, point: pause}
	if err := runLong(context.Background(), dir, osFS{}, w); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// useMemory puts the tests' folders into memory where there is such a folder:
// thousands of small files on a busy disk take most of the tests' time.
func useMemory() {
	const memory = "/dev/shm"
	if info, err := os.Stat(memory); err == nil && info.IsDir() && os.Getenv("TMPDIR") == "" {
		os.Setenv("TMPDIR", memory)
	}
}

// TestKill sends SIGKILL to real processes at random times, in one run folder
// after another, and finishes each folder to what an unbroken run makes.
func TestKill(t *testing.T) {
	const enough = 25
	w := calm(t)
	want := unbroken(t, w)
	rng := rand.New(rand.NewPCG(3, 4))
	kills := 0
	for kills < enough {
		dir := filepath.Join(t.TempDir(), "run")
		// Longer each time, so that a busy machine finishes at last.
		for most := 50; !startAndKill(t, dir, w.source, time.Duration(rng.IntN(most))*time.Millisecond); most += 5 {
			kills++
		}
		checkLong(t, dir, w, want)
	}
	t.Logf("%d kills", kills)
}

// TestBusyProcess starts a process on a run folder that this one holds.
func TestBusyProcess(t *testing.T) {
	dir := t.TempDir()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := child(t, dir, calm(t).source).CombinedOutput()
	host, _ := os.Hostname()
	want := fmt.Sprintf("run folder %s is in use by process %d on %s", dir, os.Getpid(), host)
	if err == nil || !strings.Contains(string(out), want) {
		t.Errorf("the second process says %q and ends with %v, want %q", out, err, want)
	}
}

// child is this binary, to run the long plan.
func child(t *testing.T, dir, source string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), childDir+"="+dir, childSource+"="+source,
		"GORACE=atexit_sleep_ms=0") // else a second passes at each end under -race
	return cmd
}

// startAndKill runs the plan in a process of its own and kills it after a
// while, counted from its first line. It says whether the process finished first.
func startAndKill(t *testing.T, dir, source string, after time.Duration) bool {
	t.Helper()
	cmd := child(t, dir, source)
	cmd.Stderr = os.Stderr
	started, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := started.Read(make([]byte, 1)); err != nil {
		t.Fatalf("the process never started: %v", err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	err = cmd.Wait()
	if err != nil && cmd.ProcessState.Exited() {
		t.Fatalf("the run failed by itself: %v", err)
	}
	return err == nil
}
