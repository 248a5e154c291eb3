package dpo

import (
	"encoding/json"
	"maps"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"radpo/internal/table"
)

// TestTally: the measures of a step's groups, by kind, goal and score of the
// answer that the ranker likes less.
func TestTally(t *testing.T) {
	of := func(p table.Pair) row {
		return row{chosen: make([]int32, 3), rejected: make([]int32, 5), origin: originOf(p)}
	}
	rows := []row{
		of(table.Pair{Kind: table.KindPlain, RewardChosen: 8, RewardRejected: 5}),
		of(table.Pair{Kind: table.KindGoalChosen, Goal: []float64{7.4}, RewardChosen: 7.4, RewardRejected: 2}),
		of(table.Pair{Kind: table.KindGoalRejected, Goal: []float64{2}, RewardChosen: 2, RewardRejected: 7.4}),
		of(table.Pair{Kind: table.KindGoalChosen, Goal: []float64{6.6, -0.1}, RewardChosen: math.NaN(), RewardRejected: math.NaN()}),
	}
	all := tally{}
	for i, r := range rows {
		d := float64(i + 1)
		all.row(r, result{chosen: -d, rejected: -10 * d, good: d / 2, bad: -d / 2, lift: d, fall: -2 * d}, paired, []string{"wit"})
	}
	want := map[string]float64{
		"kl/k1": 10.0 / 8, "kl/k2": 30.0 / 2 * 5 / 8, // d = 1, 2, 3, 4 and -2, -4, -6, -8
		"completions/chosen/mean_length": 3, "completions/rejected/mean_length": 5,
	}
	group := func(name string, pairs, logChosen, logRejected, good, bad float64) {
		want["ra/"+name+"/pairs"] = pairs
		for side, v := range map[string][2]float64{"chosen": {logChosen, good}, "rejected": {logRejected, bad}} {
			if v[0] != 0 {
				want["ra/"+name+"/logps/"+side], want["ra/"+name+"/rewards/"+side] = v[0], v[1]
			}
		}
	}
	group("plain", 1, -1, -10, 0.5, -0.5)
	group("goal_chosen", 2, -3, -30, 1.5, -1.5)
	group("goal_rejected", 1, -3, -30, 1.5, -1.5)
	group("goal-7", 1, -2, -20, 1, -1)
	group("goal-2", 1, -3, -30, 1.5, -1.5)
	group("wit-7", 1, -4, -40, 2, -2)
	group("attribute2-0", 1, -4, -40, 2, -2)
	group("rejected-high", 1, 0, -10, 0, -0.5)
	group("rejected-low", 2, -3, -20, 1.5, -1) // rejected at the other's goal, chosen at its own
	if got := all.means(); !reflect.DeepEqual(got, want) {
		for name := range maps.Keys(want) {
			if got[name] != want[name] {
				t.Errorf("%s is %v, want %v", name, got[name], want[name])
			}
			delete(got, name)
		}
		t.Errorf("also: %v", got)
	}
}

// TestStepJSON: a line of metrics.jsonl comes back as it was.
func TestStepJSON(t *testing.T) {
	for _, want := range []Step{
		{Step: 3, Loss: 0.1 + 0.2},
		{Step: 3, More: map[string]float64{"kl/k1": 0, "ra/goal-7/pairs": 3}, Warnings: map[string]string{"stuck": "why"}},
	} {
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got Step
		if err := json.Unmarshal(text, &got); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as %+v (%v)", text, got, err)
		}
	}
}

// TestGroupsOfStage: groups partition a training's rows, whatever its
// micro-batches, and attributes have the names of the table.
func TestGroupsOfStage(t *testing.T) {
	rows := pairs(t)[:20]
	for i := range rows {
		p := &rows[i]
		p.RewardChosen, p.RewardRejected, p.Kind = float64(4+i%6), float64(1+i%6), table.KindPlain
		if i%2 == 1 {
			p.Kind, p.Goal = table.KindGoalChosen, []float64{p.RewardChosen, 10}
		}
	}
	dir := filepath.Join(t.TempDir(), "pairs")
	if err := table.WriteAll(dir, map[string]string{table.GoalNames: `["wit","depth"]`}, rows); err != nil {
		t.Fatal(err)
	}
	dirs, err := made(t, stages(dir, 1000))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := readMetrics(filepath.Join(dirs["policy"], MetricsFile))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range steps {
		plain, goal := m.More["ra/plain/pairs"], m.More["ra/goal_chosen/pairs"]
		whole := (plain*m.More["ra/plain/logps/rejected"] + goal*m.More["ra/goal_chosen/logps/rejected"]) / 4
		high, low := m.More["ra/rejected-high/pairs"], m.More["ra/rejected-low/pairs"]
		byScore := (high*m.More["ra/rejected-high/rewards/rejected"] + low*m.More["ra/rejected-low/rewards/rejected"]) / 4
		if plain+goal != 4 || high+low != 4 || !near(whole, m.RejectedLogp, 1e-9) || !near(byScore, m.Rejected, 1e-9) {
			t.Errorf("step %d: groups do not add up to the whole: %+v", m.Step, m)
		}
		if goal > 0 && m.More["ra/depth-10/pairs"] != goal {
			t.Errorf("step %d: no group of the second attribute: %v", m.Step, slices.Sorted(maps.Keys(m.More)))
		}
		if want := -(m.Chosen + m.Rejected) / 2 / 0.1; !near(m.More["kl/k1"], want, 1e-9) {
			t.Errorf("step %d: kl/k1 is %v, want %v", m.Step, m.More["kl/k1"], want)
		}
	}
	if m := steps[0].More; math.Abs(m["kl/k1"]) > 1e-4 || m["kl/k2"] > 1e-8 {
		t.Errorf("before the first step the policy is its reference, and the KL %v and %v", m["kl/k1"], m["kl/k2"])
	}
	if info, err := os.Stat(filepath.Join(dirs["policy"], EventsFile)); err != nil || info.Size() < 1000 {
		t.Error("no events", err)
	}
}
