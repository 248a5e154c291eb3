package table_test

import (
	"encoding/json"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

func scored(path string) ([]table.Scored, []string) { return drained(table.ReadScored(path)) }

func layoutOf(path string) (string, error) {
	f, err := table.OpenScored(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return f.Layout, nil
}

// drained are the rows of a walk, and its errors as text.
func drained[R any](walk iter.Seq2[R, error]) (rows []R, errs []string) {
	for r, err := range walk {
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		rows = append(rows, r)
	}
	return rows, errs
}

// A published layout with the row that it is to give.
var published = []struct {
	layout, row string
	want        table.Scored
}{
	{
		"ultrafeedback", `{"source":"x","instruction":"q","completions":[{"model":"m","response":"good","overall_score":7.5,"critique":"c","annotations":{"helpfulness":{"Rating":"4"},"honesty":{"Rating":"5"},"instruction_following":{"Rating":"3"},"truthfulness":{"Rating":"2"}}},{"response":"bad","overall_score":9,"annotations":{"helpfulness":{"Rating":"N/A"},"honesty":{"Rating":"5"},"instruction_following":{"Rating":"3"},"truthfulness":{"Rating":"2"}}}]}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{7.5, math.NaN()}, Attributes: [][]float64{{4, 5, 3, 2}, {math.NaN(), 5, 3, 2}}, Names: []string{"helpfulness", "honesty", "instruction_following", "truthfulness"}},
	},
	{
		"sppo", `{"prompt":"q","generate_0":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"generate_1":[{"role":"user","content":"q"},{"role":"assistant","content":"bad"}],"probability":[[0.5,0.9],[0.1,0.5]],"rm_scores":[9,2.5,-1]}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{2.5, -1}},
	},
	{
		"sppo", `{"generate_0":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"generate_1":[{"role":"user","content":"q"},{"role":"assistant","content":"bad"}],"probability":[[0.5,0.75],[0.25,0.5]]}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{.625, .375}},
	},
	{
		"princeton-nlp", `{"prompt_id":"i","prompt":"q","all_generated_responses":["good","bad"],"all_rm_scores":[0.2,null],"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"bad"}]}`,
		table.Scored{PromptID: "i", Responses: []string{"good", "bad"}, Scores: []float64{.2, math.NaN()}},
	},
	{
		"rlhflow", `{"prompt":[{"role":"user","content":"q"}],"responses":["good","bad"],"rewards":[1,0]}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{1, 0}},
	},
	{
		"rlhflow", `{"context_messages":[{"role":"user","content":"q"}],"responses":["good","bad"],"rewards":[1,0]}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{1, 0}},
	},
	{
		"ultrafeedback-preprocessed", `{"prompt":"q","prompt_id":"i","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"bad"}],"messages":[],"score_chosen":1,"score_rejected":2,"overall_score_chosen":8,"overall_score_rejected":3,"fine_grain_score_chosen":[4,4,4,4],"fine_grain_score_rejected":[1,2,3,4],"avg_fine_score_chosen":4,"avg_fine_score_rejected":2.5}`,
		table.Scored{PromptID: "i", Responses: []string{"good", "bad"}, Scores: []float64{8, 3}, Attributes: [][]float64{{4, 4, 4, 4}, {1, 2, 3, 4}}, Names: []string{"helpfulness", "honesty", "instruction_following", "truthfulness"}},
	},
	{
		"trl-scored", `{"prompt":"q","prompt_id":"i","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"bad"}],"messages":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"score_chosen":8.5,"score_rejected":3}`,
		table.Scored{PromptID: "i", Responses: []string{"good", "bad"}, Scores: []float64{8.5, 3}},
	},
	{
		"trl-scored", `{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"good"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"bad"}],"reward_chosen":8.5,"reward_rejected":3}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{8.5, 3}},
	},
	{
		"trl", `{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"good"}],"rejected":[{"role":"assistant","content":"bad"}]}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{math.NaN(), math.NaN()}},
	},
	{
		"trl", `{"prompt":"q","chosen":"good","rejected":"bad"}`,
		table.Scored{Responses: []string{"good", "bad"}, Scores: []float64{math.NaN(), math.NaN()}},
	},
}

// TestLayouts tells each published layout by its columns and reads it.
func TestLayouts(t *testing.T) {
	for _, tt := range published {
		path := save(t, "f.jsonl", tt.row)
		layout, err := layoutOf(path)
		if layout != tt.layout || err != nil {
			t.Errorf("%s: taken for %q, error %v", tt.row, layout, err)
		}
		tt.want.Messages, tt.want.Source = []table.Message{{Role: "user", Content: "q"}}, "f.jsonl:1"
		if tt.want.PromptID == "" {
			tt.want.PromptID = table.PromptID(tt.want.Messages)
		}
		got, errs := scored(path)
		if d := cmp.Diff(got, []table.Scored{tt.want}, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" || len(errs) > 0 {
			t.Errorf("%s: errors %q (-got +want):\n%s", tt.row, errs, d)
		}
	}
}

