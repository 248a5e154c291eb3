package torch_test

import (
	"context"
	"errors"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"

	"radpo/internal/torch"
)

// run calls fn in a fresh scope and fails the test when a handle outlives it.
func run(t *testing.T, fn func(*torch.Scope)) {
	t.Helper()
	before := torch.Live()
	err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error { fn(s); return nil })
	if err != nil {
		t.Fatal(err)
	}
	if got := torch.Live() - before; got != 0 {
		t.Fatalf("%d handles outlived their scope", got)
	}
}

func TestArithmetic(t *testing.T) {
	run(t, func(s *torch.Scope) {
		a := s.Floats([]float32{1, 2, 3, 4}, 2, 2)
		b := s.Floats([]float32{10, 20}, 2)
		got := s.Shift(s.Scale(s.Add(a, b), 2), 1).Floats()
		want := []float32{23, 45, 27, 49}
		for i := range want {
			if got[i] != want[i] {
				t.Fatalf("got %v, want %v", got, want)
			}
		}
	})
}

func TestOpErrorNamesShapes(t *testing.T) {
	err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		s.MatMul(s.Zeros(torch.Float, 2, 3), s.Zeros(torch.Float, 4, 5))
		return nil
	})
	var op *torch.OpError
	if !errors.As(err, &op) {
		t.Fatalf("got %v, want an OpError", err)
	}
	for _, want := range []string{"matmul", "float[2,3]", "float[4,5]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q lacks %q", err, want)
		}
	}
	if strings.Contains(err.Error(), "Exception raised") {
		t.Errorf("%q holds a C++ stack", err)
	}
	if torch.Live() != 0 {
		t.Errorf("%d handles leaked by a failing Run", torch.Live())
	}
}

func TestTidyKeepsItsResultAlone(t *testing.T) {
	run(t, func(s *torch.Scope) {
		before := torch.Live()
		kept := s.Tidy(func(s *torch.Scope) torch.Tensor {
			return s.Square(s.Shift(s.Zeros(torch.Float, 3), 2))
		})
		if got := torch.Live() - before; got != 1 {
			t.Errorf("%d handles live after Tidy, want 1", got)
		}
		if got := kept.Floats(); got[0] != 4 {
			t.Errorf("got %v, want 4s", got)
		}
	})
}

func TestGradientsAccumulate(t *testing.T) {
	run(t, func(s *torch.Scope) {
		w := s.Trainable(s.Floats([]float32{1, 2}, 2))
		unused := s.Trainable(s.Zeros(torch.Float, 1))
		into := []torch.Tensor{s.Zeros(torch.Float, 2), s.Zeros(torch.Float, 1)}
		for range 2 {
			s.Each(func(s *torch.Scope) {
				torch.Gradients(s.Sum(s.Square(w)), []torch.Tensor{w, unused}, into)
			})
		}
		if got := into[0].Floats(); got[0] != 4 || got[1] != 8 {
			t.Errorf("got %v, want [4 8]", got)
		}
		if got, want := torch.Norm(into), math.Sqrt(80); math.Abs(got-want) > 1e-6 {
			t.Errorf("norm %v, want %v", got, want)
		}
	})
}

// TestRopeGradient holds the hand-written backward pass against differences.
func TestRopeGradient(t *testing.T) {
	run(t, func(s *torch.Scope) {
		x := []float32{.1, .2, .3, .4, .5, .6, .7, .8}
		cos, sin := s.Floats([]float32{.9, .1, -.3, .4}, 2, 2), s.Floats([]float32{.2, .8, .7, -.5}, 2, 2)
		weights := s.Floats([]float32{1, -2, 3, .5, .25, -1, 2, 1}, 1, 1, 2, 4)
		f := func(v []float32) torch.Tensor {
			return s.Sum(s.Mul(weights, s.Rope(s.Trainable(s.Floats(v, 1, 1, 2, 4)), cos, sin)))
		}
		p := s.Trainable(s.Floats(x, 1, 1, 2, 4))
		grad := s.Zeros(torch.Float, 1, 1, 2, 4)
		torch.Gradients(s.Sum(s.Mul(weights, s.Rope(p, cos, sin))), []torch.Tensor{p}, []torch.Tensor{grad})
		for i, got := range grad.Floats() {
			up, down := append([]float32{}, x...), append([]float32{}, x...)
			up[i] += .5
			down[i] -= .5
			want := f(up).Item() - f(down).Item() // linear: exact for any step
			if math.Abs(float64(got)-want) > 1e-5 {
				t.Errorf("element %d: got %v, want %v", i, got, want)
			}
		}
	})
}

