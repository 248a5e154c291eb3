package dpo

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
)

// pairs is the golden pairs and, after them, one for each way to be dropped or
// cut at 40 tokens. They are named by their place.
func pairs(t *testing.T) []table.Pair {
	t.Helper()
	var all []table.Pair
	for p, err := range table.ReadPairs("testdata/pairs.jsonl") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	long := slices.Repeat([]int32{7}, 38)
	all = append(all,
		table.Pair{PromptIDs: []int32{1, 5}, ChosenIDs: nil, RejectedIDs: []int32{6, 2}},                    // empty
		table.Pair{PromptIDs: []int32{1, 5}, ChosenIDs: []int32{6, 2}, RejectedIDs: []int32{6, 2}},          // identical
		table.Pair{PromptIDs: long, ChosenIDs: []int32{6, 7, 2}, RejectedIDs: []int32{6, 7, 8, 2}},          // identical after the cut
		table.Pair{PromptIDs: slices.Repeat(long, 2), ChosenIDs: []int32{6, 2}, RejectedIDs: []int32{9, 2}}, // too long
		table.Pair{PromptIDs: long, ChosenIDs: []int32{6, 7, 8, 2}, RejectedIDs: []int32{9, 2}})             // cut: chosen to two tokens
	for i := range all {
		all[i].ID = strconv.Itoa(i)
	}
	return all
}

// write makes a table of rows.
func write[R any](t *testing.T, rows []R) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "table")
	if err := table.WriteAll(dir, nil, rows); err != nil {
		t.Fatal(err)
	}
	return dir
}

// stages is the plan of a training: its sources, refs and policy.
func stages(dir string, saveEvery int) []flow.Stage {
	c := TrainConfig{DPO: goldenConfig(), DType: "float32", Device: "cpu"}
	c.MaxLength, c.SaveEvery = 40, saveEvery
	return []flow.Stage{
		flow.Source("model", "testdata/policy"), flow.Source("pairs", dir),
		Refs.With(refsConfig(c.DPO), "refs", "model", "pairs"),
		Train.With(c, "policy", "model", "refs", "pairs"),
	}
}

// made runs a plan in a new run folder and returns the folder of each artifact.
func made(t *testing.T, plan []flow.Stage) (map[string]string, error) {
	t.Helper()
	return madeIn(t.Context(), t, t.TempDir(), plan)
}

func madeIn(ctx context.Context, t *testing.T, run string, plan []flow.Stage) (map[string]string, error) {
	t.Helper()
	store, err := flow.Open(run)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	failed := store.Run(ctx, plan)
	steps, err := store.Plan(plan)
	if err != nil {
		t.Fatal(err)
	}
	dirs := map[string]string{}
	for _, s := range steps {
		if s.Done {
			dirs[s.Name], _ = store.Path(s.Fingerprint)
		}
	}
	return dirs, failed
}

// TestStages trains on pairs of which some are dropped.
func TestStages(t *testing.T) {
	dirs, err := made(t, stages(write(t, pairs(t)), 1000))
	if err != nil {
		t.Fatal(err)
	}
	refs, err := table.Open[table.Ref](dirs["refs"])
	if err != nil {
		t.Fatal(err)
	}
	counts, err := ReadCounts(dirs["policy"])
	if want := (Counts{Rows: 21, Empty: 1, Identical: 2, TooLong: 1, Cut: 1}); err != nil || counts != want {
		t.Errorf("the policy's rows are %+v, want %+v (%v)", counts, want, err)
	}
	var last table.Ref
	var ids []string
	for r, err := range refs.Rows() {
		if err != nil {
			t.Fatal(err)
		}
		ids, last = append(ids, r.PairID), r
	}
	if len(ids) != 21 || last.PairID != "24" || last.ChosenTokens != 2 || last.RejectedTokens != 2 || !(last.Chosen < 0) {
		t.Errorf("refs of %v, the last %+v", ids, last)
	}

	steps, err := readMetrics(filepath.Join(dirs["policy"], MetricsFile))
	if err != nil || len(steps) != 12 { // 21 rows in batches of 4, twice
		t.Fatalf("%d steps, want 12 (%v)", len(steps), err)
	}
	if m := steps[0]; math.Abs(m.Loss-math.Ln2) > 1e-6 || math.Abs(m.Margin) > 1e-5 {
		t.Errorf("before the first step the policy is its reference; got %+v", m)
	}
	if m := steps[11]; m.Step != 12 || m.Epoch != 2 || m.Loss >= math.Ln2 {
		t.Errorf("the last step is %+v", m)
	}
	f, err := hf.Open(dirs["policy"])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := model.CheckPolicy(f); err != nil {
		t.Error(err)
	}
}