// TestOwnLayout reads what import writes: a table, and its rows as JSON lines.
func TestOwnLayout(t *testing.T) {
	want := []table.Scored{published[0].want, published[3].want}
	for i := range want {
		want[i].PromptID, want[i].Messages = "i", []table.Message{{Role: "user", Content: "q"}}
	}
	dir := t.TempDir()
	write(t, dir, nil, want)
	got, errs := scored(dir)
	if d := cmp.Diff(got, want, cmpopts.EquateNaNs(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(table.Scored{}, "Source")); d != "" || len(errs) > 0 {
		t.Errorf("errors %q (-got +want):\n%s", errs, d)
	}
}

// TestLayoutsNamed holds the errors of rows and files that fit no layout.
func TestLayoutsNamed(t *testing.T) {
	tests := map[string]struct{ text, want string }{
		"unknown":       {`{"a":1,"b":2}`, "its columns are of no layout of responses that is known here: it has a, b; known are\n  radpo: messages, responses, scores"},
		"fewer scores":  {`{"prompt":"q","responses":["x","y"],"rewards":[1]}`, "f.jsonl:1: 2 responses and 1 scores"},
		"no responses":  {`{"prompt":"q","responses":[],"rewards":[]}`, "f.jsonl:1: there is no response"},
		"a bad score":   {`{"prompt":"q","responses":["x","y"],"rewards":[1,"high"]}`, `f.jsonl:1: rewards: element 1: got the text "high", want a number`},
		"not a list":    {`{"prompt":"q","responses":"x","rewards":[1]}`, "f.jsonl:1: responses: got text, want a list"},
		"no turns":      {`{"prompt":"q","responses":[[],[]],"rewards":[1,2]}`, "f.jsonl:1: responses: element 0: the last turn is not the assistant's"},
		"no completion": {`{"instruction":"q","completions":[3]}`, "f.jsonl:1: completions: element 0: got a number, want an object"},
		"no rating":     {`{"instruction":"q","completions":[{"response":"x","overall_score":"good"}]}`, `overall_score: got the text "good", want a number`},
		"second line":   {published[4].row + "\n" + `{"prompt":"","responses":["x"],"rewards":[1]}`, "f.jsonl:2: prompt: the last user's turn is empty"},
	}
	for name, tt := range tests {
		_, errs := scored(save(t, "f.jsonl", tt.text))
		if len(errs) != 1 || !strings.Contains(errs[0], tt.want) {
			t.Errorf("%s: got errors %q, want %q", name, errs, tt.want)
		}
	}
}

// layoutScript writes the rows of argv[2], a JSON list, in every form that
// datasets has into the folder argv[1].
const layoutScript = `
import json, os, sys
from datasets import Dataset
os.chdir(sys.argv[1])
for i, row in enumerate(json.loads(sys.argv[2])):
    d = Dataset.from_list([row] * 3)
    d.to_parquet("%d.parquet" % i)
    d.to_json("%d.jsonl" % i)
    d.to_json("%d.json" % i, lines=False)
    d.save_to_disk("%d" % i)
`

// TestLayoutsOfDatasets reads every layout in every form that the datasets
// library writes.
func TestLayoutsOfDatasets(t *testing.T) {
	var rows []json.RawMessage
	for _, p := range published {
		rows = append(rows, json.RawMessage(p.row))
	}
	text, err := json.Marshal(rows)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	python(t, layoutScript, dir, string(text))
	for i, p := range published {
		for _, form := range []string{".parquet", ".jsonl", ".json", ""} {
			path := filepath.Join(dir, fmt.Sprint(i, form))
			layout, err := layoutOf(path)
			got, errs := scored(path)
			if layout != p.layout || err != nil || len(errs) > 0 || len(got) != 3 {
				t.Errorf("%s: layout %q, error %v, %d rows, errors %q", path, layout, err, len(got), errs)
				continue
			}
			if d := cmp.Diff([]any{got[2].Responses, got[2].Scores, got[2].Attributes}, []any{p.want.Responses, p.want.Scores, p.want.Attributes}, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
				t.Errorf("%s (-got +want):\n%s", path, d)
			}
		}
	}
}

// TestSequence: messages as datasets keeps a Sequence of objects, an object of
// lists, one with a name of every length up to 20, in Parquet pages of LZ4, by pyarrow 26.0.1.
func TestSequence(t *testing.T) {
	n := 0
	for s, err := range table.ReadScored("testdata/sequence.parquet") {
		if err != nil {
			t.Fatal(err)
		}
		want := []table.Message{{Role: "user", Content: fmt.Sprintf("q%d é", n)}}
		if !slices.Equal(s.Messages, want) || !slices.Equal(s.Responses, []string{"a", strings.Repeat("b", n+1)}) || s.Scores[1] != float64(2+n) {
			t.Fatalf("row %d: got %+v", n, s)
		}
		n++
	}
	if n != 40 {
		t.Errorf("%d rows, want 40", n)
	}
	for _, prompt := range []string{`{"role": ["user", "user"], "content": ["a"]}`, `{"role": "user", "content": ["a"]}`, `{"role": [], "content": []}`} {
		path := filepath.Join(t.TempDir(), "f.jsonl")
		if err := os.WriteFile(path, []byte(`{"prompt": `+prompt+`, "responses": ["a", "b"], "rewards": [1, 2]}`), 0o666); err != nil {
			t.Fatal(err)
		}
		for _, err := range table.ReadScored(path) {
			if err == nil || !strings.Contains(err.Error(), "f.jsonl:1: prompt: ") {
				t.Errorf("%s: got %v", prompt, err)
			}
		}
	}
}