// TestTrainingDoesNotGrow takes 10,000 steps of a tiny model and compares
// resident memory after a warm-up with resident memory at the end.
func TestTrainingDoesNotGrow(t *testing.T) {
	steps := 10_000
	if testing.Short() {
		steps = 1_000
	}
	run(t, func(s *torch.Scope) {
		w := []torch.Tensor{s.Trainable(s.Zeros(torch.Float, 32, 32))}
		g, m, v := []torch.Tensor{s.Zeros(torch.Float, 32, 32)}, []torch.Tensor{s.Zeros(torch.Float, 32, 32)}, []torch.Tensor{s.Zeros(torch.Float, 32, 32)}
		x := s.Floats(make([]float32, 64*32), 64, 32)
		opt := torch.AdamW{LearningRate: 1e-3, Beta1: .9, Beta2: .999, Epsilon: 1e-8}
		var warm int64
		for i := range steps {
			s.Each(func(s *torch.Scope) {
				z := s.Linear(x, w[0], torch.Tensor{})
				y := s.SiLUGate(z, z)
				torch.Gradients(s.Mean(s.Square(s.Shift(y, -1))), w, g)
				opt.Step(int64(i+1), w, g, m, v)
				torch.ScaleAll(g, 0)
			})
			if i == steps/10 {
				warm = resident(t)
			}
		}
		if grown := resident(t) - warm; grown > 4<<20 {
			t.Errorf("resident memory grew by %d KiB over %d steps", grown>>10, steps-steps/10)
		}
	})
}

