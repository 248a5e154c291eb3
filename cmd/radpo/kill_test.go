package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestKilledSampling kills radpo sample by SIGKILL again and again, each time
// at another moment. A kill takes back no committed part: of eight prompts each,
// eight of which are under way at most. The table has the bytes of one that
// nobody disturbed.
func TestKilledSampling(t *testing.T) {
	const prompts = 200
	dir := t.TempDir()
	var asked bytes.Buffer
	for i := range prompts {
		fmt.Fprintf(&asked, "{\"prompt\": \"tell me of %d\"}\n", i)
	}
	file := filepath.Join(dir, "prompts.jsonl")
	if err := os.WriteFile(file, asked.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	command := func(out string) *exec.Cmd {
		return exec.Command("radpo", "sample", "--model", "../../demo/models/policy", "--prompts", file, "--out", out,
			"--set", "sampler.n=4", "--set", "sampler.max_tokens=64", "--threads", "1")
	}
	whole, broken := filepath.Join(dir, "whole"), filepath.Join(dir, "broken")
	if log, err := command(whole).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, log)
	}
	parts := func() int {
		found, err := filepath.Glob(filepath.Join(broken+".work", "work", "*", "parts", "segment-??????"))
		if err != nil {
			t.Fatal(err)
		}
		return len(found)
	}
	rng := rand.New(rand.NewPCG(3, 4))
	kills, had := 0, 0
	for ; ; kills++ {
		cmd := command(broken)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		goal := had + 1 + rng.IntN(4)
		for parts() < goal && len(ended) == 0 {
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Duration(rng.IntN(10)) * time.Millisecond)
		if len(ended) == 0 {
			_ = cmd.Process.Kill()
		}
		if err := <-ended; err == nil {
			break
		}
		if now := parts(); now < had {
			t.Fatalf("a kill took back %d of %d parts", had-now, had)
		} else {
			had = now
		}
	}
	if kills < 5 {
		t.Errorf("only %d kills", kills)
	}
	for _, name := range []string{"data-00000-of-00001.arrow", "logp_gap.json"} {
		if !bytes.Equal(read(t, filepath.Join(broken, name)), read(t, filepath.Join(whole, name))) {
			t.Errorf("%s differs after %d kills", name, kills)
		}
	}
}
