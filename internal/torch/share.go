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

// most is how many elements of several tensors go in one message: more would
// save nothing, and a message is a copy.
const most = 1 << 24

// messages calls fn with the ends of each run of ts that goes in one message: of
// one type and of at most so many elements, or a single tensor.
func messages(ts []Tensor, fn func(from, to int)) {
	for from := 0; from < len(ts); {
		to, n := from+1, ts[from].Len()
		for to < len(ts) && ts[to].DType() == ts[from].DType() && n+ts[to].Len() <= most {
			n += ts[to].Len()
			to++
		}
		fn(from, to)
		from = to
	}
}

// Sum replaces each of ts, vectors, by the sum of what the processes have there,
// which has the same bits in all of them.
func (g *Group) Sum(s *Scope, ts ...Tensor) {
	if g == nil {
		return
	}
	const op = "sum over processes"
	messages(ts, func(from, to int) {
		s.Each(func(s *Scope) {
			run, all := ts[from:to], ts[from]
			if len(run) > 1 {
				all = s.Cat(run, 0)
			}
			if C.shim_group_sum(g.c, C.shim_tensor(all.use(op)), toSum) != 0 {
				g.lost(op, all)
			}
			if at := int64(0); len(run) > 1 {
				for _, t := range run {
					t.Set(s.Narrow(all, 0, at, t.Len()))
					at += t.Len()
				}
			}
		})
	})
}

// Scatter adds up what the processes have in full, vectors, and calls take with
// this one's share of each sum, [Len].
func (g *Group) Scatter(s *Scope, shares []Share, full []Tensor, take func(s *Scope, i int, sum Tensor)) {
	const op = "scatter over processes"
	messages(full, func(from, to int) {
		s.Each(func(s *Scope) {
			l := g.lanes(s, shares[from:to], full[from:to])
			l.each(s, func(part, place Tensor) { place.Set(part) })
			own := s.Zeros(l.all.DType(), l.width)
			if C.shim_group_scatter(g.c, C.shim_tensor(own.use(op)), C.shim_tensor(l.all.use(op)), toSum) != 0 {
				g.lost(op, l.all)
			}
			l.own(s, own, func(i int, place Tensor) { take(s, from+i, place) })
		})
	})
}

// Gather puts the shares of all processes, own being this one's, together in
// full, vectors that own may be parts of.
func (g *Group) Gather(s *Scope, shares []Share, own, full []Tensor) {
	const op = "gather from processes"
	messages(full, func(from, to int) {
		s.Each(func(s *Scope) {
			l := g.lanes(s, shares[from:to], full[from:to])
			part := s.Zeros(l.all.DType(), l.width)
			l.own(s, part, func(i int, place Tensor) { place.Set(own[from+i]) })
			if C.shim_group_gather(g.c, C.shim_tensor(l.all.use(op)), C.shim_tensor(part.use(op)), toSum) != 0 {
				g.lost(op, l.all)
			}
			l.each(s, func(part, place Tensor) { part.Set(place) })
		})
	})
}

// lanes is a message about full vectors: for each process a lane of the shares
// that it keeps, one behind the other.
type lanes struct {
	shares    []Share
	full      []Tensor
	all       Tensor // [processes · width]
	width     int64
	processes int64
}

func (g *Group) lanes(s *Scope, shares []Share, full []Tensor) lanes {
	l := lanes{shares: shares, full: full, processes: int64(g.size)}
	for _, h := range shares {
		l.width += h.Each
	}
	if l.alone() {
		l.all = full[0]
	} else {
		l.all = s.Zeros(full[0].DType(), l.processes*l.width)
	}
	return l
}

// alone reports whether the message is one vector as it is.
func (l lanes) alone() bool { return len(l.full) == 1 && l.full[0].Len() == l.processes*l.width }

// each calls fn with each process's part of each vector and its place in the
// message, where that is another.
func (l lanes) each(s *Scope, fn func(part, place Tensor)) {
	if l.alone() {
		return
	}
	at := int64(0)
	for rank := range l.processes {
		for i, h := range l.shares {
			from := min(h.Of, rank*h.Each)
			if n := min(h.Each, h.Of-from); n > 0 {
				fn(s.Narrow(l.full[i], 0, from, n), s.Narrow(l.all, 0, at, n))
			}
			at += h.Each
		}
	}
}

// own calls fn with this process's share of each vector in its lane.
func (l lanes) own(s *Scope, lane Tensor, fn func(i int, place Tensor)) {
	at := int64(0)
	for i, h := range l.shares {
		fn(i, s.Narrow(lane, 0, at, h.Len))
		at += h.Each
	}
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
		g.Sum(s, t)
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
