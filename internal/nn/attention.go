package nn

import "radpo/internal/torch"

// A KV remembers keys and values of earlier tokens, one pair a layer.
type KV interface {
	// Extend stores k, v [B,G,T,K] of new tokens of a layer and returns those
	// of all tokens so far, [B,G,S,K].
	Extend(s *torch.Scope, layer int, k, v torch.Tensor) (torch.Tensor, torch.Tensor)
}

// SplitHeads turns [B,T,H·K] into [B,H,T,K], a view.
func SplitHeads(s *torch.Scope, x torch.Tensor, heads int) torch.Tensor {
	shape := x.Shape()
	return s.Transpose(s.View(x, shape[0], shape[1], int64(heads), shape[2]/int64(heads)), 1, 2)
}

// MergeHeads turns [B,H,T,K] into [B,T,H·K].
func MergeHeads(s *torch.Scope, x torch.Tensor) torch.Tensor {
	shape := x.Shape()
	return s.View(s.Transpose(x, 1, 2), shape[0], shape[2], shape[1]*shape[3])
}

// Attend is grouped-query attention of q [B,H,T,K] over k, v [B,G,S,K].
// An undefined mask means causal over T = S tokens.
func Attend(s *torch.Scope, q, k, v, mask torch.Tensor) torch.Tensor {
	shape, groups := q.Shape(), k.Dim(1)
	if shape[2] > 1 || shape[1] == groups {
		return s.Attention(q, k, v, mask, true)
	}
	// One new token: the H/G queries of a group are rows over the same keys,
	// which spares copying keys and values H/G times.
	rows := s.View(q, shape[0], groups, shape[1]/groups, shape[3])
	return s.View(s.Attention(rows, k, v, mask, false), shape...)
}
