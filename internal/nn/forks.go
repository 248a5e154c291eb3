package nn

import "radpo/internal/torch"

// Forks is how attention finds its way in a batch of M tokens, without
// padding, whose prompts branch: a branch sees its prompt and itself.
type Forks struct {
	Prompts  Rows
	Branches Rows
	Back     torch.Tensor // [M] long: the place of each token among those of the prompts' rows and then the branches'
}

// Rows are N rows of T tokens of a batch, each of which sees some of S. What
// stands behind the end of a shorter row is any token, and no other sees it:
// sums do not depend on how far rows are padded.
type Rows struct {
	Tokens    torch.Tensor // [N·T] long: places in the batch
	Seen      torch.Tensor // [N·S] long
	Positions torch.Tensor // [N,T] long: of the tokens
	Keys      torch.Tensor // [N,S] long: of those seen
	Mask      torch.Tensor // [N,1,T,S], as in Reach
}

// attend is attention of the rows in q [1,H,M,K] and k, v [1,G,M,K], [N·T,H·K].
func (r Rows) attend(s *torch.Scope, a *Attention, q, k, v torch.Tensor) torch.Tensor {
	take := func(x, tokens torch.Tensor, width int64) torch.Tensor {
		shape := x.Shape()
		rows := s.View(s.Index(x, 2, tokens), shape[1], -1, width, shape[3]) // [H,N,T,K]
		return s.Transpose(rows, 0, 1)
	}
	span := r.Keys.Dim(1)
	out := MergeHeads(s, a.attend(s, take(q, r.Tokens, r.Positions.Dim(1)), take(k, r.Seen, span), take(v, r.Seen, span), r.Mask))
	return s.View(out, -1, out.Dim(-1))
}

// attend is attention of q [1,H,M,K] and k, v [1,G,M,K], [1,M,H·K].
func (f *Forks) attend(s *torch.Scope, a *Attention, q, k, v torch.Tensor) torch.Tensor {
	rows := s.Cat([]torch.Tensor{f.Prompts.attend(s, a, q, k, v), f.Branches.attend(s, a, q, k, v)}, 0)
	return s.View(s.Index(rows, 0, f.Back), 1, -1, rows.Dim(-1))
}
