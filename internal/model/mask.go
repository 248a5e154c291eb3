package model

import "radpo/internal/torch"

// masks are in's masks by the windows of a model's layers.
func (in Input) masks(s *torch.Scope, windows []int) map[int]torch.Tensor {
	masks := map[int]torch.Tensor{}
	for _, w := range windows {
		if _, ok := masks[w]; !ok {
			masks[w] = in.within(s, w)
		}
	}
	return masks
}

// within is in's mask for layers that see the last window tokens, by position;
// 0: all. It is in.Mask itself where no two tokens can be that far apart.
func (in Input) within(s *torch.Scope, window int) torch.Tensor {
	t := in.IDs.Dim(1)
	span := t
	if in.Mask.Defined() {
		span = in.Mask.Dim(3)
	}
	if window == 0 || span <= int64(window) {
		return in.Mask
	}
	return s.Tidy(func(s *torch.Scope) torch.Tensor {
		mask, keys := in.Mask, in.Positions
		if !mask.Defined() {
			mask = s.Causal(t)
		}
		if in.KV != nil {
			keys = in.KV.Positions(s, keys)
		}
		q := s.View(s.To(in.Positions, torch.Float), -1, 1, t, 1)
		k := s.View(s.To(keys, torch.Float), -1, 1, 1, span)
		return s.And(mask, s.Less(s.Sub(q, k), float64(window))) // [B,1,T,S]
	})
}
