package nn

import (
	"radpo/internal/hf"
	"radpo/internal/torch"
)

// A KV remembers keys and values of earlier tokens, one pair a layer.
type KV interface {
	// Extend stores k, v [B,G,T,K] of new tokens of a layer and returns those
	// of all tokens so far, [B,G,S,K].
	Extend(s *torch.Scope, layer int, k, v torch.Tensor) (torch.Tensor, torch.Tensor)
	// Positions are those of the tokens that Extend returns, [B,S] or [1,S],
	// when the new ones are at positions fresh, [B,T].
	Positions(s *torch.Scope, fresh torch.Tensor) torch.Tensor
}

// Attention is grouped-query attention with rotary positions.
type Attention struct {
	heads, groups int     // H, G
	Scale         float64 // of scores; 0: 1/√K
	Cap           float64 // scores are bounded to ±Cap by tanh; 0: they are not
	Q             Linear  `w:"q_proj"`
	K             Linear  `w:"k_proj"`
	V             Linear  `w:"v_proj"`
	O             Linear  `w:"o_proj"`
	QNorm         RMSNorm `w:"q_norm"` // of each head's queries, [K], or none
	KNorm         RMSNorm `w:"k_norm"`
}

// NewAttention is an unbound layer; bias says whether q, k and v have one, and
// whether o does.
func NewAttention(c hf.Config, bias, outBias bool) Attention {
	query, group := c.NumAttentionHeads*c.HeadDim, c.NumKeyValueHeads*c.HeadDim
	return Attention{
		heads:  c.NumAttentionHeads,
		groups: c.NumKeyValueHeads,
		Q:      NewLinear(c.HiddenSize, query, bias),
		K:      NewLinear(c.HiddenSize, group, bias),
		V:      NewLinear(c.HiddenSize, group, bias),
		O:      NewLinear(query, c.HiddenSize, outBias),
	}
}

// A Reach is what a layer's attention looks at besides the new tokens.
type Reach struct {
	Rotary Rotary
	Mask   torch.Tensor // [B,1,T,S] bool, true where a key is seen; undefined: causal
	KV     KV           // earlier tokens; nil: none
	Layer  int
	Forks  *Forks       // in place of Mask and KV, for B = 1
	Leave  torch.Tensor // [N] long: the tokens of B·T that are wanted behind the layer, to [N,D]; undefined: all
}

// Leaving is x [B,T,D] without the tokens that r does not want.
func (r Reach) Leaving(s *torch.Scope, x torch.Tensor) torch.Tensor {
	if !r.Leave.Defined() {
		return x
	}
	return s.Index(s.View(x, -1, x.Dim(-1)), 0, r.Leave)
}

// Forward maps x [B,T,D] to [B,T,D], or to the tokens that leave.
func (a *Attention) Forward(s *torch.Scope, x torch.Tensor, r Reach) torch.Tensor {
	q := SplitHeads(s, a.Q.Forward(s, x), a.heads)  // [B,H,T,K]
	k := SplitHeads(s, a.K.Forward(s, x), a.groups) // [B,G,T,K]
	v := SplitHeads(s, a.V.Forward(s, x), a.groups) // [B,G,T,K]
	if a.QNorm.Weight.Shape != nil {
		q, k = a.QNorm.Forward(s, q), a.KNorm.Forward(s, k)
	}
	q, k = r.Rotary.Apply(s, q), r.Rotary.Apply(s, k)
	if r.Forks != nil {
		return a.O.Forward(s, r.Leaving(s, r.Forks.attend(s, a, q, k, v)))
	}
	if r.KV != nil {
		k, v = r.KV.Extend(s, r.Layer, k, v) // T grows to the whole history
	}
	return a.O.Forward(s, r.Leaving(s, MergeHeads(s, a.attend(s, q, k, v, r.Mask))))
}

func (a *Attention) attend(s *torch.Scope, q, k, v, mask torch.Tensor) torch.Tensor {
	if a.Scale != 0 {
		return a.eager(s, q, k, v, mask)
	}
	return Attend(s, q, k, v, mask)
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

// maxScores is how many attention scores, in fp32, eager holds at once unless
// one sequence alone has more: 1 GiB, a few times over.
const maxScores = 1 << 28

// eager is Attend with a's scale and cap, which no fused operator has.
func (a *Attention) eager(s *torch.Scope, q, k, v, mask torch.Tensor) torch.Tensor {
	return a.eagerUnder(s, maxScores, q, k, v, mask)
}

// eagerUnder takes as many sequences at a time as have at most limit scores.
func (a *Attention) eagerUnder(s *torch.Scope, limit int64, q, k, v, mask torch.Tensor) torch.Tensor {
	shape := q.Shape()
	if !mask.Defined() {
		mask = s.Causal(shape[2])
	}
	n := max(1, limit/(shape[1]*shape[2]*k.Dim(2)))
	if shape[0] <= n {
		return a.weigh(s, q, k, v, mask)
	}
	var parts []torch.Tensor
	for first := int64(0); first < shape[0]; first += n {
		parts = append(parts, s.Tidy(func(s *torch.Scope) torch.Tensor {
			some := func(t torch.Tensor) torch.Tensor {
				if t.Dim(0) == 1 {
					return t // one mask for all
				}
				return s.Narrow(t, 0, first, min(n, shape[0]-first))
			}
			return a.weigh(s, some(q), some(k), some(v), some(mask))
		}))
	}
	return s.Cat(parts, 0)
}

// weigh is softmax(scores)·v. Scores and their softmax are in fp32; the queries
// of a group are rows over the same keys.
func (a *Attention) weigh(s *torch.Scope, q, k, v, mask torch.Tensor) torch.Tensor {
	shape, groups, span := q.Shape(), k.Dim(1), k.Dim(2)
	rows := shape[1] / groups * shape[2] // H/G·T
	return s.Tidy(func(s *torch.Scope) torch.Tensor {
		scores := s.MatMul(s.View(q, shape[0], groups, rows, shape[3]), s.Transpose(k, 2, 3)) // [B,G,H/G·T,S]
		if a.Cap > 0 {
			scores = s.SoftCap(scores, a.Scale, a.Cap)
		} else {
			scores = s.Scale(scores, a.Scale)
		}
		scores = s.View(scores, shape[0], shape[1], shape[2], span) // [B,H,T,S]
		weights := s.To(s.MaskedSoftmax(scores, mask), q.DType())
		return s.View(s.MatMul(s.View(weights, shape[0], groups, rows, span), v), shape...)
	})
}
