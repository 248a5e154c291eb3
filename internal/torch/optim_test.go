package torch_test

import (
	"math"
	"slices"
	"testing"

	"radpo/internal/golden"
	"radpo/internal/torch"
)

// TestOptimizers holds five steps of each to torch.optim's.
func TestOptimizers(t *testing.T) {
	ref := golden.Open(t, "testdata/optim.safetensors")
	type step func(k int64, w, grad, a, b torch.Tensor)
	tests := map[string]step{
		"adamw": func(k int64, w, grad, a, b torch.Tensor) {
			torch.AdamW{LearningRate: 1e-2, Beta1: 0.9, Beta2: 0.99, Epsilon: 1e-8, Decay: 0.1}.
				Step(k, []torch.Tensor{w}, []torch.Tensor{grad}, []torch.Tensor{a}, []torch.Tensor{b})
		},
		"sgd": func(_ int64, w, grad, _, _ torch.Tensor) {
			torch.SGD{LearningRate: 1e-2, Decay: 0.1}.Step(w, grad, torch.Tensor{})
		},
		"sgd-momentum": func(_ int64, w, grad, a, _ torch.Tensor) {
			torch.SGD{LearningRate: 1e-2, Momentum: 0.9}.Step(w, grad, a)
		},
		"rmsprop": func(_ int64, w, grad, a, _ torch.Tensor) {
			torch.RMSprop{LearningRate: 1e-2, Alpha: 0.99, Epsilon: 1e-8, Decay: 0.1}.Step(w, grad, a, torch.Tensor{})
		},
		"rmsprop-momentum": func(_ int64, w, grad, a, b torch.Tensor) {
			torch.RMSprop{LearningRate: 1e-2, Alpha: 0.9, Epsilon: 1e-8, Momentum: 0.9}.Step(w, grad, a, b)
		},
	}
	start, grads := ref.Floats("start"), ref.Floats("grads")
	n := int64(len(start))
	for name, step := range tests {
		run(t, func(s *torch.Scope) {
			w, a, b := s.Floats(start, n), s.Zeros(torch.Float, n), s.Zeros(torch.Float, n)
			var got []float32
			for k := range int64(len(grads)) / n {
				step(k+1, w, s.Floats(grads[k*n:(k+1)*n], n), a, b)
				got = append(got, w.Floats()...)
			}
			ref.Check(name, got, 1e-6)
		})
	}
}

// TestSplitIsExact: a weight in halves is the weight, bit for bit, and its upper
// half is it rounded to the nearest bf16.
func TestSplitIsExact(t *testing.T) {
	var bits []float32
	for _, high := range []uint32{0x0000, 0x3f80, 0x3f81, 0xbf80, 0xbf81, 0x3ca3, 0x8001, 0x7f00} {
		for _, low := range []uint32{0, 1, 0x7fff, 0x8000, 0x8001, 0xffff} {
			bits = append(bits, math.Float32frombits(high<<16|low))
		}
	}
	n := int64(len(bits))
	run(t, func(s *torch.Scope) {
		x, w, low := s.Floats(bits, n), s.Zeros(torch.BFloat16, n), s.Zeros(torch.Short, n)
		x.Split(w, low)
		for i, got := range s.Join(w, low).Floats() {
			if math.Float32bits(got) != math.Float32bits(bits[i]) {
				t.Errorf("%#x comes back as %#x", math.Float32bits(bits[i]), math.Float32bits(got))
			}
		}
		nearest := s.To(s.To(x, torch.BFloat16), torch.Float).Floats()
		for i, got := range s.To(w, torch.Float).Floats() {
			if d := math.Abs(float64(got - bits[i])); d > math.Abs(float64(nearest[i]-bits[i])) {
				t.Errorf("%v rounds to %v, %v is nearer", bits[i], got, nearest[i])
			}
		}
	})
}

// TestDynamicTree holds the fractions of 8-bit moments to their definition.
func TestDynamicTree(t *testing.T) {
	ref := golden.Open(t, "testdata/optim.safetensors")
	ref.Check("codes.signed", torch.DynamicTree(true), 1e-6)
	ref.Check("codes.unsigned", torch.DynamicTree(false), 1e-6)
}

// TestMoments: what a narrow moment gives back is near what was stored, right
// in the mean over draws, the same for the same seed, and 0 for 0.
func TestMoments(t *testing.T) {
	const n = 2*torch.Block + 7
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(math.Exp(-float64(i%40)/6)) * float32(1+i/torch.Block)
	}
	values[3], values[n-1] = 0, 1e-3
	tests := []struct {
		format string
		square bool
		off    float64 // one rounding's error by the value's
		mean   float64 // that of the mean of 400
	}{
		{"float32", false, 0, 0}, {"bfloat16", false, 1. / 128, 1e-3}, {"8bit", false, 0.5, 0.03}, {"8bit", true, 1, 0.06},
	}
	for _, tt := range tests {
		run(t, func(s *torch.Scope) {
			m := s.NewMoment(tt.format, n, tt.square)
			store := func(seed uint32) (got []float32) {
				s.Each(func(s *torch.Scope) {
					x := m.Load(s, 0, n)
					x.Set(s.Floats(values, n))
					m.Store(s, x, 0, seed)
					got = m.Load(s, 0, n).Floats()
				})
				return got
			}
			if zero := m.Load(s, 0, n).Floats(); slices.Max(zero) != 0 || slices.Min(zero) != 0 {
				t.Errorf("%s begins with %v", tt.format, zero)
			}
			first := store(1)
			if !slices.Equal(store(1), first) {
				t.Errorf("%s: the same seed draws otherwise", tt.format)
			}
			mean := make([]float64, n)
			for seed := range uint32(400) {
				for i, x := range store(seed * 977) {
					mean[i] += float64(x) / 400
				}
			}
			for i, want := range values {
				if d := math.Abs(float64(first[i] - want)); d > tt.off*float64(want)+1e-6 {
					t.Errorf("%s, square %v: element %d is %v, want %v", tt.format, tt.square, i, first[i], want)
				}
				if d := math.Abs(mean[i] - float64(want)); d > tt.mean*float64(want)+1e-6 {
					t.Errorf("%s, square %v: element %d is %v in the mean, want %v", tt.format, tt.square, i, mean[i], want)
				}
			}
		})
	}
}
