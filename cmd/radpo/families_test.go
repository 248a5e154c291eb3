package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"testing"
)

// TestFamilies takes a policy of each architecture, as transformers saves it,
// through the verbs: what tools/golden/families.py says of it, and a training
// that makes the chosen answers likelier.
func TestFamilies(t *testing.T) {
	for _, name := range []string{"mistral", "qwen2", "qwen3", "gemma2"} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join("testdata/families", name)
			text, err := os.ReadFile(filepath.Join(dir, "expected.jsonl"))
			if err != nil {
				t.Fatal(err)
			}
			all := parsed[expectation](t, string(text))
			policy := withTokenizer(t, dir)
			asked := inputs(all, func(e expectation) map[string]any {
				return map[string]any{"messages": e.Messages, "add_generation_prompt": true}
			})
			for i, got := range radpo[expectation](t, asked, "tokenize", "--model", policy) {
				if !reflect.DeepEqual(got.IDs, all[i].IDs) {
					t.Errorf("tokenize row %d: got %v, want %v", i, got.IDs, all[i].IDs)
				}
			}
			for i, got := range radpo[expectation](t, asked, "generate", "--model", policy, "--greedy", "--max-tokens", "16") {
				if !reflect.DeepEqual(got.ResponseIDs, all[i].ResponseIDs) || !near(got.Logprobs, all[i].Logprobs) {
					t.Errorf("generate row %d: got %v %v, want %v %v", i, got.ResponseIDs, got.Logprobs, all[i].ResponseIDs, all[i].Logprobs)
				}
			}
			if before, after := likelihood(t, policy, all), likelihood(t, trainedOn(t, policy, all), all); after <= before {
				t.Errorf("training brought the chosen answers from %v to %v nats", before, after)
			}
		})
	}
}

// withTokenizer is a copy of dir with the tokenizer of the shared policy.
func withTokenizer(t *testing.T, dir string) string {
	t.Helper()
	out := t.TempDir()
	if err := os.CopyFS(out, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} {
		text, err := os.ReadFile(filepath.Join(folders, "policy", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// likelihood is the summed log-probability of all answers.
func likelihood(t *testing.T, policy string, all []expectation) (sum float64) {
	t.Helper()
	rows := inputs(all, func(e expectation) map[string]any {
		return map[string]any{"prompt_ids": e.IDs, "response_ids": e.ResponseIDs}
	})
	for _, got := range radpo[struct{ Sum float64 }](t, rows, "logprobs", "--model", policy) {
		sum += got.Sum
	}
	return sum
}

// trainedOn trains policy to prefer the expected answers to one token of each.
func trainedOn(t *testing.T, policy string, all []expectation) string {
	t.Helper()
	var pairs bytes.Buffer
	for _, e := range all {
		row := map[string]any{"prompt_ids": e.IDs, "chosen_ids": e.ResponseIDs, "rejected_ids": []int{7}}
		if err := json.NewEncoder(&pairs).Encode(row); err != nil {
			t.Fatal(err)
		}
	}
	dir := t.TempDir()
	file, out := filepath.Join(dir, "pairs.jsonl"), filepath.Join(dir, "out")
	if err := os.WriteFile(file, pairs.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	args := []string{"train", "--model", policy, "--pairs", file, "--out", out, "--set", "dpo.learning_rate=1e-3", "--set", "dpo.epochs=3", "--set", "dpo.warmup=0"}
	if status := run(args, nil, &log, &log); status != 0 {
		t.Fatalf("radpo %v: status %d\n%s", args, status, log.String())
	}
	return out
}
