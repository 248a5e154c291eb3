package table_test

import (
	"bytes"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"radpo/internal/table"
)

func pairs(path string) ([]table.Pair, []string) { return drained(table.ReadPairs(path)) }

func TestPairLayouts(t *testing.T) {
	nan := math.NaN()
	turns := []table.Message{{Role: "user", Content: "q"}}
	tests := map[string]struct {
		row  string
		want table.Pair
	}{
		"ids": {
			`{"prompt_ids":[1,2],"chosen_ids":[3],"rejected_ids":[4,5],"reward_chosen":7,"reward_rejected":2.5,"win_chosen":0.75,"win_rejected":0.5}`,
			table.Pair{PromptIDs: []int32{1, 2}, ChosenIDs: []int32{3}, RejectedIDs: []int32{4, 5}, RawChosen: 7, RawRejected: 2.5, RewardChosen: 7, RewardRejected: 2.5, WinChosen: 0.75, WinRejected: 0.5},
		},
		"texts": {
			`{"prompt":"q","chosen":"a","rejected":"b"}`,
			table.Pair{Messages: turns, Chosen: "a", Rejected: "b", RawChosen: nan, RawRejected: nan, RewardChosen: nan, RewardRejected: nan},
		},
		"explicit conversations": {
			`{"prompt":[{"role":"user","content":"q"}],"chosen":[{"role":"assistant","content":"a"}],"rejected":[{"role":"assistant","content":"b"}]}`,
			table.Pair{Messages: turns, Chosen: "a", Rejected: "b", RawChosen: nan, RawRejected: nan, RewardChosen: nan, RewardRejected: nan},
		},
		"implicit prompt": {
			`{"chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"b"}]}`,
			table.Pair{Messages: turns, Chosen: "a", Rejected: "b", RawChosen: nan, RawRejected: nan, RewardChosen: nan, RewardRejected: nan},
		},
		"prompt text beside conversations, scores": {
			`{"prompt":"q","chosen":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"rejected":[{"role":"user","content":"q"},{"role":"assistant","content":"a"}],"score_chosen":8,"score_rejected":8}`,
			table.Pair{Messages: turns, Chosen: "a", Rejected: "a", RawChosen: 8, RawRejected: 8, RewardChosen: 8, RewardRejected: 8},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got, errs := pairs(save(t, "p.jsonl", tt.row))
			if len(errs) > 0 || len(got) != 1 {
				t.Fatalf("%s: got %d pairs, errors %q", tt.row, len(got), errs)
			}
			tt.want.ID, tt.want.Kind = "0", table.KindPlain
			if name != "ids" { // the only one that says who is preferred
				tt.want.WinChosen, tt.want.WinRejected = nan, nan
			}
			if d := cmp.Diff(got[0], tt.want, cmpopts.EquateNaNs()); d != "" {
				t.Errorf("%s (-got +want):\n%s", tt.row, d)
			}
		})
	}
}

func TestPairErrors(t *testing.T) {
	tests := map[string]string{
		`{"prompt_ids":[1],"chosen_ids":[3]}`:                                          "p:1: rejected_ids: got nothing, want a list of token ids",
		`{"prompt_ids":[1],"chosen_ids":[3.5],"rejected_ids":[4]}`:                     "p:1: chosen_ids: element 0: 3.5 is no token id",
		`{"prompt_ids":[1],"chosen_ids":[-3],"rejected_ids":[4]}`:                      "chosen_ids: element 0: -3 is no token id",
		`{"prompt_ids":[9999999999],"chosen_ids":[3],"rejected_ids":[4]}`:              "prompt_ids: element 0: 9999999999 is no token id",
		`{"prompt_ids":[1],"chosen_ids":[3],"rejected_ids":[]}`:                        "rejected_ids: the list is empty",
		`{"chosen":"a","rejected":"b"}`:                                                "there is no prompt",
		`{"prompt":"q","chosen":"a"}`:                                                  "rejected: got nothing, want a text, a list of messages, or rejected_ids",
		`{"prompt":"q","chosen":"a","rejected":"b","reward_chosen":"x"}`:               "reward_chosen: got text, want a number",
		`{"prompt":"q","chosen":[{"role":"user","content":"a"}],"rejected":"b"}`:       "chosen: got 1 turns",
		`{"prompt":[{"role":"user"}],"chosen":"a","rejected":"b"}`:                     "prompt: message 1: content: got nothing",
		`{"prompt_ids":[1],"chosen_ids":[3],"rejected_ids":[4],"reward_chosen":1e999}`: "reward_chosen: 1e999 is too large",
	}
	for row, want := range tests {
		_, errs := pairs(save(t, "p", row))
		if len(errs) != 1 || !strings.Contains(errs[0], want) {
			t.Errorf("%s: got errors %q, want one with %q", row, errs, want)
		}
	}
}

// TestPairTables reads back what this package wrote as table, Parquet and
// JSONL; the two last lack what ReadPairs does not read.
func TestPairTables(t *testing.T) {
	want := draw[table.Pair](40)
	for i := range want { // token ids are not negative, nor is a list of them empty
		for _, ids := range []*[]int32{&want[i].PromptIDs, &want[i].ChosenIDs, &want[i].RejectedIDs} {
			*ids = append(*ids, 7)
			for k := range *ids {
				(*ids)[k] &= 0xFFFF
			}
		}
		want[i].ID = "id"
	}
	dir := t.TempDir()
	at := func(name string) string { return filepath.Join(dir, name) }
	write(t, at("table"), nil, want)
	if err := table.WriteParquet(at("pairs.parquet"), map[string]string{"k": "v"}, seq(want)); err != nil {
		t.Fatal(err)
	}
	var lines bytes.Buffer
	if err := table.WriteJSONL(&lines, seq(want)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(at("pairs.jsonl"), lines.Bytes(), 0o666); err != nil {
		t.Fatal(err)
	}
	got, errs := pairs(at("table"))
	if d := cmp.Diff(got, want, cmpopts.EquateEmpty()); d != "" || len(errs) > 0 {
		t.Errorf("table: errors %q (-got +want):\n%s", errs, d)
	}
	unread := cmpopts.IgnoreFields(table.Pair{}, "Iteration", "Kind", "Goal", "Messages", "Chosen", "Rejected", "ChosenSample", "RejectedSample", "RawChosen", "RawRejected")
	for _, name := range []string{"pairs.parquet", "pairs.jsonl"} {
		got, errs := pairs(at(name))
		if d := cmp.Diff(got, want, cmpopts.EquateEmpty(), unread); d != "" || len(errs) > 0 {
			t.Errorf("%s: errors %q (-got +want):\n%s", name, errs, d)
		}
	}
}

func seq[R any](rows []R) func(func(R, error) bool) {
	return func(yield func(R, error) bool) {
		for _, r := range rows {
			if !yield(r, nil) {
				return
			}
		}
	}
}

func TestWriteJSONL(t *testing.T) {
	var b bytes.Buffer
	rows := []table.Measure{{Name: "a<b\u2028", Value: math.Inf(1), Lo: 1.5, Hi: math.NaN(), N: 3}, {}}
	if err := table.WriteJSONL(&b, seq(rows)); err != nil {
		t.Fatal(err)
	}
	want := `{"name":"a<b\u2028","value":null,"lo":1.5,"hi":null,"n":3}` + "\n" + `{"name":"","value":0,"lo":0,"hi":0,"n":0}` + "\n"
	if b.String() != want {
		t.Errorf("got %s, want %s", b.String(), want)
	}
}
