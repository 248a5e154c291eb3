package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/table"
	"radpo/pipeline"
)

// small is the built-in run cut down to seconds.
func small(t testing.TB, sets ...string) configs.Config {
	t.Helper()
	c, err := shrink(sets)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func shrink(sets []string) (configs.Config, error) {
	text, err := configs.Preset("demo")
	if err != nil {
		return configs.Config{}, err
	}
	sets = append([]string{"prompts.held_out=6", "prompts.per_iteration=80", "sampler.n=3", "sampler.max_tokens=24",
		"dpo.epochs=1", "dpo.batch=32", "dpo.save_every=2", "eval.goals=[2, 10]"}, sets...)
	return configs.Parse("demo.yaml", text, sets)
}

func TestLoop(t *testing.T) {
	dir := t.TempDir()
	r := pipeline.Run{Config: small(t), Dir: dir}
	var out, again bytes.Buffer
	if err := r.Do(context.Background(), &out); err != nil {
		t.Fatal(err)
	}
	if err := r.Explain(&again, true); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(again.String(), "\n")[1:] {
		if f := strings.Fields(line); len(f) > 3 && f[3] == "run" {
			t.Errorf("a finished run would run again: %s", line)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, "report.json"))
	if err != nil {
		t.Fatal(err)
	}
	var measures []table.Measure
	if err := json.Unmarshal(text, &measures); err != nil {
		t.Fatal(err)
	}
	have := map[string]bool{}
	for _, m := range measures {
		have[m.Name] = true
	}
	for _, want := range []string{"reward/base", "reward/plain-1", "reward/iter-1/goal-10", "reward/iter-2/goal-10", "goal/iter-1/spearman",
		"unlearning/base/rejected_logp", "unlearning/plain/rejected_logp", "unlearning/ra/rejected_logp", "ranker/base/spearman", "finish/iter-1",
		"sampler/logp_gap", "sampler/logp_gap/iter-2"} {
		if !have[want] {
			t.Errorf("report.json has no %s", want)
		}
	}
	if page, err := os.ReadFile(filepath.Join(dir, "report.html")); err != nil || !bytes.Contains(page, []byte("<svg")) {
		t.Errorf("report.html has no figure (%v)", err)
	}
	flips(t, dir)
}

// flips changes one byte of each file of a run, of a journal the last: verify
// names the file. The lock is empty while nobody holds it.
func flips(t *testing.T, dir string) {
	t.Helper()
	if err := pipeline.Verify(t.Context(), dir, &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(9, 10))
	files := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		whole, err := os.ReadFile(path)
		if err != nil || len(whole) == 0 {
			return err
		}
		text := bytes.Clone(whole)
		at := rng.IntN(len(text))
		if filepath.Ext(path) == ".jsonl" {
			at = len(text) - 1
		}
		text[at] ^= 1 << rng.IntN(8)
		if err := os.WriteFile(path, text, 0o666); err != nil {
			return err
		}
		var out bytes.Buffer
		bad := pipeline.Verify(t.Context(), dir, &out)
		if bad == nil || !strings.Contains(out.String()+bad.Error(), d.Name()) {
			t.Errorf("with a byte of %s flipped, verify says %v\n%s", path, bad, &out)
		}
		return os.WriteFile(path, whole, 0o666)
	})
	if err != nil || files < 20 {
		t.Errorf("%d files, error %v", files, err)
	}
}

// TestChangeRerunsWhatFollows: another beta trains again and samples not.
func TestChangeRerunsWhatFollows(t *testing.T) {
	dir := t.TempDir()
	first := small(t, "iterations=1", "eval.baseline=false")
	if err := (pipeline.Run{Config: first, Dir: dir}).Do(context.Background(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	second := small(t, "iterations=1", "eval.baseline=false", "dpo.beta=0.2")
	var out bytes.Buffer
	if err := (pipeline.Run{Config: second, Dir: dir}).Explain(&out, true); err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(out.String(), "\n") {
		f := strings.Fields(line)
		if len(f) < 4 {
			continue
		}
		switch f[0] {
		case "samples-1", "raw-1", "scores-1", "pairs-1", "refs-iter-1", "trial-base":
			if f[3] != "reuse" {
				t.Errorf("%s does not depend on beta: %s", f[0], line)
			}
		case "policy-iter-1":
			if f[3] != "run" || !strings.Contains(line, "dpo.beta 0.1 -> 0.2") {
				t.Errorf("the policy should train again because of beta: %s", line)
			}
		}
	}
}

// TestVariants runs the loop with the methods that relabel otherwise: the first
// policy of ira is plain DPO, made once though it is the baseline too.
func TestVariants(t *testing.T) {
	for _, method := range []string{"half-ra", "ira"} {
		t.Run(method, func(t *testing.T) {
			dir := t.TempDir()
			c := small(t, "iterations=1", "augment.method="+method, "prompts.per_iteration=24", "sampler.max_tokens=12")
			if err := (pipeline.Run{Config: c, Dir: dir}).Do(context.Background(), &bytes.Buffer{}); err != nil {
				t.Fatal(err)
			}
			var out bytes.Buffer
			if err := pipeline.Show(dir, "pairs-1", 1, false, &out); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{"half-ra": "prompts of the other half 12", "ira": "reward_chosen: "}[method]
			if !strings.Contains(out.String(), want) {
				t.Errorf("the pairs do not say %s:\n%s", want, out.String())
			}
			policies, err := filepath.Glob(filepath.Join(dir, "artifacts", "policy-*"))
			if len(policies) != 2 || err != nil { // plain, and the method's
				t.Errorf("trained %v", policies)
			}
		})
	}
}