// TestAverageIsAReference: a policy trained with an average has it as a model
// folder, whose log-probabilities lie between those of start and end.
func TestAverageIsAReference(t *testing.T) {
	plan := stages(write(t, pairs(t)), 1000)
	c := plan[3].Config.(TrainConfig)
	c.EMA = 0.7
	plan[3] = Train.With(c, "policy", "model", "refs", "pairs")
	again := refsConfig(c.DPO)
	plan = append(plan, Refs.With(again, "end", "policy", "pairs"))
	again.EMA = true
	plan = append(plan, Refs.With(again, "average", "policy", "pairs"))
	dirs, err := made(t, plan)
	if err != nil {
		t.Fatal(err)
	}
	gap := map[string]float64{}
	for _, name := range []string{"refs", "end", "average"} {
		refs, err := table.ReadAll[table.Ref](dirs[name])
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range refs {
			gap[name] += float64(r.Chosen - r.Rejected)
		}
	}
	if start, between, end := gap["refs"], gap["average"], gap["end"]; !(start < between && between < end) {
		t.Errorf("chosen leads by %v at the start, %v in the average and %v at the end", start, between, end)
	}
}

// TestStagesRefuse what cannot be trained on, and leave no artifact.
func TestStagesRefuse(t *testing.T) {
	odd := write(t, pairs(t))
	tests := []struct {
		name string
		plan []flow.Stage
		want string
	}{
		{"all dropped", stages(write(t, pairs(t)[20:24]), 1000), "no pair to train on: 1 have an empty response, in 2 both responses are the same, 1 prompts alone fill dpo.max_length 40"},
		{"reference is not finite", withRefs(t, odd, func(refs []table.Ref) []table.Ref {
			refs[5].Rejected = float32(math.Inf(-1))
			return refs
		}), "step 2 of 12: pair 5: the loss is"},
		{"reference of other pairs", withRefs(t, odd, func(refs []table.Ref) []table.Ref {
			refs[3].PairID = "x"
			return refs
		}), "row 3 is pair 3 and the reference's row is of x"},
		{"reference too short", withRefs(t, odd, func(refs []table.Ref) []table.Ref { return refs[1:] }),
			"21 rows to train on and 20 reference log-probabilities"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dirs, err := made(t, tt.plan)
			if !strings.Contains(fmt.Sprint(err), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
			if dir, ok := dirs["policy"]; ok {
				t.Errorf("a policy was left at %s", dir)
			}
		})
	}
}

// withRefs is the plan of a training with other references than it would make.
func withRefs(t *testing.T, pairs string, change func([]table.Ref) []table.Ref) []flow.Stage {
	t.Helper()
	plan := stages(pairs, 1000)
	dirs, err := made(t, plan[:3])
	if err != nil {
		t.Fatal(err)
	}
	refs, err := table.ReadAll[table.Ref](dirs["refs"])
	if err != nil {
		t.Fatal(err)
	}
	plan[2] = flow.Source("refs", write(t, change(refs)))
	return plan
}

// An after is a context that ends some calls after a file is there.
type after struct {
	context.Context
	pattern string
	calls   int
}

func (a *after) Err() error {
	if found, _ := filepath.Glob(a.pattern); len(found) > 0 {
		a.calls--
	}
	if a.calls < 0 {
		return context.Canceled
	}
	return nil
}

// TestKeep: the last checkpoints are kept, as many as wanted, and the newest is
// gone on from.
func TestKeep(t *testing.T) {
	plan := stages(write(t, pairs(t)), 2)
	c := plan[3].Config.(TrainConfig)
	c.Keep = 3
	plan[3] = Train.With(c, "policy", "model", "refs", "pairs")
	run := t.TempDir()
	part := filepath.Join(run, "work", "*", "parts", "step-")
	if _, err := madeIn(&after{t.Context(), part + "00000008", 0}, t, run, plan); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	kept, err := filepath.Glob(part + "*")
	var names []string
	for _, dir := range kept {
		names = append(names, filepath.Base(dir))
	}
	if want := []string{"step-00000004", "step-00000006", "step-00000008"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("kept %v, want %v (%v)", names, want, err)
	}
}

// TestInterruptedStage ends some steps behind a regular checkpoint: it keeps a
// later one, alone, and goes on from it to the same policy.
func TestInterruptedStage(t *testing.T) {
	rows, run := write(t, pairs(t)), t.TempDir()
	part := filepath.Join(run, "work", "*", "parts", "step-")
	if _, err := madeIn(&after{t.Context(), part + "00000004", 5}, t, run, stages(rows, 4)); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	kept, err := filepath.Glob(part + "*")
	if err != nil || len(kept) != 1 || filepath.Base(kept[0]) <= "step-00000004" {
		t.Fatalf("checkpoints %v are kept, want one after step 4 (%v)", kept, err)
	}
	plan := stages(rows, 1000) // how often it saves is no part of what it makes
	var got [2]string
	for i, dir := range []string{run, t.TempDir()} {
		dirs, err := madeIn(t.Context(), t, dir, plan)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"model.safetensors", MetricsFile, EventsFile} {
			data, err := os.ReadFile(filepath.Join(dirs["policy"], name))
			if err != nil {
				t.Fatal(err)
			}
			got[i] += string(data)
		}
	}
	if left, _ := filepath.Glob(part + "*"); len(left) > 0 {
		t.Errorf("trained anew beside %v", left)
	}
	if got[0] != got[1] {
		t.Errorf("continued from %s it ends in other bytes", filepath.Base(kept[0]))
	}
}
