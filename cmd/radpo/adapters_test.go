package main

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAdapters: a verb that reads a policy takes the adapter that PEFT saved
// beside its model, by itself, or merged, and says the same of all three.
func TestAdapters(t *testing.T) {
	dir := t.TempDir()
	base, err := filepath.Abs("../../internal/model/testdata/llama3")
	if err != nil {
		t.Fatal(err)
	}
	nameless, named, merged := "../../internal/model/testdata/adapters/all-rs", filepath.Join(dir, "named"), filepath.Join(dir, "merged")
	rename(t, nameless, named, `"base_model_name_or_path": null`, `"base_model_name_or_path": "`+base+`"`)
	radpo := func(args ...string) (string, error) {
		t.Helper()
		cmd := exec.Command("radpo", args...)
		cmd.Stdin = strings.NewReader(`{"prompt_ids":[1,5,9],"response_ids":[3,7,2]}`)
		var out, log bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &log
		err := cmd.Run()
		return out.String() + log.String(), err
	}
	must := func(args ...string) string {
		t.Helper()
		out, err := radpo(args...)
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		return out
	}
	must("merge", "--model", named, "--out", merged)
	want := must("logprobs", "--model", merged)
	for _, flags := range [][]string{{"--model", named}, {"--model", base, "--adapter", nameless}} {
		if got := must(append([]string{"logprobs"}, flags...)...); got != want {
			t.Errorf("%v: %s, want %s", flags, got, want)
		}
	}
	if must("logprobs", "--model", base) == want {
		t.Error("the adapter changes nothing")
	}

	// the reference is what training starts from, the adapter off: ln 2; the base; or another adapter
	train := []string{"train", "--model", named, "--pairs", "../../dpo/testdata/pairs.jsonl", "--set", "dpo.lora.rank=2", "--set", "dpo.label_smoothing=0", "--set", "dpo.order=given"}
	losses := map[string]float64{}
	for name, flags := range map[string][]string{"off": nil, "base": {"--reference", base}, "previous": {"--reference", named}} {
		out := filepath.Join(dir, name)
		must(slices.Concat(train, flags, []string{"--out", out})...)
		losses[name] = curveLoss(t, out)
	}
	if ln2 := 0.69314718; losses["off"]-ln2 > 1e-6 || ln2-losses["off"] > 1e-6 || losses["previous"] != losses["off"] || losses["base"] == losses["off"] {
		t.Errorf("first losses %v", losses)
	}

	for _, tt := range []struct{ args, want string }{
		{"logprobs --model " + nameless, "does not say which model it changes: give that as --model, and the adapter as --adapter"},
		{"logprobs --model " + base + " --adapter " + merged, "is no adapter"},
		{"logprobs --model " + named + " --adapter " + named, "is an adapter itself"},
		{"merge --model " + base + " --out " + filepath.Join(dir, "x"), "there is nothing to merge"},
		{"logprobs --model ../../dpo/testdata/policy --adapter " + nameless, "the adapter does not fit the model"},
	} {
		if out, err := radpo(strings.Fields(tt.args)...); err == nil || !strings.Contains(out, tt.want) {
			t.Errorf("%s: %v\n%s", tt.args, err, out)
		}
	}
}

// rename copies an adapter's folder with another text in its config.
func rename(t *testing.T, from, to, old, text string) {
	t.Helper()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(to, "adapter_config.json")
	config := strings.Replace(string(read(t, path)), old, text, 1)
	if err := os.WriteFile(path, []byte(config), 0o644); err != nil {
		t.Fatal(err)
	}
}

// curveLoss is the loss of a training's first step.
func curveLoss(t *testing.T, out string) float64 {
	t.Helper()
	line, _, _ := strings.Cut(string(read(t, filepath.Join(out, "metrics.jsonl"))), "\n")
	var m struct{ Loss float64 }
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatal(err)
	}
	return m.Loss
}
