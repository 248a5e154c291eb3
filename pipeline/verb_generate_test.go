package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestGenerateStops: a stop token ends the ids and is no part of the text, be
// it a special one or not.
func TestGenerateStops(t *testing.T) {
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(testFolders+"policy")); err != nil {
		t.Fatal(err)
	}
	var every []string
	for id := range 320 {
		every = append(every, fmt.Sprint(id))
	}
	if err := os.WriteFile(dir+"/generation_config.json", []byte(`{"eos_token_id": [`+strings.Join(every, ",")+`]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	in := Lines{Name: "stdin", Reader: strings.NewReader(`{"prompt_ids": [54, 3]}`)}
	if err := Generate(t.Context(), Model{Dir: dir, Device: "cpu"}, Sampling{N: 1, TopP: 1, MaxTokens: 5}, in, &out); err != nil {
		t.Fatal(err)
	}
	var got generated
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if len(got.ResponseIDs) != 1 || *got.Text != "" || got.Finish != "stop" || got.ResponseIDs[0] >= 315 {
		t.Errorf("%s", out.String())
	}
}

// TestGenerateTells of the likeliest tokens, of which a greedy one is the first,
// and ends at an id that it is asked to end at.
func TestGenerateTells(t *testing.T) {
	run := func(o Sampling) (g generated) {
		t.Helper()
		var out bytes.Buffer
		in := Lines{Name: "stdin", Reader: strings.NewReader(`{"prompt_ids": [54, 3]}`)}
		if err := Generate(t.Context(), Model{Dir: testFolders + "policy", Device: "cpu"}, o, in, &out); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(out.Bytes(), &g); err != nil {
			t.Fatal(err)
		}
		return g
	}
	whole := run(Sampling{N: 1, TopP: 1, MaxTokens: 6, Top: 3})
	if len(whole.Top) != len(whole.ResponseIDs) {
		t.Fatalf("%d places of %d tokens", len(whole.Top), len(whole.ResponseIDs))
	}
	for i, some := range whole.Top {
		if len(some) != 3 || some[0].ID != whole.ResponseIDs[i] || some[0].Logprob != whole.Logprobs[i] || !(some[1].Logprob >= some[2].Logprob) {
			t.Errorf("token %d at %v: %v", whole.ResponseIDs[i], whole.Logprobs[i], some)
		}
	}
	last := whole.ResponseIDs[2]
	at := 1 + slices.Index(whole.ResponseIDs, last)
	ended := run(Sampling{N: 1, TopP: 1, MaxTokens: 6, StopIDs: []int{int(last)}})
	if !slices.Equal(ended.ResponseIDs, whole.ResponseIDs[:at]) || ended.Finish != "stop" || ended.Top != nil {
		t.Errorf("stopped at %d: %+v, whole %+v", last, ended, whole)
	}
}
