package nn_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/nn"
	"radpo/internal/torch"
)

func noise(s *torch.Scope, rng *rand.Rand, shape ...int64) torch.Tensor {
	n := int64(1)
	for _, d := range shape {
		n *= d
	}
	data := make([]float32, n)
	for i := range data {
		data[i] = float32(rng.NormFloat64())
	}
	return s.Floats(data, shape...)
}

// TestEagerAttention: without a cap, and with one that is far away, it is the
// fused operator, however many sequences it takes at a time.
func TestEagerAttention(t *testing.T) {
	const b, h, g, k, span = 5, 6, 2, 8, 7
	rng := rand.New(rand.NewPCG(1, 2))
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		own := make([]bool, b*span*span) // each sequence its own mask
		for i := range own {
			own[i] = rng.IntN(2) == 0 || i%span == i/span%span
		}
		keys, values := noise(s, rng, b, g, span, k), noise(s, rng, b, g, span, k)
		for name, test := range map[string]struct{ q, mask torch.Tensor }{
			"causal":        {q: noise(s, rng, b, h, span, k)},
			"masks":         {noise(s, rng, b, h, span, k), s.Bools(own, b, 1, span, span)},
			"one new token": {noise(s, rng, b, h, 1, k), s.Bools(own[:b*span], b, 1, 1, span)},
		} {
			want := nn.Attend(s, test.q, keys, values, test.mask).Floats()
			for _, bound := range []float64{0, 1e4} {
				a := &nn.Attention{Scale: 1 / math.Sqrt(k), Cap: bound}
				for _, limit := range []int64{1, 2 * h * span * span, 1 << 20} {
					got := nn.EagerUnder(a, s, limit, test.q, keys, values, test.mask)
					if rel := golden.MaxRel(got.Floats(), want); !(rel < 1e-5) {
						t.Errorf("%s, cap %v, at most %d scores: relative error %.3g", name, bound, limit, rel)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
