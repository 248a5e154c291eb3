package ranker

import (
	"context"
	"path/filepath"
	"slices"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// sequences reads the right-padded ids of a golden as one group: the way that
// responses of one prompt share it.
func sequences(ref *golden.File) group {
	var all []conversation
	width := int(ref.Shape("ids")[1])
	ids, lengths := ref.Ints("ids"), ref.Ints("lengths")
	var prompts []int64 // where the response begins, where that matters
	if slices.Contains(ref.Names(), "gate_at") {
		prompts = ref.Ints("gate_at")
	}
	for i, n := range lengths {
		var q []int32
		for _, id := range ids[i*width : i*width+int(n)] {
			q = append(q, int32(id))
		}
		c := conversation{ids: q}
		if prompts != nil {
			c.prompt = int(prompts[i] + ref.Shape("pattern")[0])
		}
		all = append(all, c)
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

// both is the golden's sequences with every prefix shared, and each alone.
func both(ref *golden.File) map[string][]group {
	together := sequences(ref)
	var alone []group
	for k, q := range together.sequences {
		alone = append(alone, newGroup("golden", []conversation{{ids: q, prompt: together.prompts[k]}}))
	}
	return map[string][]group{"together": {together}, "alone": alone}
}

// TestGatedEqualsReference holds rewards, gate and score of ArmoRM and QRM to
// tools/golden/rewards.py.
func TestGatedEqualsReference(t *testing.T) {
	for _, name := range []string{"armorm", "qrm"} {
		ref := golden.Open(t, filepath.Join("testdata", name, "golden.safetensors"))
		for company, groups := range both(ref) {
			t.Run(name+"/"+company, func(t *testing.T) {
				open(t, filepath.Join("testdata", name), func(s *torch.Scope, f *hf.Folder) error {
					kind, err := KindOf(f)
					if kind != "armorm" {
						t.Errorf("its kind is %q (%v)", kind, err)
					}
					m, err := model.OpenArmoRM(s, f, torch.Float, true)
					if err != nil {
						return err
					}
					a := &armoRM{model: m}
					for _, id := range ref.Ints("pattern") {
						a.pattern = append(a.pattern, int32(id))
					}
					if err := a.placed(groups); err != nil {
						return err
					}
					ratings, err := rate(context.Background(), s, groups, 1<<14, a.read)
					if err != nil {
						return err
					}
					var score, rewards, gating, coefficients []float32
					for _, list := range ratings {
						for _, r := range list {
							score = append(score, float32(r.Score))
							for k := range r.Attributes {
								rewards, gating = append(rewards, float32(r.Attributes[k])), append(gating, float32(r.Gating[k]))
								coefficients = append(coefficients, float32(r.Coefficients[k]))
							}
						}
					}
					ref.Check("score", score, golden.F32)
					ref.Check("rewards", rewards, golden.F32)
					ref.Check("gating", gating, golden.F32)
					ref.Check("coefficients", coefficients, golden.F32)
					return nil
				})
			})
		}
	}
}

// TestCoarseHeadsEqualReference holds heads in the model's dtype, given the
// reference's hidden states, to what bf16 heads make of them: within the last
// of bf16's eight bits.
func TestCoarseHeadsEqualReference(t *testing.T) {
	ref := golden.Open(t, "testdata/armorm/golden.safetensors")
	open(t, "testdata/armorm", func(s *torch.Scope, f *hf.Folder) error {
		m, err := model.OpenArmoRM(s, f, torch.BFloat16, false)
		if err != nil {
			return err
		}
		hidden := func(name string) torch.Tensor {
			return s.To(s.Floats(ref.Floats(name), ref.Shape(name)...), torch.BFloat16)
		}
		rewards, gate := m.Rewards(s, hidden("coarse_hidden")), m.Gate(s, hidden("coarse_closing"))
		for name, x := range map[string]torch.Tensor{"rewards": rewards, "gating": gate, "score": m.Score(s, rewards, gate)} {
			if x.DType() != torch.BFloat16 {
				t.Errorf("%s: element type %v, want bf16", name, x.DType())
			}
			ref.Check("coarse_"+name, s.To(x, torch.Float).Floats(), 1.0/256)
		}
		return nil
	})
}

// TestScoresEqualReference holds the scores of reward models of one output, on
// several bodies and with several heads, to tools/golden/rewards.py.
func TestScoresEqualReference(t *testing.T) {
	for _, name := range []string{
		"classifier", "classifier-mistral", "classifier-qwen2", "classifier-gemma2", "score-mlp", "value-head", "v-head",
	} {
		ref := golden.Open(t, filepath.Join("testdata", name, "golden.safetensors"))
		for company, groups := range both(ref) {
			t.Run(name+"/"+company, func(t *testing.T) {
				open(t, filepath.Join("testdata", name), func(s *torch.Scope, f *hf.Folder) error {
					kind, err := KindOf(f)
					if kind != "classifier" {
						t.Errorf("its kind is %q (%v)", kind, err)
					}
					m, err := model.OpenClassifier(s, f, torch.Float, true)
					if err != nil {
						return err
					}
					ratings, err := rate(context.Background(), s, groups, 1<<14, (&classifier{model: m}).read)
					if err != nil {
						return err
					}
					var score []float32
					for _, list := range ratings {
						for _, r := range list {
							score = append(score, float32(r.Score))
						}
					}
					ref.Check("score", score, golden.F32)
					return nil
				})
			})
		}
	}
}