func resident(t *testing.T) int64 {
	t.Helper()
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("no /proc: resident memory is not measured here")
	}
	pages, err := strconv.ParseInt(strings.Fields(string(data))[1], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// BenchmarkAdd is the price of one small operator: 1x256 + 1x256. Its peer is
// tools/bench/op.py.
func BenchmarkAdd(b *testing.B) {
	err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		torch.SetThreads(1)
		x, y := s.Zeros(torch.Float, 1, 256), s.Zeros(torch.Float, 1, 256)
		b.ReportAllocs()
		for b.Loop() {
			s.Each(func(s *torch.Scope) { s.Add(x, y) }) // the result goes at once, as in the peer
		}
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
}

func TestMemory(t *testing.T) {
	free, total, err := torch.Memory(torch.CPU)
	if err != nil || free <= 0 || total < free {
		t.Errorf("free %d of %d (%v)", free, total, err)
	}
	if _, _, err := torch.Memory(0); err == nil {
		t.Skip("a CUDA device answers here")
	} else if !strings.Contains(err.Error(), "make cuda") {
		t.Errorf("got %q, want the way to the CUDA part", err)
	}
}

// TestDistanceBias holds products seen askew to the sums that they stand for,
// in one strip of rows, in several, and beside a longer sequence's distances.
func TestDistanceBias(t *testing.T) {
	const heads, width = 2, 3
	for _, tt := range []struct{ length, longest int }{{1, 1}, {7, 7}, {7, 9}, {150, 150}, {64, 160}} {
		run(t, func(s *torch.Scope) {
			n, rows := tt.length, 2*tt.longest-1
			q, k := wave(2*heads*n*width, 1), wave(2*heads*n*width, 2)
			keys, queries := wave(heads*rows*width, 3), wave(heads*rows*width, 4)
			shape := []int64{2, heads, int64(n), width}
			table := []int64{heads, int64(rows), width}
			got := s.DistanceBias(s.Floats(q, shape...), s.Floats(k, shape...), s.Floats(keys, table...), s.Floats(queries, table...)).Floats()
			for b := range 2 * heads {
				for i := range n {
					for j := range n {
						var want float64
						for c := range width {
							at := func(r int) int { return (b%heads*rows+tt.longest-1+r)*width + c }
							want += float64(q[(b*n+i)*width+c]*keys[at(j-i)] + k[(b*n+j)*width+c]*queries[at(i-j)])
						}
						if g := got[(b*n+i)*n+j]; math.Abs(float64(g)-want) > 1e-5 {
							t.Fatalf("%+v: bias[%d,%d,%d] is %v, want %v", tt, b, i, j, g, want)
						}
					}
				}
			}
		})
	}
}

// TestHeadLogps holds values and gradients, whole and in parts, with bounded
// logits and without, to log-softmax over all logits.
func TestHeadLogps(t *testing.T) {
	const n, d, v = 5, 3, 7
	ids, weights := []int64{6, 0, 3, 3, 1}, []float32{1, -2, 0.5, 3, -1} // of each row in the loss
	chosen := make([]float32, n*v)
	for i, id := range ids {
		chosen[i*v+int(id)] = weights[i]
	}
	for _, cap := range []float64{0, 1.5} {
		for _, rows := range []int64{1, 2, 5, 100} {
			run(t, func(s *torch.Scope) {
				x, w := s.Trainable(s.Floats(wave(n*d, 1), n, d)), s.Trainable(s.Floats(wave(v*d, 2), v, d))
				logps := s.HeadLogps(x, w, s.Longs(ids, n), cap, rows)
				got := gradients(s, s.Sum(s.Mul(logps, s.Floats(weights, n))), x, w)

				logits := s.Linear(x, w, torch.Tensor{})
				if cap > 0 {
					logits = s.SoftCap(logits, 1, cap)
				}
				loss := s.Sum(s.Mul(s.LogSoftmax(logits), s.Floats(chosen, n, v)))
				want := gradients(s, loss, x, w)
				got = append(got, s.Sum(s.Mul(logps, s.Floats(weights, n))).Floats()...)
				want = append(want, loss.Floats()...)
				for i := range want {
					if math.Abs(float64(got[i]-want[i])) > 1e-5 {
						t.Fatalf("cap %v, %d rows: number %d is %v, want %v", cap, rows, i, got[i], want[i])
					}
				}
			})
		}
	}
}

func gradients(s *torch.Scope, loss torch.Tensor, params ...torch.Tensor) (out []float32) {
	var into []torch.Tensor
	for _, p := range params {
		into = append(into, s.Zeros(torch.Float, p.Shape()...))
	}
	torch.Gradients(loss, params, into)
	for _, g := range into {
		out = append(out, g.Floats()...)
	}
	return out
}

// wave is n numbers without a pattern that an index error could keep.
func wave(n int, seed float64) []float32 {
	out := make([]float32, n)
	for i := range out {
		out[i] = float32(math.Sin(seed + float64(i*i)))
	}
	return out
}

// TestTry: a failure is an error, and the scope goes on.
func TestTry(t *testing.T) {
	err := torch.Run(context.Background(), torch.CPU, func(s *torch.Scope) error {
		err := s.Try(func(s *torch.Scope) error {
			s.Add(s.Floats([]float32{1, 2}, 2), s.Floats([]float32{1, 2, 3}, 3))
			return nil
		})
		if op := (*torch.OpError)(nil); !errors.As(err, &op) {
			t.Errorf("got %v, want an OpError", err)
		}
		if n := torch.Live(); n != 0 {
			t.Errorf("%d handles are left", n)
		}
		want := errors.New("its own")
		if err := s.Try(func(*torch.Scope) error { return want }); err != want {
			t.Errorf("got %v, want %v", err, want)
		}
		if got := s.Add(s.Floats([]float32{1}, 1), s.Floats([]float32{2}, 1)).Floats(); got[0] != 3 {
			t.Errorf("then 1 + 2 is %v", got)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
