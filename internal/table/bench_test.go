package table_test

import (
	"iter"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/internal/table"
)

// A row of each layout.
const (
	oneAgainstOne   = `{"prompt":"q","chosen":"a","rejected":"b","subset":"hep-go","id":7,"chosen_model":"m"}`
	listAgainstList = `{"prompt":"q","chosen":["a","b"],"rejected":["c"],"subset":"Ties","id":"tied:3","num_correct":2,"total_completions":3}`
	scoresOfOne     = `{"id":"x","subset":"hep-go","scores_chosen":1,"scores_rejected":-2.5,"results":1}`
	scoresOfList    = `{"subset":"Ties","scores":[[1],[2],[3]],"num_correct":2}`
)

func items(seq iter.Seq2[table.BenchItem, error]) (list []table.BenchItem, errs []string) {
	for b, err := range seq {
		if err != nil {
			errs = append(errs, err.Error())
		} else {
			list = append(list, b)
		}
	}
	return list, errs
}

func TestReadBench(t *testing.T) {
	asked := []table.Message{{Role: "user", Content: "q"}}
	path := save(t, "b.jsonl", oneAgainstOne+"\n"+listAgainstList)
	got, errs := items(table.ReadBench(path))
	want := []table.BenchItem{
		{At: path + ":1", ID: "7", Subset: "hep-go", Version: 1, Correct: 1, Messages: asked, Answers: []string{"a", "b"}},
		{At: path + ":2", ID: "tied:3", Subset: "Ties", Version: 2, Correct: 2, Messages: asked, Answers: []string{"a", "b", "c"}},
	}
	if d := cmp.Diff(got, want); d != "" || len(errs) > 0 {
		t.Errorf("errors %q (-got +want):\n%s", errs, d)
	}
	path = save(t, "s.jsonl", scoresOfOne+"\n"+scoresOfList)
	got, errs = items(table.ReadBenchScores(path))
	want = []table.BenchItem{
		{At: path + ":1", ID: "x", Subset: "hep-go", Version: 1, Correct: 1, Scores: []float64{1, -2.5}},
		{At: path + ":2", Subset: "Ties", Version: 2, Correct: 2, Scores: []float64{1, 2, 3}},
	}
	if d := cmp.Diff(got, want); d != "" || len(errs) > 0 {
		t.Errorf("errors %q (-got +want):\n%s", errs, d)
	}
}

// TestReadBenchParquet reads the published files' columns.
func TestReadBenchParquet(t *testing.T) {
	type second struct {
		ID       string   `col:"id"`
		Prompt   string   `col:"prompt"`
		Chosen   []string `col:"chosen"`
		Rejected []string `col:"rejected"`
		Correct  int64    `col:"num_correct"`
		Total    int64    `col:"total_completions"`
		Subset   string   `col:"subset"`
		Judge    string   `col:"additional_metadata"`
	}
	path := filepath.Join(t.TempDir(), "test.parquet")
	rows := []second{{"12", "q", []string{"a"}, []string{"b", "c", "d"}, 1, 4, "Math", "x"}}
	if err := table.WriteParquet(path, nil, seq(rows)); err != nil {
		t.Fatal(err)
	}
	got, errs := items(table.ReadBench(path))
	want := []table.BenchItem{{At: path + ": row 1", ID: "12", Subset: "Math", Version: 2, Correct: 1,
		Messages: []table.Message{{Role: "user", Content: "q"}}, Answers: []string{"a", "b", "c", "d"}}}
	if d := cmp.Diff(got, want); d != "" || len(errs) > 0 {
		t.Errorf("errors %q (-got +want):\n%s", errs, d)
	}
}

func TestReadBenchFaults(t *testing.T) {
	for _, tt := range []struct {
		row, want string
		scores    bool
	}{
		{`{"chosen":"a","rejected":"b","subset":"s"}`, "b.jsonl:1: prompt: got nothing", false},
		{`{"prompt":[{"role":"assistant","content":"q"}],"chosen":"a","rejected":"b","subset":"s"}`, "prompt: want a conversation that ends with the user's turn", false},
		{`{"prompt":"q","chosen":"a","subset":"s"}`, "rejected: got nothing, want a text or a list of texts", false},
		{`{"prompt":"q","chosen":["a"],"rejected":"b","subset":"s"}`, "chosen is a list and rejected text", false},
		{`{"prompt":"q","chosen":["a"],"rejected":[3],"subset":"s"}`, "rejected: element 0: got a number, want text", false},
		{`{"prompt":"q","chosen":["a"],"rejected":[],"subset":"s"}`, "1 answers of which 1 are correct", false},
		{`{"prompt":"q","chosen":"a","rejected":"b"}`, "subset: got nothing, want text", false},
		{strings.Replace(listAgainstList, `"num_correct":2`, `"num_correct":1`, 1), "num_correct is 1, the lists have 2", false},
		{strings.Replace(listAgainstList, `"total_completions":3`, `"total_completions":4`, 1), "total_completions is 4, the lists have 3", false},
		{`{"subset":"s","scores":[1,2,3]}`, "b.jsonl:1: 3 scores: want two, or num_correct beside them", true},
		{`{"subset":"s","scores":[1,null]}`, "score 2: got nothing, want a number", true},
		{`{"subset":"s","scores_chosen":1}`, "score 2: got nothing", true},
		{`{"subset":"s","scores":"1"}`, "scores: got text, want a list of numbers", true},
		{`{"subset":"s","scores":[1,2],"num_correct":1.5}`, "num_correct: got 1.5, want a number of answers", true},
		{`{"subset":"s","scores":[1,2],"num_correct":0}`, "2 answers of which 0 are correct", true},
		{`{"subset":"s","results":1}`, "score 1: got nothing, want a number", true},
	} {
		read := table.ReadBench
		if tt.scores {
			read = table.ReadBenchScores
		}
		_, errs := items(read(save(t, "b.jsonl", tt.row)))
		if len(errs) != 1 || !strings.Contains(errs[0], tt.want) || !strings.HasPrefix(errs[0], "rewardbench: ") {
			t.Errorf("%s: got %q, want %s", tt.row, errs, tt.want)
		}
	}
}
