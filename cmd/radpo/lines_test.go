package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"radpo/internal/hf"
)

const folders = "testdata/folders"

// expectation is a line of expected.jsonl, written by tools/golden/folders.py.
type expectation struct {
	Messages    json.RawMessage `json:"messages"`
	Text        string          `json:"text"`
	IDs         []int32         `json:"ids"`
	ResponseIDs []int32         `json:"response_ids"`
	Logprobs    []float64       `json:"logprobs"`
	Responses   []string        `json:"responses"`
	Scores      []float64       `json:"scores"`
}

func expectations(t *testing.T) []expectation {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(folders, "expected.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return parsed[expectation](t, string(data))
}

func parsed[R any](t *testing.T, text string) []R {
	t.Helper()
	var rows []R
	for line := range strings.Lines(text) {
		var r R
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%v in %s", err, line)
		}
		rows = append(rows, r)
	}
	return rows
}

// radpo runs a verb in this process on rows and returns the rows it writes.
func radpo[R any](t *testing.T, rows []map[string]any, args ...string) []R {
	t.Helper()
	var in, out, log bytes.Buffer
	for _, r := range rows {
		if err := json.NewEncoder(&in).Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if status := run(args, &in, &out, &log); status != 0 {
		t.Fatalf("radpo %v: status %d\n%s", args, status, log.String())
	}
	return parsed[R](t, out.String())
}

// inputs makes a row of each expectation.
func inputs(all []expectation, row func(expectation) map[string]any) []map[string]any {
	var rows []map[string]any
	for _, e := range all {
		rows = append(rows, row(e))
	}
	return rows
}

func near(got, want []float64) bool {
	if len(got) != len(want) {
		return false
	}
	for i := range got {
		if !(math.Abs(got[i]-want[i]) <= 1e-4*max(1, math.Abs(want[i]))) {
			return false
		}
	}
	return true
}

// TestLinesEqualTransformers holds the four verbs on JSON lines to what
// transformers makes of the same folders.
func TestLinesEqualTransformers(t *testing.T) {
	all := expectations(t)
	policy, classifier := filepath.Join(folders, "policy"), filepath.Join(folders, "classifier")

	asked := inputs(all, func(e expectation) map[string]any {
		return map[string]any{"messages": e.Messages, "add_generation_prompt": true}
	})
	for i, got := range radpo[expectation](t, asked, "tokenize", "--model", policy) {
		if got.Text != all[i].Text || !reflect.DeepEqual(got.IDs, all[i].IDs) {
			t.Errorf("tokenize row %d: got %q %v, want %q %v", i, got.Text, got.IDs, all[i].Text, all[i].IDs)
		}
	}
	for i, got := range radpo[expectation](t, asked, "generate", "--model", policy, "--greedy", "--max-tokens", "16") {
		if !reflect.DeepEqual(got.ResponseIDs, all[i].ResponseIDs) || !near(got.Logprobs, all[i].Logprobs) {
			t.Errorf("generate row %d: got %v %v, want %v %v", i, got.ResponseIDs, got.Logprobs, all[i].ResponseIDs, all[i].Logprobs)
		}
	}
	pairs := inputs(all, func(e expectation) map[string]any {
		return map[string]any{"prompt_ids": e.IDs, "response_ids": e.ResponseIDs}
	})
	for i, got := range radpo[expectation](t, pairs, "logprobs", "--model", policy) {
		if !near(got.Logprobs, all[i].Logprobs) {
			t.Errorf("logprobs row %d: got %v, want %v", i, got.Logprobs, all[i].Logprobs)
		}
	}
	answered := inputs(all, func(e expectation) map[string]any {
		return map[string]any{"messages": e.Messages, "responses": e.Responses}
	})
	for i, got := range radpo[expectation](t, answered, "score", "--model", classifier) {
		if !near(got.Scores, all[i].Scores) {
			t.Errorf("score row %d: got %v, want %v", i, got.Scores, all[i].Scores)
		}
	}
}

// TestScoreOfArmoRM: the score is the gated sum of what is reported, up to the
// transform's part, and what a ranker does not say is null.
func TestScoreOfArmoRM(t *testing.T) {
	type row struct {
		Scores               []float64
		Attributes, Gating   [][]float64
		Pairwise             *[][]float64
		PromptIDs, Responses json.RawMessage
	}
	asked := []map[string]any{{
		"messages":  []map[string]string{{"role": "user", "content": "What is 1 plus 2?"}},
		"responses": []string{"It is three.", "No", "It is three."},
	}}
	got := radpo[row](t, asked, "score", "--model", filepath.Join(folders, "armorm"))[0]
	if len(got.Scores) != 3 || len(got.Attributes) != 3 || len(got.Gating) != 3 || got.Pairwise != nil {
		t.Fatalf("got %+v, want three scores, attributes and gatings and no pairwise", got)
	}
	if len(got.Attributes[0]) != 19 || len(got.Gating[0]) != 19 {
		t.Errorf("%d attributes and %d coefficients, want 19", len(got.Attributes[0]), len(got.Gating[0]))
	}
	if !near(got.Scores[:1], got.Scores[2:]) || near(got.Scores[:1], got.Scores[1:2]) {
		t.Errorf("scores %v: equal answers must have equal scores, and others not", got.Scores)
	}
	if !near(got.Gating[0], got.Gating[1]) {
		t.Errorf("the gate reads the prompt alone, got %v and %v", got.Gating[0], got.Gating[1])
	}
}

// TestDrawsDependOnPromptAndNumber: neither a row's line nor how many samples
// are asked for changes what a sample is.
func TestDrawsDependOnPromptAndNumber(t *testing.T) {
	all := expectations(t)
	row := func(e expectation) map[string]any { return map[string]any{"prompt_ids": e.IDs} }
	args := func(n string) []string {
		return []string{"generate", "--model", filepath.Join(folders, "policy"), "--n", n, "--seed", "5", "--max-tokens", "12", "--top-p", "0.95"}
	}
	many := radpo[expectation](t, inputs(all, row), args("70")...) // more than one batch of a prompt
	last := len(all) - 1
	few := radpo[expectation](t, []map[string]any{row(all[last])}, args("66")...)
	for k, got := range few {
		if want := many[last*70+k]; !reflect.DeepEqual(got.ResponseIDs, want.ResponseIDs) {
			t.Errorf("sample %d: alone %v, among others %v", k, got.ResponseIDs, want.ResponseIDs)
		}
	}
	if reflect.DeepEqual(few[0].ResponseIDs, few[1].ResponseIDs) || reflect.DeepEqual(few[0].ResponseIDs, few[64].ResponseIDs) {
		t.Error("two samples of a prompt are equal: the sample's number does not reach the draw")
	}
}

// TestInterruptedLinesLeaveNothing: status 75 and no output, whole or half.
func TestInterruptedLinesLeaveNothing(t *testing.T) {
	dir := t.TempDir()
	input := filepath.Join(dir, "in.jsonl")
	if err := os.WriteFile(input, bytes.Repeat([]byte(`{"prompt_ids": [1, 2, 3]}`+"\n"), 20000), 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command("radpo", "generate", "--model", filepath.Join(folders, "policy"), "--max-tokens", "400", "--input", input, "--output", filepath.Join(dir, "out.jsonl"))
	cmd.Stderr = &log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); len(names(t, dir)) < 2 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	exit := (*exec.ExitError)(nil)
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != interrupted {
		t.Errorf("got %v, want status %d", err, interrupted)
	}
	if want := "radpo: interrupted; nothing was written, run again\n"; log.String() != want {
		t.Errorf("stderr %q, want %q", log.String(), want)
	}
	if got := names(t, dir); len(got) != 1 {
		t.Errorf("there are %v, want the input alone", got)
	}
}

func names(t *testing.T, dir string) (out []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestScoreNotFinite: a score of no number is an error that names its row, and
// null only on demand.
func TestScoreNotFinite(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "broken")
	if err := os.CopyFS(broken, os.DirFS(filepath.Join(folders, "classifier"))); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(broken, "model.safetensors")
	f, err := hf.OpenFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for i, tensor := range f.Tensors {
		if tensor.Name == "score.weight" {
			f.Tensors[i].Data = bytes.Repeat([]byte{0xff}, len(tensor.Data)) // NaN in every dtype
		}
	}
	again := filepath.Join(t.TempDir(), "model.safetensors")
	if err := errors.Join(hf.WriteFile(again, f.Tensors, map[string]string{"format": "pt"}), os.Rename(again, path)); err != nil {
		t.Fatal(err)
	}
	row := `{"messages": [{"role": "user", "content": "a"}], "responses": ["b", "c"]}`
	var out, log bytes.Buffer
	if status := run([]string{"score", "--model", broken}, strings.NewReader(row), &out, &log); status != failed || out.Len() > 0 ||
		!strings.Contains(log.String(), "stdin:1: response 1 has the score NaN") {
		t.Errorf("status %d, output %q, log %q", status, out.String(), log.String())
	}
	if status := run([]string{"score", "--model", broken, "--set", "ranker.non_finite=drop"}, strings.NewReader(row), &out, &log); status != done ||
		!strings.Contains(out.String(), `"scores":[null,null]`) {
		t.Errorf("status %d, output %q, log %q", status, out.String(), log.String())
	}
}
