package model

import (
	"radpo/internal/nn"
	"radpo/internal/torch"
)

// reach is what attention looks at, by the windows of a model's layers.
func (in Input) reach(s *torch.Scope, windows []int) map[int]nn.Reach {
	out := map[int]nn.Reach{}
	for _, w := range windows {
		if _, ok := out[w]; !ok {
			out[w] = in.within(s, w)
		}
	}
	return out
}

// within is what attention looks at in layers that see the last window tokens.
func (in Input) within(s *torch.Scope, window int) nn.Reach {
	if in.Forks != nil {
		f := *in.Forks
		for _, r := range []*nn.Rows{&f.Prompts, &f.Branches} {
			r.Mask = windowed(s, r.Mask, r.Positions, r.Keys, window)
		}
		return nn.Reach{Forks: &f}
	}
	keys := in.Positions
	if in.KV != nil && window > 0 {
		keys = in.KV.Positions(s, keys)
	}
	return nn.Reach{KV: in.KV, Mask: windowed(s, in.Mask, in.Positions, keys, window)}
}

// windowed is mask for layers that see the last window tokens, by positions of
// queries and keys [B,T] and [B,S]; 0: all. It is mask itself where no two
// tokens can be that far apart.
func windowed(s *torch.Scope, mask, queries, keys torch.Tensor, window int) torch.Tensor {
	t, span := queries.Dim(1), keys.Dim(1)
	if window == 0 || span <= int64(window) {
		return mask
	}
	return s.Tidy(func(s *torch.Scope) torch.Tensor {
		if !mask.Defined() {
			mask = s.Causal(t)
		}
		q := s.View(s.To(queries, torch.Float), -1, 1, t, 1)
		k := s.View(s.To(keys, torch.Float), -1, 1, 1, span)
		return s.And(mask, s.Less(s.Sub(q, k), float64(window))) // [B,1,T,S]
	})
}
