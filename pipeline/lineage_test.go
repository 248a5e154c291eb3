package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"radpo/internal/table"
	"radpo/pipeline"
)

// links runs show --lineage and reads its links.
func links(t *testing.T, dir, stage string, row int) (all []map[string]any) {
	t.Helper()
	var out bytes.Buffer
	if err := pipeline.ShowLineage(dir, stage, row, true, &out); err != nil {
		t.Fatal(err)
	}
	for dec := json.NewDecoder(&out); dec.More(); {
		var link map[string]any
		if err := dec.Decode(&link); err != nil {
			t.Fatal(err)
		}
		all = append(all, link)
	}
	return all
}

// rowsOf is all rows of a stage's table.
func rowsOf[R any](t *testing.T, dir, stage string) []R {
	t.Helper()
	folders, err := filepath.Glob(filepath.Join(dir, "artifacts", stage+"-????????"))
	if err != nil || len(folders) != 1 {
		t.Fatalf("%s: %v, %v", stage, folders, err)
	}
	rows, err := table.ReadAll[R](folders[0])
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

var mapText = regexp.MustCompile(`^score: (\S+) becomes 1, (\S+) becomes 10$`)

// TestLineage follows every training row of a run of IRA back, works its goal
// out again from raw score and map, and finds the row again from its samples.
func TestLineage(t *testing.T) {
	dir := t.TempDir()
	c := small(t, "iterations=1", "augment.method=ira", "augment.decimals=1", "dpo.warmup=0", "prompts.per_iteration=12", "sampler.max_tokens=12", "eval.baseline=false")
	if err := (pipeline.Run{Config: c, Dir: dir}).Do(context.Background(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	samples := rowsOf[table.Sample](t, dir, "samples-1")
	place := map[string]int{}
	for i, s := range samples {
		place[fmt.Sprint(s.PromptID, s.Sample)] = i + 1
	}
	for i, p := range rowsOf[table.Pair](t, dir, "pairs-1") {
		var goal float64
		var seen []string
		for _, l := range links(t, dir, "pairs-1", i+1) {
			switch {
			case l["row_of"] != nil:
				seen = append(seen, "row")
			case l["prompt_of"] != nil:
				seen = append(seen, "prompt")
				if l["prompt_id"] != p.PromptID {
					t.Errorf("row %d: prompt %v", i+1, l)
				}
			case l["sample_of"] != nil:
				seen = append(seen, "sample")
				s := samples[int(l["row"].(float64))-1]
				if s.PromptID != p.PromptID || float64(s.Sample) != l["sample"] || float64(s.Seed) != l["seed"] || s.Text != l["text"] {
					t.Errorf("row %d: sample %v", i+1, l)
				}
			case l["score_of"] != nil:
				seen = append(seen, "score")
				m := mapText.FindStringSubmatch(l["maps"].(string))
				from, _ := strconv.ParseFloat(m[1], 64)
				to, _ := strconv.ParseFloat(m[2], 64)
				score := min(max(1+(l["raw"].(float64)-from)/(to-from)*9, 1), 10)
				if math.Abs(score-l["score"].(float64)) > 1e-9 {
					t.Errorf("row %d: %v maps to %v", i+1, l, score)
				}
				if strings.HasPrefix(l["ranker"].(string), "implicit ") && l["sample"] == float64(p.ChosenSample) {
					goal = score
				}
			}
		}
		if got := strings.Join(seen, " "); got != "row row prompt sample score score sample score score" {
			t.Errorf("row %d: links %s", i+1, got)
		}
		if math.Abs(goal-p.Goal[0]) > 0.0501 {
			t.Errorf("row %d: the links give goal %v, the row has %v", i+1, goal, p.Goal)
		}
		for _, sample := range []int32{p.ChosenSample, p.RejectedSample} {
			found := false
			for _, l := range links(t, dir, "samples-1", place[fmt.Sprint(p.PromptID, sample)]) {
				found = found || l["pair_id"] == p.ID && l["row"] == float64(i+1)
			}
			if !found {
				t.Errorf("sample %d of prompt %s does not lead to row %d", sample, p.PromptID, i+1)
			}
		}
	}
	var text bytes.Buffer
	if err := pipeline.ShowLineage(dir, "samples-1", 2, false, &text); err != nil || !strings.Contains(text.String(), fmt.Sprintf("\nseed: %d\n", samples[1].Seed)) {
		t.Errorf("the seed %d lost digits (%v):\n%s", samples[1].Seed, err, text.String())
	}
	for _, tt := range []struct {
		stage string
		row   int
		want  string
	}{
		{"pairs-1", 0, "--row 0: pairs-1-"}, {"samples-1", 1000, "there is no such row"}, {"scores-1", 1, "makes neither pairs nor samples"}, {"pairs-9", 1, "no artifact of a stage pairs-9"},
	} {
		if err := pipeline.ShowLineage(dir, tt.stage, tt.row, true, &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s %d: got %v, want %s", tt.stage, tt.row, err, tt.want)
		}
	}
}
