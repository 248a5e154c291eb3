package dpo

import (
	"slices"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// Stages of sharing (arXiv:1910.02054): each shares what the one before does,
// and more.
const (
	shareNothing    = iota
	shareOptimizer  // ZeRO-1: moments, lower halves, averages
	shareGradients  // ZeRO-2: what has been added up of the gradients
	shareParameters // ZeRO-3: the weights
)

var shardings = []string{"none", "optimizer", "gradients", "parameters"}

// A sharing is how the processes of a group keep, each, a share of the state of
// every weight. Gradients are added up into shares and weights put together from
// them; nothing of that shows in the numbers.
type sharing struct {
	stage int
	group *torch.Group
	kept  []torch.Tensor // shares of weights that are whole only while they are at work; shareParameters
}

func newSharing(name string, g *torch.Group) sharing {
	if g.Size() == 1 {
		return sharing{}
	}
	return sharing{stage: slices.Index(shardings, name), group: g}
}

// share is what this process keeps of n elements.
func (h sharing) share(n int64) torch.Share {
	if h.stage == shareNothing {
		return (*torch.Group)(nil).Share(n)
	}
	return h.group.Share(n)
}

// sum adds up the processes' gradients, at the end of a step.
func (o *optimizer) sum(s *torch.Scope) {
	switch o.stage {
	case shareNothing:
		s.Each(func(s *torch.Scope) { o.group.Sum(s, flats(s, o.grads)...) })
	case shareOptimizer:
		s.Each(func(s *torch.Scope) {
			o.group.Scatter(s, o.shares, flats(s, o.grads), func(_ *torch.Scope, i int, sum torch.Tensor) { o.slopes[i].Set(sum) })
		})
	}
}

// flats are ts as vectors.
func flats(s *torch.Scope, ts []torch.Tensor) []torch.Tensor {
	out := make([]torch.Tensor, len(ts))
	for i, t := range ts {
		out[i] = flat(s, t)
	}
	return out
}

// publish puts the model's weights together from what each process has moved.
func (o *optimizer) publish(s *torch.Scope) {
	if o.stage == shareNothing || o.stage == shareParameters {
		return
	}
	s.Each(func(s *torch.Scope) { o.group.Gather(s, o.shares, o.own, flats(s, o.weights)) })
}

// Shards are a keeper that takes each piece's gradients as soon as they are
// complete, into shares; and where weights are shared has them whole only as long
// as needed.
type shards struct {
	*optimizer
	pieces map[int][]int  // weights of each piece
	whole  []torch.Tensor // memory of the weights, for writing [n]
}

func newShards(o *optimizer) *shards {
	k := &shards{optimizer: o, pieces: map[int][]int{}}
	for i, name := range o.names {
		piece := model.Layer(name)
		k.pieces[piece] = append(k.pieces[piece], i)
		k.whole = append(k.whole, o.scope.View(o.scope.Alias(o.weights[i]), -1))
	}
	return k
}

// Fetch implements torch.Keeper.
func (k *shards) Fetch(piece int) {
	if k.stage < shareParameters {
		return
	}
	at := k.pieces[piece]
	for _, i := range at {
		k.whole[i].Hold(true)
	}
	k.group.Gather(k.scope, pick(k.shares, at), pick(k.own, at), pick(k.whole, at))
}

// Drop implements torch.Keeper.
func (k *shards) Drop(piece int) {
	if k.stage < shareParameters {
		return
	}
	for _, i := range k.pieces[piece] {
		k.whole[i].Hold(false)
	}
}

// Sinks implements torch.Keeper.
func (k *shards) Sinks(s *torch.Scope, piece int) (params, into []torch.Tensor) {
	for _, i := range k.pieces[piece] {
		params, into = append(params, k.weights[i]), append(into, s.Zeros(torch.Float, k.shapes[i]...))
	}
	return params, into
}

// Take implements torch.Keeper.
func (k *shards) Take(s *torch.Scope, piece int, into []torch.Tensor) {
	at := k.pieces[piece]
	s.Each(func(s *torch.Scope) {
		k.group.Scatter(s, pick(k.shares, at), flats(s, into), func(s *torch.Scope, n int, sum torch.Tensor) {
			slope := k.slopes[at[n]]
			slope.Set(s.Add(slope, sum))
		})
	})
	s.Free(into...)
}

// openShared binds the policy of f with weights of which each process reads and
// keeps its share alone.
func openShared(s *torch.Scope, f *hf.Folder, d torch.DType, h *sharing) (model.Policy, error) {
	return model.OpenPolicyBy(s, f, d, func(inner *torch.Scope, read torch.Tensor) torch.Tensor {
		share := h.share(read.Len())
		h.kept = append(h.kept, s.Clone(inner.Narrow(inner.View(read, -1), 0, share.From, share.Len)))
		whole := s.Zeros(read.DType(), read.Shape()...)
		whole.Hold(false)
		return whole
	})
}

// write calls fn, in the process that writes files, with tensors whose bytes the
// processes put together when it asks for them.
func (h sharing) write(s *torch.Scope, tensors []hf.Tensor, fn func([]hf.Tensor) error) error {
	const done = -1
	if h.group.Rank() > 0 {
		for k := h.group.Tell(s, 0); k != done; k = h.group.Tell(s, 0) {
			tensors[k].Bytes(func([]byte) {})
		}
		return nil
	}
	asking := slices.Clone(tensors)
	for k, x := range tensors {
		asking[k].Bytes = func(use func([]byte)) {
			h.group.Tell(s, int64(k))
			x.Bytes(use)
		}
	}
	err := fn(asking)
	h.group.Tell(s, done)
	return err
}

// bytes gives a use the elements of a tensor that processes share.
func (h sharing) bytes(s *torch.Scope, share torch.Share, own torch.Tensor) func(use func([]byte)) {
	if share.Whole {
		return own.Bytes
	}
	return func(use func([]byte)) {
		s.Each(func(s *torch.Scope) {
			all := s.Zeros(own.DType(), share.Of)
			h.group.Gather(s, []torch.Share{share}, []torch.Tensor{own}, []torch.Tensor{all})
			all.Bytes(use)
		})
	}
}
