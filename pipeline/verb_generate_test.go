package pipeline

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
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
