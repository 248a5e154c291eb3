package torch_test

import (
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"radpo/internal/torch"
)

// extremes are settings of draws, many of which keep one token or all.
var extremes = []torch.Draw{
	{Temperature: 0},
	{Temperature: 0, Penalty: 3},
	{Temperature: 1, TopP: 1},
	{Temperature: 0.8, TopP: 0.95},
	{Temperature: 0.01, TopP: 0.999},
	{Temperature: 100, TopP: 0.5},
	{Temperature: 1, TopP: 1e-9},
	{Temperature: 1, TopP: 1 - 1e-12},
	{Temperature: 1, TopP: 1, TopK: 1},
	{Temperature: 2, TopP: 1, TopK: 50},
	{Temperature: 1, TopP: 1, TopK: 1 << 30},
	{Temperature: 1, TopP: 1, MinP: 1},
	{Temperature: 1.5, TopP: 1, MinP: 0.05},
	{Temperature: 1, TopP: 1, MinP: 1e-30},
	{Temperature: 0.7, TopP: 0.9, TopK: 40, MinP: 0.02, Penalty: 1.3},
	{Temperature: 1, TopP: 0.6, Penalty: 0.5},
	{Target: 1},
}

// logitKinds are rows of n logits of unlike shapes: i is the place in the row.
var logitKinds = map[string]func(r *rand.Rand, i int) float64{
	"normal":   func(r *rand.Rand, _ int) float64 { return 3 * r.NormFloat64() },
	"equal":    func(*rand.Rand, int) float64 { return -4.5 },
	"ties":     func(r *rand.Rand, _ int) float64 { return math.Round(2 * r.NormFloat64()) },
	"peaked":   func(r *rand.Rand, i int) float64 { return r.Float64() + 60*float64(i%97/96) },
	"excluded": func(r *rand.Rand, i int) float64 { return []float64{r.NormFloat64(), math.Inf(-1)}[i%2] },
	"huge":     func(r *rand.Rand, _ int) float64 { return 1e30 * r.NormFloat64() },
}

// TestDrawThere holds the kernel's text, as the host compiles it, to the host's
// own draws: ids equal but for bounds that lie within 1e-6 of each other, and
// log-probabilities to 1e-5.
func TestDrawThere(t *testing.T) {
	const rows = 8
	total, apart := 0, 0
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		rng := rand.New(rand.NewPCG(5, 6))
		for _, n := range []int{2, 7, 8, 65, 1000, 5000} {
			for _, kind := range slices.Sorted(maps.Keys(logitKinds)) {
				logit := logitKinds[kind]
				values := make([]float32, rows*n)
				for i := range values {
					values[i] = float32(logit(rng, i%n))
				}
				for _, d := range extremes {
					list := make([]torch.Draw, rows)
					var seen []torch.Change
					for i := range list {
						list[i] = d
						list[i].Uniform = []float64{rng.Float64(), 0, 1 - 0x1p-53}[i%3*(i%2)]
						if d.Target == 0 {
							list[i].Target = -1
						}
						if d.Penalty != 0 {
							list[i].Seen = int32(len(seen))
							for _, id := range []int32{0, int32(n - 1), 0, rng.Int32N(int32(n))} {
								seen = append(seen, torch.Change{ID: id})
							}
							list[i].SeenEnd = int32(len(seen))
						}
					}
					draw := func(shift float64) []torch.Draw {
						list := slices.Clone(list)
						for i := range list {
							list[i].Uniform = min(max(0, list[i].Uniform+shift), 1-0x1p-53)
							if list[i].TopP < 1 {
								list[i].TopP = max(0, list[i].TopP+shift)
							}
						}
						s.Floats(values, rows, int64(n)).Draw(list, seen, nil)
						return list
					}
					want, below, above := draw(0), draw(-1e-6), draw(1e-6)
					s.Each(func(s *torch.Scope) { s.Floats(values, rows, int64(n)).DrawThere(list, seen) })
					for i, got := range list {
						total++
						if got.ID != want[i].ID {
							apart++
							edge := min(got.Uniform, 1-got.Uniform) < 1e-6 && got.Drawn > -40 // some token that is kept
							if got.ID != below[i].ID && got.ID != above[i].ID && !edge {
								t.Errorf("%d %s logits, %+v: got token %d, want %d", n, kind, d, got.ID, want[i].ID)
							}
						} else if off(got.Logprob, want[i].Logprob) || off(got.Drawn, want[i].Drawn) {
							t.Errorf("%d %s logits, %+v: token %d has log-probabilities %v and %v, want %v and %v",
								n, kind, d, got.ID, got.Logprob, got.Drawn, want[i].Logprob, want[i].Drawn)
						}
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if t.Logf("%d of %d tokens are others, their bound within 1e-6", apart, total); 100*apart > total {
		t.Errorf("too many")
	}
}

func off(got, want float32) bool {
	return got != want && !(math.Abs(float64(got-want)) <= 1e-5*max(1, math.Abs(float64(want))))
}

// TestDrawThereNotFinite: rows with NaN, with +Inf or with nothing possible have no
// token, and their neighbours have theirs.
func TestDrawThereNotFinite(t *testing.T) {
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		inf := float32(math.Inf(1))
		logits := s.Floats([]float32{0, float32(math.NaN()), 1, inf, -inf, -inf, -inf, 3}, 4, 2)
		list := slices.Repeat([]torch.Draw{{Target: -1, Temperature: 1, TopP: 0.9, Uniform: 0.5}}, 4)
		logits.DrawThere(list, nil)
		for i, want := range []int32{-1, -1, -1, 1} {
			if list[i].ID != want {
				t.Errorf("row %d: got token %d, want %d", i, list[i].ID, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
