package torch

// #include "shim.h"
import "C"

// A Tape is a forward pass in pieces, each of which takes what the one before
// returned. Gradients go back one piece at a time: of no other are there
// gradients then, and with Recompute no piece keeps more than its input, since
// it is run once more (arXiv:1604.06174). Neither shows in the result.
//
// A nil Tape records nothing.
type Tape struct {
	Keeper    Keeper // of the pieces' parameters
	Recompute bool
	Silent    bool   // there will be no gradients: nothing is kept
	played    int    // pieces so far
	start     Tensor // what the first piece takes, with its history
	pieces    []piece
	end       Tensor // what the last piece returned, without its history
}

// A Keeper has the parameters of a tape's pieces, numbered from 0, and those
// Outside: used before the first piece or behind the last.
type Keeper interface {
	// Fetch has a piece's parameters ready, until Drop.
	Fetch(piece int)
	Drop(piece int)
	// Sinks is the trainable ones and what to add their gradients into, which
	// Take takes when these are complete.
	Sinks(s *Scope, piece int) (params, into []Tensor)
	Take(s *Scope, piece int, into []Tensor)
}

// Outside stands for a piece in a [Keeper]: what is in none.
const Outside = -1

// All is the Keeper of parameters that are always there.
type All struct{ Params, Into []Tensor }

// Fetch implements Keeper.
func (All) Fetch(int) {}

// Drop implements Keeper.
func (All) Drop(int) {}

// Sinks implements Keeper.
func (a All) Sinks(*Scope, int) (params, into []Tensor) { return a.Params, a.Into }

// Take implements Keeper.
func (All) Take(*Scope, int, []Tensor) {}

// A piece takes in, a leaf.
type piece struct {
	forward func(*Scope, Tensor) Tensor
	in, out Tensor
}

// Piece is forward(x), as the tape's next piece. What forward uses besides x and
// parameters has no history, and lives as long as s, which lives until
// [Tape.Gradients] has returned.
func (t *Tape) Piece(s *Scope, x Tensor, forward func(*Scope, Tensor) Tensor) Tensor {
	if t == nil {
		return s.Tidy(func(s *Scope) Tensor { return forward(s, x) })
	}
	n := t.played
	t.played++
	t.Keeper.Fetch(n)
	defer t.Keeper.Drop(n)
	if t.Silent {
		return s.Tidy(func(s *Scope) Tensor { return forward(s, x) })
	}
	p := piece{forward: forward, in: t.end}
	if len(t.pieces) == 0 {
		t.start, p.in = x, s.leaf(x, needsGradient(x))
	} else if x != t.end {
		fail("piece", "it does not take what the piece before returned", x)
	}
	run := func(s *Scope) { p.out = s.Tidy(func(s *Scope) Tensor { return forward(s, p.in) }) }
	if t.Recompute {
		s.NoGrad(run)
	} else {
		run(s)
	}
	t.end = s.leaf(p.out, t.Recompute || needsGradient(p.out))
	t.pieces = append(t.pieces, p)
	return t.end
}

// Gradients adds the gradient of a loss, computed from what the last piece
// returned, into the keeper's sinks, as [Gradients] does. The tape is of no use
// afterwards.
func (t *Tape) Gradients(s *Scope, loss Tensor) {
	params, into := t.Keeper.Sinks(s, Outside)
	slope := s.slope(loss, Tensor{}, params, into, t.end)
	for i := len(t.pieces) - 1; i >= 0 && slope.Defined(); i-- {
		p := t.pieces[i]
		below := s.Tidy(func(s *Scope) Tensor { return t.back(s, i, slope) })
		s.Free(slope, p.in, p.out)
		slope = below
	}
	if slope.Defined() {
		gradients(t.start, slope, params, into, Tensor{}, nil)
	}
	t.Keeper.Take(s, Outside, into)
}

// back goes back through piece i, which gradients reach by slope; it returns
// what goes on below.
func (t *Tape) back(s *Scope, i int, slope Tensor) (below Tensor) {
	t.Keeper.Fetch(i)
	defer t.Keeper.Drop(i)
	out := t.pieces[i].out
	if t.Recompute {
		out = t.pieces[i].forward(s, t.pieces[i].in)
	}
	if !needsGradient(out) {
		return Tensor{}
	}
	params, into := t.Keeper.Sinks(s, i)
	below = s.slope(out, slope, params, into, t.pieces[i].in)
	t.Keeper.Take(s, i, into)
	return below
}

// slope is gradients, for x too, if it wants one.
func (s *Scope) slope(y, slope Tensor, params, into []Tensor, x Tensor) Tensor {
	if !x.Defined() || !needsGradient(x) {
		gradients(y, slope, params, into, Tensor{}, nil)
		return Tensor{}
	}
	var c C.shim_tensor
	gradients(y, slope, params, into, x, &c)
	return s.keepShim(c, "gradients")
}

// leaf is x without its history.
func (s *Scope) leaf(x Tensor, trainable bool) Tensor {
	x = s.Detach(x)
	if trainable {
		s.Trainable(x)
	}
	return x
}

func needsGradient(t Tensor) bool {
	return C.shim_requires_grad(C.shim_tensor(t.use("gradients"))) != 0
}
