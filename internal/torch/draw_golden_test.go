package torch_test

import (
	"math"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/torch"
)

// TestDrawEqualsTransformers spreads draws evenly over [0,1), so that each token
// comes as often as its probability says but for one, and holds that to the
// distribution that transformers' generate draws from, for each setting and
// for many at once; and each token's log-probability to 1e-4.
func TestDrawEqualsTransformers(t *testing.T) {
	const draws, end = 1000, 7
	ref := golden.Open(t, "testdata/draws.safetensors")
	shape := ref.Shape("logits")
	cases, v := int(shape[0]), int(shape[1])
	logits, settings, probs := ref.Floats("logits"), ref.Floats("settings"), ref.Floats("probs")
	seen, biased, bias := ref.Ints("seen"), ref.Ints("biased"), ref.Floats("bias")
	some := len(seen) / cases
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		for c := range cases {
			set := settings[6*c:][:6]
			d := torch.Draw{
				Target: -1, Temperature: float64(set[0]), TopP: float64(set[1]), TopK: int32(set[2]), MinP: float64(set[3]), Penalty: float64(set[4]),
			}
			var changes []torch.Change
			for i := 2 * c; i < 2*c+2; i++ {
				if bias[i] != 0 {
					changes = append(changes, torch.Change{ID: int32(biased[i]), Add: bias[i]})
				}
			}
			if set[5] > 0 {
				changes = append(changes, torch.Change{ID: end, Add: float32(math.Inf(-1))})
			}
			d.BiasEnd, d.Seen = int32(len(changes)), int32(len(changes))
			for _, id := range seen[some*c:][:some] {
				changes = append(changes, torch.Change{ID: int32(id)})
			}
			d.SeenEnd = int32(len(changes))
			list, rows := make([]torch.Draw, draws), make([]float32, 0, draws*v)
			for i := range list {
				list[i], list[i].Uniform = d, (float64(i)+0.5)/draws
				rows = append(rows, logits[c*v:][:v]...)
			}
			want := probs[c*v:][:v]
			s.Each(func(s *torch.Scope) { s.Floats(rows, draws, int64(v)).Draw(list, changes, nil) })
			comesAsOften(t, c, d, list, want)
			if d.BiasEnd == 0 {
				s.Each(func(s *torch.Scope) { s.Floats(rows, draws, int64(v)).DrawThere(list, changes) })
				comesAsOften(t, c, d, list, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func comesAsOften(t *testing.T, c int, d torch.Draw, list []torch.Draw, want []float32) {
	t.Helper()
	counts := make([]float64, len(want))
	for _, x := range list {
		counts[x.ID]++
		if p := float64(want[x.ID]); math.Abs(math.Log(p)-float64(x.Drawn)) > 1e-4 {
			t.Errorf("case %d, %+v: token %d has log-probability %v, want %v", c, d, x.ID, x.Drawn, math.Log(p))
			return
		}
	}
	for id, p := range want {
		if expected := float64(p) * float64(len(list)); math.Abs(counts[id]-expected) > 1.01 {
			t.Errorf("case %d, %+v: token %d came %v times, want %v", c, d, id, counts[id], expected)
			return
		}
	}
}
