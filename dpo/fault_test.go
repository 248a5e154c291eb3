package dpo

import (
	"errors"
	"math"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// TestReplay: a step that is kept comes to the same to the bit when it is taken
// again alone, whatever it shares with other steps and rows.
func TestReplay(t *testing.T) {
	for name, set := range map[string]func(*configs.DPO){
		"bf16":        func(c *configs.DPO) {},
		"LoRA":        func(c *configs.DPO) { c.LoRA.Rank = 2 },
		"bco's shift": func(c *configs.DPO) { c.Loss = "bco" },
		"kto's drift": func(c *configs.DPO) { c.Loss, c.DesirableWeight, c.UndesirableWeight = "kto", 1, 1 },
		"aot, LoRA":   func(c *configs.DPO) { c.Loss, c.LoRA.Rank = "aot", 2 },
	} {
		t.Run(name, func(t *testing.T) {
			rows := write(t, pairs(t))
			plan := stages(rows, 1000)
			c := plan[3].Config.(TrainConfig)
			set(&c.DPO)
			if c.Order = "shuffled"; name == "bf16" {
				c.DType = "bfloat16"
			}
			plan[2] = Refs.With(refsConfig(c.DPO), "refs", "model", "pairs")
			dirs, err := made(t, plan[:3])
			if err != nil {
				t.Fatal(err)
			}
			refs, err := table.ReadAll[table.Ref](dirs["refs"])
			if err != nil {
				t.Fatal(err)
			}
			for i := range refs {
				refs[i].UnrelatedChosen -= 1 // so that kto's drift is above 0
			}
			j := job{Config: wholeConfig(c), Inputs: []string{"testdata/policy", write(t, refs), rows}}
			base, err := hf.Open("testdata/policy")
			if err != nil {
				t.Fatal(err)
			}
			defer base.Close()
			dir := t.TempDir()
			var want Step
			err = j.join(t.Context(), func(s *torch.Scope, tr *trainer) error {
				for i := range 4 {
					m, err := tr.step(t.Context(), s, i)
					if err != nil {
						return err
					}
					tr.history = append(tr.history, m)
				}
				k := keeper{trainer: tr, job: j, base: base}
				err := k.write(dir, tr.batch(4), 5, errors.New("it is kept"))
				if err == nil {
					want, err = tr.step(t.Context(), s, 4)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			got, err := Replay(t.Context(), dir)
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("again: %+v\nfirst: %+v (%v)", got, want, err)
			}
		})
	}
}

// TestReplayOfStage: what a training keeps of a broken step is told of in the
// same words.
func TestReplayOfStage(t *testing.T) {
	plan := withRefs(t, write(t, pairs(t)), func(refs []table.Ref) []table.Ref {
		refs[9].Chosen = float32(math.NaN())
		return refs
	})
	c := plan[3].Config.(TrainConfig)
	c.LoRA.Rank = 2
	plan[3] = Train.With(c, "policy", "model", "refs", "pairs")
	run := t.TempDir()
	_, failed := madeIn(t.Context(), t, run, plan)
	kept, err := filepath.Glob(filepath.Join(run, "work", "*", "parts", faultPart+"*"))
	if failed == nil || err != nil || len(kept) != 1 {
		t.Fatalf("%v; kept %v (%v)", failed, kept, err)
	}
	_, again := Replay(t.Context(), kept[0])
	if _, words, _ := strings.Cut(failed.Error(), "pair 9"); again == nil || !strings.Contains(again.Error(), "step 3: pair 9"+words) {
		t.Errorf("got %v, want as %v", again, failed)
	}
	if _, err := Replay(t.Context(), run); err == nil || !strings.Contains(err.Error(), "keeps no step") {
		t.Errorf("of a folder without a step: %v", err)
	}
}
