package sampler_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
	"radpo/sampler"
)

// settings ask each prompt at no goal and at 7, twice. Prompts and answers are
// short, so that all is quick.
func settings() sampler.Config {
	return sampler.Config{
		Sampler: configs.Sampler{N: 2, Temperature: 1, TopP: 0.95, MaxTokens: 6, Batch: 48},
		Split:   "train", Goals: [][]float64{nil, {7}}, Wording: chat.Goal{Wording: chat.Paper, Decimals: 1},
		MaxPrompt: 120, Seed: 5, DType: "float32", Device: "cpu",
	}
}

// prompts is a table of n prompts of split train, with others between them.
// One in ten is longer than the settings allow.
func prompts(t *testing.T, n int) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "prompts")
	w, err := table.Create[table.Prompt](dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range n {
		text := fmt.Sprintf("tell me of %d", i)
		if i%10 == 3 {
			text += strings.Repeat(" and more", 200)
		}
		row := table.Prompt{ID: fmt.Sprintf("p%02d", i), Messages: []table.Message{{Role: "user", Content: text}}, Source: "test", Split: "train"}
		other := row
		other.ID, other.Split = "other-"+row.ID, "held-out"
		if err := w.Write(row, other); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sample runs the stage in a run folder and returns the samples table.
func sample(ctx context.Context, t *testing.T, run, prompts string, c sampler.Config) (string, error) {
	t.Helper()
	return sampleOf(ctx, t, policy, run, prompts, c)
}

func sampleOf(ctx context.Context, t *testing.T, policy, run, prompts string, c sampler.Config) (string, error) {
	t.Helper()
	store, err := flow.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	plan := []flow.Stage{flow.Source("prompts", prompts), flow.Source("policy", policy), sampler.Stage.With(c, "samples", "prompts", "policy")}
	if err := store.Run(ctx, plan); err != nil {
		return "", err
	}
	steps, err := store.Plan(plan)
	if err != nil {
		t.Fatal(err)
	}
	dir, _ := store.Path(steps[len(steps)-1].Fingerprint)
	return dir, nil
}

// TestStage holds every row to what it stands for.
func TestStage(t *testing.T) {
	dir, err := sample(t.Context(), t, t.TempDir(), prompts(t, 20), settings())
	if err != nil {
		t.Fatal(err)
	}
	f, err := hf.Open(policy)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	words, err := tokenizer.Load(f.FS())
	if err != nil {
		t.Fatal(err)
	}
	samples, err := table.Open[table.Sample](dir)
	if err != nil {
		t.Fatal(err)
	}
	if got := samples.Meta()["prompts_cut"]; got != "4" { // 2 prompts at 2 goals
		t.Errorf("%s prompts were cut, want 4", got)
	}
	end, ok := words.ID("<|eot_id|>")
	if !ok {
		t.Fatal("the built-in tokenizer has no <|eot_id|>")
	}
	i := 0
	for r, err := range samples.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		if id, number := fmt.Sprintf("p%02d", i/4), int32(i%4); r.PromptID != id || r.Sample != number || len(r.Goal) != i%4/2 || r.Seed != 5 {
			t.Errorf("row %d is sample %d of %s at goal %v, want %d of %s", i, r.Sample, r.PromptID, r.Goal, number, id)
		}
		asked := words.Decode(r.PromptIDs, true)
		if strings.Contains(asked, "7") != (i%4 >= 2 || i/4%10 == 7) || len(r.PromptIDs) > 120 {
			t.Errorf("row %d at goal %v asks %q in %d tokens", i, r.Goal, asked, len(r.PromptIDs))
		}
		if len(r.ResponseIDs) == 0 || len(r.Logprobs) != len(r.ResponseIDs) || slices.Max(r.Logprobs) > 0 {
			t.Errorf("row %d: ids %v, log-probabilities %v", i, r.ResponseIDs, r.Logprobs)
		}
		if r.Text != words.Decode(r.ResponseIDs, true) || strings.Contains(r.Text, "<|") {
			t.Errorf("row %d: text %q of ids %v", i, r.Text, r.ResponseIDs)
		}
		stopped := r.ResponseIDs[len(r.ResponseIDs)-1] == end
		if stopped != (r.Finish == table.FinishStop) || !stopped && len(r.ResponseIDs) != 6 {
			t.Errorf("row %d: finish %s after %v", i, r.Finish, r.ResponseIDs)
		}
		i++
	}
	if i != 80 {
		t.Errorf("%d rows, want 80", i)
	}
}

// TestGap: what the stage notes of sampler and trainer is over rows all over
// the table, and small.
func TestGap(t *testing.T) {
	dir, err := sample(t.Context(), t, t.TempDir(), prompts(t, 20), settings())
	if err != nil {
		t.Fatal(err)
	}
	rows, err := table.ReadAll[table.Sample](dir)
	if err != nil {
		t.Fatal(err)
	}
	tokens := 0
	for i := 0; i < len(rows); i += 8 {
		tokens += len(rows[i].ResponseIDs)
	}
	g, ok, err := sampler.ReadGap(dir)
	if err != nil || !ok {
		t.Fatalf("a gap: %t, %v", ok, err)
	}
	if g.Tokens != tokens || !(g.Mean <= g.Largest && g.Largest < 1e-4) {
		t.Errorf("%v, want %d tokens and less than 1e-4", g, tokens)
	}
}

// TestBatchSizeDoesNotShow: responses are the same whether a prompt's fit into
// a batch or are split over several.
func TestBatchSizeDoesNotShow(t *testing.T) {
	asked := prompts(t, 5)
	var want []table.Sample
	for _, batch := range []int{1000, 3, 1} {
		c := settings()
		c.N, c.Batch = 5, batch
		dir, err := sample(t.Context(), t, t.TempDir(), asked, c)
		if err != nil {
			t.Fatal(err)
		}
		got, err := table.ReadAll[table.Sample](dir)
		if err != nil {
			t.Fatal(err)
		}
		if want == nil {
			want = got
		}
		if d := cmp.Diff(want, got); d != "" || len(got) != 50 {
			t.Errorf("batch %d: %d rows (-batch 1000 +this):\n%s", batch, len(got), d)
		}
	}
}

// An until is a context that ends once a file is there.
type until struct {
	context.Context
	pattern string
}

func (u until) Err() error {
	if found, _ := filepath.Glob(u.pattern); len(found) > 0 {
		return context.Canceled
	}
	return nil
}

// TestResume ends a run behind its first segment: the next run
// takes that over and makes the same bytes as one that nothing stopped.
func TestResume(t *testing.T) {
	asked, broken := prompts(t, 70), t.TempDir()
	part := filepath.Join(broken, "work", "*", "parts", "segment-000000")
	if _, err := sample(until{t.Context(), part}, t, broken, asked, settings()); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	if found, _ := filepath.Glob(part); len(found) != 1 {
		t.Fatalf("%d first segments are kept, want 1", len(found))
	}
	var got [2]string
	for i, run := range []string{t.TempDir(), broken} {
		dir, err := sample(t.Context(), t, run, asked, settings())
		if err != nil {
			t.Fatal(err)
		}
		data, err := os.ReadFile(filepath.Join(dir, "data-00000-of-00001.arrow"))
		if err != nil {
			t.Fatal(err)
		}
		got[i] = string(data)
	}
	if got[0] != got[1] {
		t.Error("the resumed table has other bytes")
	}
}

// TestStageRefuses before anything is sampled.
func TestStageRefuses(t *testing.T) {
	tests := []struct {
		name string
		set  func(*sampler.Config)
		want string
	}{
		{"split", func(c *sampler.Config) { c.Split = "train-9" }, `no prompt is of split "train-9"`},
		{"window", func(c *sampler.Config) { c.MaxPrompt = 0 }, "prompt p03 (test): its"},
		{"dtype", func(c *sampler.Config) { c.DType = "float8" }, `dtype "float8"`},
	}
	asked := prompts(t, 70)
	for _, tt := range tests {
		c := settings()
		tt.set(&c)
		run := t.TempDir()
		_, err := sample(t.Context(), t, run, asked, c)
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
		if found, _ := filepath.Glob(filepath.Join(run, "work", "*", "parts", "segment-*")); len(found) > 0 {
			t.Errorf("%s: sampled %v before it failed", tt.name, found)
		}
	}
}

// TestEndOfTurnStops: a folder whose files name another end token, as many
// fine-tunes do, is still answered up to the chat template's end of turn.
func TestEndOfTurnStops(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(policy)); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"config.json", "generation_config.json"} {
		text, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		var keys map[string]any
		if err := json.Unmarshal(text, &keys); err != nil {
			t.Fatal(err)
		}
		keys["eos_token_id"] = 1
		if text, err = json.Marshal(keys); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := settings()
	c.MaxTokens = 40
	samples, err := sampleOf(t.Context(), t, dir, t.TempDir(), prompts(t, 4), c)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := table.ReadAll[table.Sample](samples)
	if err != nil {
		t.Fatal(err)
	}
	stopped := 0
	for _, r := range rows {
		if r.Finish == table.FinishStop {
			stopped++
		}
	}
	if stopped < len(rows)/2 {
		t.Errorf("%d of %d responses stopped", stopped, len(rows))
	}
}

// TestStageStopIDs: an id of sampler.stop_ids ends a response and is its last.
func TestStageStopIDs(t *testing.T) {
	asked, c := prompts(t, 4), settings()
	for id := 300; id < 400; id++ {
		c.StopIDs = append(c.StopIDs, id)
	}
	dir, err := sample(t.Context(), t, t.TempDir(), asked, c)
	if err != nil {
		t.Fatal(err)
	}
	all, err := table.Open[table.Sample](dir)
	if err != nil {
		t.Fatal(err)
	}
	ended := 0
	for r, err := range all.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(r.ResponseIDs, func(id int32) bool { return id >= 300 && id < 400 })
		if at >= 0 {
			if ended++; at != len(r.ResponseIDs)-1 || r.Finish != table.FinishStop {
				t.Errorf("ids %v, finish %s", r.ResponseIDs, r.Finish)
			}
		}
	}
	if ended == 0 {
		t.Error("no response has one: the test shows nothing")
	}
	c.StopIDs = []int{1 << 20}
	if _, err := sample(t.Context(), t, t.TempDir(), asked, c); err == nil || !strings.Contains(err.Error(), "sampler.stop_ids: the model has no token 1048576") {
		t.Errorf("an id that the model has not: %v", err)
	}
}
