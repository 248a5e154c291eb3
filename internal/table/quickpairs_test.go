package table_test

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"radpo/internal/table"
)

// A preprocessed is a row as the released preprocessing leaves it.
type preprocessed struct {
	Prompt        string          `col:"prompt" json:"prompt"`
	PromptID      string          `col:"prompt_id" json:"prompt_id"`
	Chosen        []table.Message `col:"chosen" json:"-"`
	Rejected      []table.Message `col:"rejected" json:"-"`
	ScoreChosen   float64         `col:"overall_score_chosen" json:"overall_score_chosen"`
	ScoreRejected float64         `col:"overall_score_rejected" json:"overall_score_rejected"`
	MarksChosen   []float64       `col:"fine_grain_score_chosen" json:"fine_grain_score_chosen"`
	MarksRejected []float64       `col:"fine_grain_score_rejected" json:"fine_grain_score_rejected"`
}

// preprocessedRows are sound rows and one of each fault that a value can have.
func preprocessedRows() []preprocessed {
	talk := func(turns ...string) (all []table.Message) {
		for i := 0; i < len(turns); i += 2 {
			all = append(all, table.Message{Role: turns[i], Content: turns[i+1]})
		}
		return all
	}
	four := []float64{1, 2, 3, 4.5}
	sound := preprocessed{"ask", "id", talk("user", "ask", "assistant", "yes 良い"), talk("user", "ask", "assistant", "no"), 8.5, 2, four, four}
	rows := []preprocessed{sound}
	for _, change := range []func(*preprocessed){
		func(r *preprocessed) { r.PromptID = "" },
		func(r *preprocessed) { r.Prompt = "another" },
		func(r *preprocessed) { r.Prompt = " " },
		func(r *preprocessed) { r.Chosen = talk("human", "ask", "gpt", "") },
		func(r *preprocessed) { r.Chosen = talk("assistant", "yes") },
		func(r *preprocessed) { r.Chosen = talk("user", "ask", "tool", "x") },
		func(r *preprocessed) { r.Chosen = talk("user", "ask") },
		func(r *preprocessed) { r.Chosen = nil },
		func(r *preprocessed) {
			r.Chosen, r.Rejected = talk("system", "s", "user", "ask", "assistant", "a"), talk("system", "s", "user", "ask", "assistant", "b")
		},
		func(r *preprocessed) { r.Rejected = append(r.Rejected, talk("user", "more", "assistant", "x")...) },
		func(r *preprocessed) { r.MarksChosen = four[:3] },
		func(r *preprocessed) { r.MarksRejected = nil },
		func(r *preprocessed) { r.Rejected[1].Content = strings.Repeat("long ", 200_000) },
	} {
		row := sound
		row.Rejected = append([]table.Message(nil), sound.Rejected...)
		change(&row)
		rows = append(rows, row, sound)
	}
	return rows
}

// TestQuick: what is read straight from Arrow's columns is what the layout
// makes of the same rows as JSON, faults too.
func TestQuick(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rows")
	rows := preprocessedRows()
	if err := table.WriteAll(dir, nil, rows); err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	for _, r := range rows {
		line := map[string]any{"chosen": turns(r.Chosen), "rejected": turns(r.Rejected)}
		b, err := json.Marshal(r)
		if err == nil {
			err = json.Unmarshal(b, &line)
		}
		if err != nil {
			t.Fatal(err)
		}
		for k, v := range line {
			if v == nil {
				line[k] = []any{} // a list without elements, as the table has it
			}
		}
		b, _ = json.Marshal(line)
		lines.Write(append(b, '\n'))
	}
	want, wantErrs := scored(save(t, "rows.jsonl", lines.String()))
	got, errs := scored(dir)
	if len(got) != len(want) || len(errs) != len(wantErrs) || len(errs) < 6 {
		t.Fatalf("%d rows and %d faults, as JSON %d and %d: %q, %q", len(got), len(errs), len(want), len(wantErrs), errs, wantErrs)
	}
	why := func(err string) string { return err[strings.Index(err, ": ")+1:] }
	for i := range want {
		got[i].Source, want[i].Source = "", ""
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("row %d: got %.200v, want %.200v", i, got[i], want[i])
		}
	}
	for i := range errs {
		if got, want := why(errs[i]), why(wantErrs[i]); !strings.HasSuffix(got, want[strings.LastIndex(want, "jsonl:")+8:]) {
			t.Errorf("fault %d: got %q, want %q", i, got, want)
		}
	}
}

func turns(messages []table.Message) []any {
	all := []any{}
	for _, m := range messages {
		all = append(all, map[string]any{"role": m.Role, "content": m.Content})
	}
	return all
}

// TestQuickScores: scores that are no numbers come through as they are.
func TestQuickScores(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rows")
	row := preprocessedRows()[0]
	row.ScoreChosen, row.ScoreRejected = math.NaN(), math.Inf(1)
	if err := table.WriteAll(dir, nil, []preprocessed{row}); err != nil {
		t.Fatal(err)
	}
	got, errs := scored(dir)
	if len(got) != 1 || !math.IsNaN(got[0].Scores[0]) || !math.IsInf(got[0].Scores[1], 1) {
		t.Errorf("got %v, errors %q", got, errs)
	}
}

// TestQuickMutants: damage to such a file is an error or other values, and
// nothing worse.
func TestQuickMutants(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "rows")
	if err := table.WriteAll(dir, nil, preprocessedRows()[:5]); err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(filepath.Join(dir, "data-00000-of-00001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	scoredMutants(t, "a table of pairs", whole)
}
