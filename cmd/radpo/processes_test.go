package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// A team is the processes of one training, joined by the environment that
// torchrun gives.
type team struct {
	cmds []*exec.Cmd
	logs []bytes.Buffer
}

// launch starts two processes.
func launch(t *testing.T, args ...string) *team {
	t.Helper()
	return launchMany(t, 2, args...)
}

func launchMany(t *testing.T, size int, args ...string) *team {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skipf("processes need a socket: %v", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	tm := &team{make([]*exec.Cmd, size), make([]bytes.Buffer, size)}
	for rank := range tm.cmds {
		cmd := exec.Command("radpo", args...)
		cmd.Env = append(os.Environ(), fmt.Sprint("WORLD_SIZE=", size), fmt.Sprint("RANK=", rank), "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", port))
		cmd.Stderr = &tm.logs[rank]
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		tm.cmds[rank] = cmd
		t.Cleanup(func() { _ = cmd.Process.Kill() })
	}
	return tm
}

// wait is the exit status of each, -1 for one that was killed.
func (tm *team) wait(t *testing.T) []int {
	t.Helper()
	status := make([]int, len(tm.cmds))
	for rank, cmd := range tm.cmds {
		stop := time.AfterFunc(30*time.Second, func() { _ = cmd.Process.Kill() })
		exit := (*exec.ExitError)(nil)
		if err := cmd.Wait(); errors.As(err, &exit) {
			status[rank] = exit.ExitCode()
		} else if err != nil {
			t.Fatal(err)
		}
		if !stop.Stop() {
			t.Errorf("rank %d did not end in 30 seconds:\n%s", rank, tm.logs[rank].String())
		}
	}
	return status
}

// mustEnd fails unless they end with these statuses; without any, all with 0.
func (tm *team) mustEnd(t *testing.T, want ...int) {
	t.Helper()
	if want == nil {
		want = make([]int, len(tm.cmds))
	}
	if got := tm.wait(t); !slices.Equal(got, want) {
		t.Fatalf("exit status %v, want %v\n%s\n%s", got, want, tm.logs[0].String(), tm.logs[1].String())
	}
}

func curve(t *testing.T, out string) (steps []map[string]float64) {
	t.Helper()
	for line := range strings.Lines(string(read(t, filepath.Join(out, "metrics.jsonl")))) {
		var all map[string]any
		if err := json.Unmarshal([]byte(line), &all); err != nil {
			t.Fatal(err)
		}
		m := map[string]float64{}
		for name, v := range all {
			if x, ok := v.(float64); ok {
				m[name] = x
			}
		}
		steps = append(steps, m)
	}
	return steps
}

