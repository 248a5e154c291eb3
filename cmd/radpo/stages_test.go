package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"radpo/internal/golden"
)

// TestTrainEqualsTRL: the verb's metrics and weights are those of the reference
// behind package dpo, ten steps on the same pairs.
func TestTrainEqualsTRL(t *testing.T) {
	ref := golden.Open(t, "../../dpo/testdata/plain.safetensors")
	out := filepath.Join(t.TempDir(), "policy")
	args := []string{"train", "--model", "../../dpo/testdata/policy", "--pairs", "../../dpo/testdata/pairs.jsonl", "--out", out}
	for _, set := range []string{"beta=0.1", "learning_rate=1e-3", "label_smoothing=0", "epochs=2", "batch=4", "order=given",
		"micro_tokens=64", "max_length=64", "max_prompt_length=32"} {
		args = append(args, "--set", "dpo."+set)
	}
	if status := run(args, strings.NewReader(""), os.Stdout, os.Stderr); status != done {
		t.Fatal("status", status)
	}
	metrics, err := os.ReadFile(filepath.Join(out, "metrics.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	steps := parsed[map[string]float32](t, string(metrics))
	for _, name := range []string{"loss", "grad_norm", "learning_rate", "rewards/chosen", "rewards/rejected",
		"rewards/accuracies", "rewards/margins", "logps/chosen", "logps/rejected"} {
		var got []float32
		for _, s := range steps {
			got = append(got, s[name])
		}
		ref.Check(name, got, golden.Steps)
	}
	made := golden.Open(t, filepath.Join(out, "model.safetensors"))
	for _, name := range made.Names() {
		ref.Check("param."+name, made.Floats(name), golden.Steps)
	}
}

// settings of a training that takes some seconds and has many checkpoints.
var slow = []string{"train", "--model", "../../dpo/testdata/policy", "--pairs", "../../dpo/testdata/pairs.jsonl",
	"--set", "dpo.epochs=60", "--set", "dpo.batch=4", "--set", "dpo.save_every=5", "--threads", "1"}

// TestRepeatedFault: a training that breaks in its third step keeps that step, and the
// command that it logs fails in the same words.
func TestRepeatedFault(t *testing.T) {
	dir := t.TempDir()
	train := append(slices.Clone(slow), "--set", "dpo.save_every=1000", "--set", "dpo.beta=1e10", "--set", "dpo.optimizer=sgd",
		"--set", "dpo.grad_clip=0", "--set", "dpo.learning_rate=1", "--out", filepath.Join(dir, "out"))
	log, err := exec.Command("radpo", train...).CombinedOutput()
	if err == nil {
		t.Fatal("it trained")
	}
	var said struct {
		Repeat  string
		Message string
	}
	for line := range strings.Lines(string(log)) {
		if strings.Contains(line, `"repeat"`) {
			if err := json.Unmarshal([]byte(line), &said); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !strings.HasPrefix(said.Repeat, "radpo replay ") || !strings.Contains(said.Message, "the gradient's norm is NaN") {
		t.Fatalf("%+v\n%s", said, log)
	}
	again := exec.Command("radpo", append(strings.Fields(said.Repeat)[1:], "--threads", "1")...)
	if log, err := again.CombinedOutput(); err == nil || !strings.Contains(string(log), "step 3: "+said.Message) {
		t.Errorf("got %v, want %s\n%s", err, said.Message, log)
	}
}

// TestInterruptAndContinue: a signal ends the verb with status 75 and no
// output; the same command continues and ends as an unbroken run does.
func TestInterruptAndContinue(t *testing.T) {
	dir := t.TempDir()
	whole, broken := filepath.Join(dir, "whole"), filepath.Join(dir, "broken")
	if log, err := exec.Command("radpo", append(slow, "--out", whole)...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGUSR1} {
		interrupt(t, broken, signal)
	}
	log, err := exec.Command("radpo", append(slow, "--out", broken)...).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	for _, name := range []string{"model.safetensors", "metrics.jsonl"} {
		got, want := read(t, filepath.Join(broken, name)), read(t, filepath.Join(whole, name))
		if !bytes.Equal(got, want) {
			t.Errorf("%s differs from that of an unbroken run", name)
		}
	}
	if _, err := os.Stat(broken + ".work"); !os.IsNotExist(err) {
		t.Errorf("the work folder is still there (%v)", err)
	}
}

// interrupt runs the training into out, and signals it at its next checkpoint.
func interrupt(t *testing.T, out string, signal syscall.Signal) {
	t.Helper()
	var log bytes.Buffer
	cmd := exec.Command("radpo", append(slow, "--out", out)...)
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	awaitCheckpoint(t, out)
	if err := cmd.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
	exit := (*exec.ExitError)(nil)
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != interrupted {
		t.Fatalf("%v: got %v, want status %d\n%s", signal, err, interrupted, log.String())
	}
	if !strings.Contains(log.String(), "interrupted; run again to continue") {
		t.Errorf("%v: the log does not say how to go on:\n%s", signal, log.String())
	}
	if _, err := os.Stat(out); !os.IsNotExist(err) {
		t.Errorf("%v: there is an output already (%v)", signal, err)
	}
}

func checkpoints(out string) []string {
	found, err := filepath.Glob(out + ".work/work/*/parts/step-????????")
	if err != nil {
		panic(err) // a slip in the pattern
	}
	return found
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestFullDisk trains on a file system of 256 KiB, which is too small for the
// weights: status 2 and what to do; with space, the same command continues.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	script := `mount -t tmpfs -o size=256k tmpfs "$0" && cd "$0" || exit 99
"$@" --out policy; echo status $? >&2
mount -o remount,size=8m "$0" && "$@" --out policy; echo status $? >&2`
	args := append([]string{"-Urm", "sh", "-c", script, dir, "radpo"}, slow...)
	for i, a := range args {
		if strings.HasPrefix(a, "../../") {
			path, err := filepath.Abs(a)
			if err != nil {
				t.Fatal(err)
			}
			args[i] = path
		}
	}
	out, err := exec.Command("unshare", args...).CombinedOutput()
	if exit := (*exec.ExitError)(nil); errors.Is(err, exec.ErrNotFound) || errors.As(err, &exit) && !strings.Contains(string(out), "status") {
		t.Skipf("no mount of a small file system here: %s", out)
	}
	log := string(out)
	first, rest, _ := strings.Cut(log, "status 2\n")
	if !strings.Contains(first, "no space for run folder") || !strings.Contains(rest, "status 0\n") {
		t.Errorf("want a full disk named with status 2, then success, got:\n%s", log)
	}
}
