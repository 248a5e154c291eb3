package torch_test

import (
	"slices"
	"strings"
	"testing"

	"radpo/internal/torch"
)

// TestTape: gradients through pieces are those through the whole, to the last
// bit, whether a piece keeps what it made or runs again; what is frozen below
// stays out.
func TestTape(t *testing.T) {
	const n, d, layers = 64, 32, 6
	type result struct {
		grads [][]float32
		most  int64
	}
	train := func(s *torch.Scope, frozen int, tape *torch.Tape, plain bool) (r result) {
		x := s.Floats(wave(n*d, 7), n, d)
		var weights, into []torch.Tensor
		layer := make([]torch.Tensor, layers)
		for i := range layer {
			layer[i] = s.Floats(wave(d*d, float64(i)), d, d)
			if i >= frozen {
				weights = append(weights, s.Trainable(layer[i]))
				into = append(into, s.Zeros(torch.Float, d, d))
			}
		}
		if tape != nil {
			tape.Keeper = torch.All{Params: weights, Into: into}
		}
		_, r.most = s.Metered(func(s *torch.Scope) {
			s.Each(func(s *torch.Scope) {
				for _, w := range layer {
					x = tape.Piece(s, x, func(s *torch.Scope, x torch.Tensor) torch.Tensor {
						for range 12 {
							x = s.Tanh(s.MatMul(x, w))
						}
						return x
					})
				}
				if loss := s.Mean(s.Square(x)); plain {
					torch.Gradients(loss, weights, into)
				} else {
					tape.Gradients(s, loss)
				}
			})
		})
		for _, g := range into {
			r.grads = append(r.grads, g.Floats())
		}
		return r
	}
	run(t, func(s *torch.Scope) {
		for _, frozen := range []int{0, 1, 3} {
			want := train(s, frozen, nil, true)
			kept := train(s, frozen, &torch.Tape{}, false)
			again := train(s, frozen, &torch.Tape{Recompute: true}, false)
			for i, g := range want.grads {
				if !slices.Equal(kept.grads[i], g) || !slices.Equal(again.grads[i], g) || torch.Norm([]torch.Tensor{s.Floats(g, d*d)}) == 0 {
					t.Errorf("%d layers frozen: the gradient of weight %d differs", frozen, frozen+i)
				}
			}
			if frozen == 0 && !(again.most < want.most/2) {
				t.Errorf("at most %d bytes are held when pieces run again, %d otherwise", again.most, want.most)
			}
		}
	})
}

// TestTapePiecesFollow: a piece that takes something else is refused.
func TestTapePiecesFollow(t *testing.T) {
	run(t, func(s *torch.Scope) {
		square := func(s *torch.Scope, x torch.Tensor) torch.Tensor { return s.Square(x) }
		err := s.Try(func(s *torch.Scope) error {
			tape := &torch.Tape{Keeper: torch.All{}}
			x := tape.Piece(s, s.Zeros(torch.Float, 1), square)
			tape.Piece(s, s.Shift(x, 1), square)
			return nil
		})
		if err == nil || !strings.Contains(err.Error(), "what the piece before returned") {
			t.Errorf("got %v", err)
		}
	})
}