// TestTwoProcessesEqualOne: two processes give the curve of one, within 1e-6 of
// a loss in float32 and of ten times that in norms and log-probabilities, for
// losses whose terms couple a step's pairs too; and the same bytes each time.
func TestTwoProcessesEqualOne(t *testing.T) {
	t.Parallel()
	for _, set := range []string{"dpo.loss=sigmoid", "dpo.loss=aot", "dpo.loss=kto", "dpo.loss=bco+sft", "dpo.lora.rank=2", "dpo.shard=parameters"} {
		t.Run(set, func(t *testing.T) {
			dir := t.TempDir()
			args := append(slices.Clone(slow), "--set", set, "--set", "dpo.epochs=2", "--set", "dpo.batch=7", "--set", "dpo.beta=0.1", "--set", "dpo.learning_rate=1e-4", "--out")
			one := filepath.Join(dir, "one")
			if log, err := exec.Command("radpo", append(args, one)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			var two [2]string
			for i := range two {
				two[i] = filepath.Join(dir, fmt.Sprint("two-", i))
				launch(t, append(args, two[i])...).mustEnd(t)
			}
			for _, name := range []string{"model.safetensors", "metrics.jsonl"} {
				if !bytes.Equal(read(t, filepath.Join(two[0], name)), read(t, filepath.Join(two[1], name))) {
					t.Errorf("%s differs between two runs of two processes", name)
				}
			}
			want, got := curve(t, one), curve(t, two[0])
			if len(got) != 6 || len(want) != 6 {
				t.Fatalf("%d and %d steps", len(got), len(want))
			}
			for i := range want {
				for name, w := range want[i] {
					tolerance := 1e-5
					if name == "loss" {
						tolerance = 1e-6
					}
					if g := got[i][name]; math.Abs(g-w) > tolerance*max(1, math.Abs(w)) {
						t.Errorf("step %d: %s is %v, and %v in one process", i+1, name, g, w)
					}
				}
			}
		})
	}
}

// TestTwoProcessesInterrupted: a signal to either process ends both with
// status 75 and one checkpoint, and the same launch ends as an unbroken one
// does, to the bit.
func TestTwoProcessesInterrupted(t *testing.T) {
	t.Parallel()
	for i, sets := range [][]string{
		{"dtype=float32"},
		{"dtype=bfloat16", "dpo.shard=parameters", "dpo.moments=8bit", "dpo.ema=0.9"},
		{"dtype=float32", "dpo.shard=gradients", "dpo.lora.rank=2"},
		{"dtype=bfloat16", "dpo.shard=optimizer", "dpo.lora.rank=2"},
	} {
		t.Run(strings.Join(sets, ","), func(t *testing.T) {
			dir, rank := t.TempDir(), i%2
			args := append(slices.Clone(slow), "--set", "dpo.epochs=8")
			for _, set := range sets {
				args = append(args, "--set", set)
			}
			args = append(args, "--out")
			whole, broken := filepath.Join(dir, "whole"), filepath.Join(dir, "broken")
			launch(t, append(args, whole)...).mustEnd(t)
			tm := launch(t, append(args, broken)...)
			awaitCheckpoint(t, broken)
			if err := tm.cmds[rank].Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			tm.mustEnd(t, interrupted, interrupted)
			launch(t, append(args, broken)...).mustEnd(t)
			for _, name := range []string{"model.safetensors", "metrics.jsonl"} {
				if !bytes.Equal(read(t, filepath.Join(broken, name)), read(t, filepath.Join(whole, name))) {
					t.Errorf("%s differs from that of an unbroken run", name)
				}
			}
		})
	}
}

// TestOtherWorldSize: what some processes began, sharing all or part of their
// state, others go on with, and the curve is that of one process within 1e-6; also
// where a step has fewer rows than there are processes.
func TestOtherWorldSize(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after int
		shard         string
		batch         int
	}{
		{2, 1, "parameters", 4}, {2, 3, "parameters", 2}, {1, 2, "optimizer", 4}, {2, 3, "gradients", 2},
	} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			dir := t.TempDir()
			args := append(slices.Clone(slow), "--set", "dpo.epochs=5", "--set", "dpo.learning_rate=1e-5", "--set", fmt.Sprint("dpo.batch=", c.batch),
				"--set", "dpo.shard="+c.shard, "--set", "dpo.moments=8bit", "--out")
			one, moved := filepath.Join(dir, "one"), filepath.Join(dir, "moved")
			if log, err := exec.Command("radpo", append(args, one)...).CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, log)
			}
			tm := launchMany(t, c.before, append(args, moved)...)
			awaitCheckpoint(t, moved)
			if err := tm.cmds[0].Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			tm.mustEnd(t, slices.Repeat([]int{interrupted}, c.before)...)
			launchMany(t, c.after, append(args, moved)...).mustEnd(t)
			want, got := curve(t, one), curve(t, moved)
			if len(got) != len(want) || len(want) == 0 {
				t.Fatalf("%d and %d steps", len(got), len(want))
			}
			for i := range want {
				if w, g := want[i]["loss"], got[i]["loss"]; !(math.Abs(g-w) <= 1e-6) {
					t.Errorf("the loss of step %d is %v, and %v in one process", i+1, g, w)
				}
			}
		})
	}
}

// awaitCheckpoint waits for one that is not there yet.
func awaitCheckpoint(t *testing.T, out string) {
	t.Helper()
	before := checkpoints(out)
	for deadline := time.Now().Add(30 * time.Second); slices.Equal(checkpoints(out), before); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("no checkpoint in 30 seconds")
		}
	}
}

// TestDeathEndsAll: when one process is killed, the other ends soon and says
// why; what was saved goes on with one process alone.
func TestDeathEndsAll(t *testing.T) {
	t.Parallel()
	out := filepath.Join(t.TempDir(), "out")
	args := append(slices.Clone(slow), "--out", out)
	for victim := range 2 {
		tm := launch(t, args...)
		awaitCheckpoint(t, out)
		if err := tm.cmds[victim].Process.Kill(); err != nil {
			t.Fatal(err)
		}
		want := []int{failed, failed}
		want[victim] = -1
		tm.mustEnd(t, want...)
		if log := tm.logs[1-victim].String(); !strings.Contains(log, fmt.Sprintf("process %d of 2 has died; run again to continue", victim)) {
			t.Errorf("the survivor does not say what happened:\n%s", log)
		}
	}
	if log, err := exec.Command("radpo", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	if n := len(curve(t, out)); n != 300 {
		t.Errorf("%d steps, want 300", n)
	}
}

// TestSilenceEndsAll: when a process is stopped, as if its machine had vanished,
// the other ends within 30 seconds and says which it is.
func TestSilenceEndsAll(t *testing.T) {
	t.Parallel()
	tm := launch(t, append(slices.Clone(slow), "--set", "dpo.epochs=1000", "--out", filepath.Join(t.TempDir(), "out"))...)
	time.Sleep(2 * time.Second)
	if err := tm.cmds[1].Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(25*time.Second, func() { _ = tm.cmds[1].Process.Kill() })
	tm.mustEnd(t, failed, -1)
	if log := tm.logs[0].String(); !strings.Contains(log, "process 1 of 2 has not answered for 15s") {
		t.Errorf("the survivor does not say what happened:\n%s", log)
	}
}
