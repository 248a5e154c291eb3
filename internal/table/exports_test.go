package table_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

// talk are two pairs: one behind a goal, one behind an earlier exchange.
var talk = []table.Pair{
	{
		ID: "a", Messages: []table.Message{{Role: "system", Content: "goal 8"}, {Role: "user", Content: "q é😀\n\"x\""}},
		Chosen: "good", Rejected: "bad", RewardChosen: 8, RewardRejected: 2.5,
	},
	{
		ID: "b", Messages: []table.Message{{Role: "user", Content: "q1"}, {Role: "assistant", Content: "a1"}, {Role: "user", Content: "q2"}},
		Chosen: "yes", Rejected: "no", RewardChosen: 3, RewardRejected: 1,
	},
}

func each[R any](list []R) func(yield func(R, error) bool) {
	return func(yield func(R, error) bool) {
		for _, r := range list {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// exported are the rows of talk for each trainer.
var exported = map[string]string{
	"trl": `{"prompt":[{"role":"system","content":"goal 8"},{"role":"user","content":"q é😀\n\"x\""}],"chosen":[{"role":"assistant","content":"good"}],"rejected":[{"role":"assistant","content":"bad"}],"score_chosen":8,"score_rejected":2.5}
{"prompt":[{"role":"user","content":"q1"},{"role":"assistant","content":"a1"},{"role":"user","content":"q2"}],"chosen":[{"role":"assistant","content":"yes"}],"rejected":[{"role":"assistant","content":"no"}],"score_chosen":3,"score_rejected":1}
`,
	"trl-standard": `{"prompt":"goal 8\n\nq é😀\n\"x\"","chosen":"good","rejected":"bad","score_chosen":8,"score_rejected":2.5}
`,
	"axolotl": `{"messages":[{"role":"system","content":"goal 8"},{"role":"user","content":"q é😀\n\"x\""}],"chosen":{"role":"assistant","content":"good"},"rejected":{"role":"assistant","content":"bad"}}
{"messages":[{"role":"user","content":"q1"},{"role":"assistant","content":"a1"},{"role":"user","content":"q2"}],"chosen":{"role":"assistant","content":"yes"},"rejected":{"role":"assistant","content":"no"}}
`,
	"llamafactory": `{"conversations":[{"from":"system","value":"goal 8"},{"from":"human","value":"q é😀\n\"x\""}],"chosen":{"from":"gpt","value":"good"},"rejected":{"from":"gpt","value":"bad"}}
{"conversations":[{"from":"human","value":"q1"},{"from":"gpt","value":"a1"},{"from":"human","value":"q2"}],"chosen":{"from":"gpt","value":"yes"},"rejected":{"from":"gpt","value":"no"}}
`,
	"llamafactory-alpaca": `{"instruction":"q é😀\n\"x\"","input":"","chosen":"good","rejected":"bad","system":"goal 8","history":[]}
{"instruction":"q2","input":"","chosen":"yes","rejected":"no","system":"","history":[["q1","a1"]]}
`,
	"openrlhf": `{"chosen":[{"role":"system","content":"goal 8"},{"role":"user","content":"q é😀\n\"x\""},{"role":"assistant","content":"good"}],"rejected":[{"role":"system","content":"goal 8"},{"role":"user","content":"q é😀\n\"x\""},{"role":"assistant","content":"bad"}]}
{"chosen":[{"role":"user","content":"q1"},{"role":"assistant","content":"a1"},{"role":"user","content":"q2"},{"role":"assistant","content":"yes"}],"rejected":[{"role":"user","content":"q1"},{"role":"assistant","content":"a1"},{"role":"user","content":"q2"},{"role":"assistant","content":"no"}]}
`,
}

// export writes talk, or as much of it as the trainer's form can say.
func export(t *testing.T, name, path string) {
	t.Helper()
	rows := talk[:strings.Count(exported[name], "\n")]
	if err := table.Exports[name].Write(path, each(rows)); err != nil {
		t.Fatal(err)
	}
}

func TestExports(t *testing.T) {
	if len(exported) != len(table.Exports) {
		t.Errorf("%d exports are held to rows, there are %d", len(exported), len(table.Exports))
	}
	for name, want := range exported {
		path := filepath.Join(t.TempDir(), "pairs.jsonl")
		export(t, name, path)
		if got, err := os.ReadFile(path); err != nil || string(got) != want {
			t.Errorf("%s: got %s, error %v\nwant %s", name, got, err, want)
		}
		if err := table.Exports[name].Write(path, each(talk)); err == nil || !strings.Contains(err.Error(), "exists") {
			t.Errorf("%s: over a file: %v", name, err)
		}
	}
	path := filepath.Join(t.TempDir(), "pairs.jsonl")
	for name, pair := range map[string]table.Pair{
		"pair b: its prompt has 3 turns, and plain text has none": talk[1],
		"pair c: it has ids and no text":                          {ID: "c", ChosenIDs: []int32{1}},
	} {
		if err := table.Exports["trl-standard"].Write(path, each([]table.Pair{pair})); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("got %v, want %q", err, name)
		}
		if _, err := os.Stat(path); err == nil {
			t.Errorf("%s is there after an error", path)
		}
	}
}

// TestExportsReadBack: what is exported as messages or as text is read as the
// pairs that it was made of.
func TestExportsReadBack(t *testing.T) {
	for _, name := range []string{"trl", "openrlhf"} {
		for _, form := range []string{".jsonl", ".parquet", ""} {
			path := filepath.Join(t.TempDir(), "pairs"+form)
			export(t, name, path)
			got, errs := pairs(path)
			ignore := cmpopts.IgnoreFields(table.Pair{}, "ID", "Kind", "RawChosen", "RawRejected", "WinChosen", "WinRejected", "RewardChosen", "RewardRejected")
			if d := cmp.Diff(got, talk, ignore); d != "" || len(errs) > 0 {
				t.Errorf("%s%s: errors %q (-got +want):\n%s", name, form, errs, d)
			}
		}
	}
}

// exportScript prints the rows of the files argv[1:] as datasets loads them.
const exportScript = `
import json, os, sys
from datasets import load_dataset, load_from_disk
for path in sys.argv[1:]:
    kind = os.path.splitext(path)[1].replace(".jsonl", "json").strip(".")
    d = load_dataset(kind, data_files=path, split="train") if kind else load_from_disk(path)
    print(json.dumps(d.to_list()))
`

// TestExportsOfDatasets has the datasets library load each export in each form.
func TestExportsOfDatasets(t *testing.T) {
	dir := t.TempDir()
	var paths, names []string
	for name := range exported {
		for _, form := range []string{".jsonl", ".parquet", ""} {
			names, paths = append(names, name), append(paths, filepath.Join(dir, name+form))
			export(t, name, paths[len(paths)-1])
		}
	}
	lines := strings.Split(strings.TrimSpace(string(python(t, exportScript, paths...))), "\n")
	for i, line := range lines {
		var got, want []any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for _, row := range strings.Split(strings.TrimSpace(exported[names[i]]), "\n") {
			var v any
			if err := json.Unmarshal([]byte(row), &v); err != nil {
				t.Fatal(err)
			}
			want = append(want, v)
		}
		if d := cmp.Diff(got, want); d != "" {
			t.Errorf("%s (-datasets +want):\n%s", paths[i], d)
		}
	}
	if len(lines) != len(paths) {
		t.Errorf("datasets loads %d of %d files", len(lines), len(paths))
	}
}
