package pipeline

import (
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	"radpo/internal/hf"
	"radpo/internal/table"
)

const testFolders = "../cmd/radpo/testdata/folders/"

// TestPairsOfText holds the ids of text pairs to transformers: prompt and
// answers by its chat template, and plain texts without.
func TestPairsOfText(t *testing.T) {
	data, err := os.ReadFile(testFolders + "expected.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	f, err := hf.Open(testFolders + "policy")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for line := range strings.Lines(string(data)) {
		var want struct {
			Messages  []turn
			IDs       []int32
			Plain     []int32   `json:"plain_ids"`
			Answers   [][]int32 `json:"answer_ids"`
			Responses []string
		}
		if err := json.Unmarshal([]byte(line), &want); err != nil {
			t.Fatal(err)
		}
		chat := pairEncoder{text: text{folder: f}, maxPrompt: 1024}
		p := table.Pair{Messages: messages(want.Messages), Chosen: want.Responses[0], Rejected: want.Responses[1]}
		checkPair(t, &chat, p, want.IDs, want.Answers)

		plain := pairEncoder{text: text{folder: f}, plain: true}
		p.Messages = p.Messages[len(p.Messages)-1:]
		checkPair(t, &plain, p, want.Plain, want.Answers) // this template adds the end of turn alone
	}
}

func checkPair(t *testing.T, e *pairEncoder, p table.Pair, prompt []int32, answers [][]int32) {
	t.Helper()
	if err := e.encode(&p); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(p.PromptIDs, prompt) {
		t.Errorf("prompt %v, want %v", p.PromptIDs, prompt)
	}
	if !reflect.DeepEqual([][]int32{p.ChosenIDs, p.RejectedIDs}, answers) {
		t.Errorf("answers %v and %v, want %v", p.ChosenIDs, p.RejectedIDs, answers)
	}
}

// TestArePlain: the first row tells TRL's two formats apart.
func TestArePlain(t *testing.T) {
	tests := map[string]struct {
		row  string
		want bool
	}{
		"texts":               {`{"prompt": "a", "chosen": "b", "rejected": "c"}`, true},
		"message lists":       {`{"prompt": [{"role": "user", "content": "a"}], "chosen": [{"role": "assistant", "content": "b"}], "rejected": [{"role": "assistant", "content": "c"}]}`, false},
		"prompt in the lists": {`{"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]}`, false},
		"text, then lists":    {`{"prompt": "a", "chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}]}`, false},
		"ids":                 {`{"prompt_ids": [1], "chosen_ids": [2], "rejected_ids": [3]}`, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir() + "/pairs.jsonl"
			if err := os.WriteFile(path, []byte(test.row+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
			if got := arePlain(path); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
