package ranker

import (
	"context"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// sequences reads the right-padded ids of a golden as one group: the way that
// responses of one prompt share it.
func sequences(ref *golden.File) group {
	var all [][]int32
	width := int(ref.Shape("ids")[1])
	ids, lengths := ref.Ints("ids"), ref.Ints("lengths")
	for i, n := range lengths {
		var q []int32
		for _, id := range ids[i*width : i*width+int(n)] {
			q = append(q, int32(id))
		}
		all = append(all, q)
	}
	return newGroup("golden", all)
}

func open(t *testing.T, dir string, fn func(*torch.Scope, *hf.Folder) error) {
	t.Helper()
	f, err := hf.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error { return fn(s, f) }); err != nil {
		t.Fatal(err)
	}
	if n := torch.Live(); n != 0 {
		t.Errorf("%d handles leaked", n)
	}
}

// TestArmoRMEqualsReference holds rewards, gate and score to
// tools/golden/rewards.py, with every sequence's prefix shared and with each
// alone.
func TestArmoRMEqualsReference(t *testing.T) {
	ref := golden.Open(t, "testdata/armorm/golden.safetensors")
	together := sequences(ref)
	var alone []group
	for _, q := range together.sequences {
		alone = append(alone, newGroup("golden", [][]int32{q}))
	}
	for name, groups := range map[string][]group{"together": {together}, "alone": alone} {
		t.Run(name, func(t *testing.T) {
			open(t, "testdata/armorm", func(s *torch.Scope, f *hf.Folder) error {
				a := &armoRM{}
				m, err := model.OpenArmoRM(s, f, torch.Float)
				if err != nil {
					return err
				}
				a.model = m
				for _, id := range ref.Ints("pattern") {
					a.pattern = append(a.pattern, int32(id))
				}
				ratings, err := rate(context.Background(), s, groups, a.read)
				if err != nil {
					return err
				}
				var score, rewards, gating []float32
				for _, list := range ratings {
					for _, r := range list {
						score = append(score, float32(r.Score))
						for k := range r.Attributes {
							rewards, gating = append(rewards, float32(r.Attributes[k])), append(gating, float32(r.Gating[k]))
						}
					}
				}
				ref.Check("score", score, golden.F32)
				ref.Check("rewards", rewards, golden.F32)
				ref.Check("gating", gating, golden.F32)
				return nil
			})
		})
	}
}

// TestClassifierEqualsTransformers holds scores to
// LlamaForSequenceClassification.
func TestClassifierEqualsTransformers(t *testing.T) {
	ref := golden.Open(t, "testdata/classifier/golden.safetensors")
	open(t, "testdata/classifier", func(s *torch.Scope, f *hf.Folder) error {
		m, err := model.OpenClassifier(s, f, torch.Float)
		if err != nil {
			return err
		}
		ratings, err := rate(context.Background(), s, []group{sequences(ref)}, (&classifier{model: m}).read)
		if err != nil {
			return err
		}
		var score []float32
		for _, r := range ratings[0] {
			score = append(score, float32(r.Score))
		}
		ref.Check("score", score, golden.F32)
		return nil
	})
}
