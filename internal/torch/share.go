package torch

// #include "shim.h"
import "C"

import (
	"encoding/binary"
	"math"
)

// A Share is which elements of a vector a process of a group keeps. All shares
// have the same length, whole [Block]s, but those of the last processes, which
// may have less or nothing.
type Share struct {
	From, Len int64 // own elements
	Each      int64 // of a process that has its full part
	Of        int64 // of all processes together
	Whole     bool  // every process has all elements
}

// Share is this process's of n elements: all of them when it is alone.
func (g *Group) Share(n int64) Share {
	size := int64(g.Size())
	if size == 1 {
		return Share{0, n, n, n, true}
	}
	each := (n + size*Block - 1) / (size * Block) * Block
	from := min(n, int64(g.Rank())*each)
	return Share{from, min(each, n-from), each, n, false}
}

// Blocks is the share of things of which each Block of elements has one.
func (h Share) Blocks() Share {
	up := func(n int64) int64 { return (n + Block - 1) / Block }
	return Share{up(h.From), up(h.Len), up(h.Each), up(h.Of), h.Whole}
}

// Scatter adds up what the processes have in full, a vector, and gives each its
// share of the sum, [h.Len].
func (g *Group) Scatter(s *Scope, h Share, full Tensor) Tensor {
	const op = "scatter over processes"
	return s.Tidy(func(s *Scope) Tensor {
		if padded := h.Each * int64(g.size); padded != h.Of {
			all := s.Zeros(full.DType(), padded)
			s.Narrow(all, 0, 0, h.Of).Set(full)
			full = all
		}
		own := s.Zeros(full.DType(), h.Each)
		if C.shim_group_scatter(g.c, C.shim_tensor(own.use(op)), C.shim_tensor(full.use(op)), toSum) != 0 {
			g.lost(op, full)
		}
		return s.Clone(s.Narrow(own, 0, 0, h.Len))
	})
}

// Gather puts the shares of all processes, own being this one's, together in
// full, a vector that own may be a part of.
func (g *Group) Gather(s *Scope, h Share, own, full Tensor) {
	const op = "gather from processes"
	s.Each(func(s *Scope) {
		part := s.Zeros(own.DType(), h.Each)
		s.Narrow(part, 0, 0, h.Len).Set(own)
		all := full
		padded := h.Each*int64(g.size) != h.Of
		if padded {
			all = s.Zeros(own.DType(), h.Each*int64(g.size))
		}
		if C.shim_group_gather(g.c, C.shim_tensor(all.use(op)), C.shim_tensor(part.use(op)), toSum) != 0 {
			g.lost(op, full)
		}
		if padded {
			full.Set(s.Narrow(all, 0, 0, h.Of))
		}
	})
}

// Tell gives the other processes rank 0's number; each returns it.
func (g *Group) Tell(s *Scope, number int64) (told int64) {
	s.Each(func(s *Scope) {
		t := s.Longs([]int64{number}, 1)
		g.broadcast(t)
		t.Bytes(func(b []byte) { told = int64(binary.NativeEndian.Uint64(b)) })
	})
	return told
}

// Total is the sum of the processes' values.
func (g *Group) Total(s *Scope, value float64) (sum float64) {
	s.Each(func(s *Scope) {
		t := s.Copy(Double, binary.NativeEndian.AppendUint64(nil, math.Float64bits(value)), 1)
		g.Sum(t)
		t.Bytes(func(b []byte) { sum = math.Float64frombits(binary.NativeEndian.Uint64(b)) })
	})
	return sum
}

// Alias is t's memory as another tensor, which autograd does not see written.
func (s *Scope) Alias(t Tensor) Tensor {
	return s.keepShim(C.shim_alias(C.shim_tensor(t.use("alias"))), "alias", t)
}

// Hold gives t memory again, with anything in it, or takes it away: what refers
// to t, as what autograd has saved does, goes on to.
func (t Tensor) Hold(on bool) {
	held := C.int(0)
	if on {
		held = 1
	}
	if C.shim_hold(C.shim_tensor(t.use("hold")), held) != 0 {
		fail("hold", shimWords(), t)
	}
}
