package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
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

// TestEndOfTurn: where generation_config.json and config.json name the end of
// text alone, answers to messages still end at the template's <|eot_id|>, and
// answers to plain ids do not.
func TestEndOfTurn(t *testing.T) {
	const endOfText, endOfTurn = 316, 319
	policy := withTokenizer(t, "testdata/families/mistral")
	for _, name := range []string{"config.json", "generation_config.json"} {
		path := filepath.Join(policy, name)
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		text = bytes.Replace(text, []byte(`"eos_token_id": 319`), []byte(`"eos_token_id": 316`), 1)
		if err := os.WriteFile(path, text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	type row struct {
		IDs    []int32 `json:"response_ids"`
		Finish string
	}
	chat := map[string]any{"messages": []map[string]string{{"role": "user", "content": "What is 1 plus 2?"}}}
	ids := map[string]any{"prompt_ids": []int32{315, 317, 82, 88}}
	rows := radpo[row](t, []map[string]any{chat, ids}, "generate", "--model", policy, "--n", "100", "--max-tokens", "60", "--temperature", "2")
	stopped, passed := 0, 0
	for i, r := range rows {
		turn := slices.Index(r.IDs, endOfTurn)
		switch last := len(r.IDs) - 1; {
		case turn < 0:
		case i >= 100 && (turn < last || r.Finish == "length"):
			passed++
		case i < 100 && turn == last && r.Finish == "stop":
			stopped++
		default:
			t.Errorf("row %d: <|eot_id|> at %d of %d ids, finish %s", i, turn, len(r.IDs), r.Finish)
		}
		if r.Finish == "stop" && !slices.Contains([]int32{endOfText, endOfTurn}, r.IDs[len(r.IDs)-1]) {
			t.Errorf("row %d stopped at %d", i, r.IDs[len(r.IDs)-1])
		}
	}
	if stopped == 0 || passed == 0 {
		t.Errorf("%d answers to messages stopped at <|eot_id|> and %d to ids passed it: the test shows nothing", stopped, passed)
	}
}
