package sampler

import "radpo/internal/torch"

// A pool keeps the keys and values of a cache's blocks for eager. It implements
// nn.KV.
type pool struct {
	scope        *torch.Scope   // owns the tensors
	keys, values []torch.Tensor // a layer each, [blocks,block,G,K]
	blocks       int64

	// Of the call under way: the block and the place in it of each new token, and
	// what rows of one token look at, [B·S] slots; undefined: prompts look at
	// their own tokens alone, of which fresh are real, as places in [B·T].
	into, at    []int64
	rows, slots torch.Tensor
	fresh, seen torch.Tensor
	batch, span int64
}

// reserve makes room for the plan's blocks.
func (c *pool) reserve(s *torch.Scope, p *plan) {
	need := int64(0)
	count := func(blocks []int32) {
		for _, b := range blocks {
			need = max(need, int64(b)+1)
		}
	}
	for _, k := range p.chunks {
		count(k.blocks)
	}
	for _, q := range p.rows {
		count(q.ask.blocks)
		count(q.blocks)
	}
	if need <= c.blocks {
		return
	}
	c.blocks = need + need/2
	for _, side := range [][]torch.Tensor{c.keys, c.values} {
		for i, old := range side {
			shape := old.Shape()
			side[i] = c.scope.Zeros(old.DType(), c.blocks, shape[1], shape[2], shape[3])
			s.Narrow(side[i], 0, 0, shape[0]).Set(old)
			c.scope.Free(old)
		}
	}
}

func (c *pool) clear() {
	c.into, c.at = c.into[:0], c.at[:0]
	c.fresh, c.seen = torch.Tensor{}, torch.Tensor{}
}

// put says where a new token goes: to place t of a list of blocks.
func (c *pool) put(blocks []int32, t int) {
	c.into, c.at = append(c.into, int64(blocks[t/block])), append(c.at, int64(t%block))
}

// look lists the slots of what each row sees, by position; behind a row's end
// stands any slot.
func (c *pool) look(s *torch.Scope, list []*sequence, span int) {
	seen := make([]int64, 0, len(list)*span)
	for _, q := range list {
		shared := q.shared()
		for t := range span {
			switch {
			case t < shared:
				seen = append(seen, int64(q.ask.blocks[t/block])*block+int64(t%block))
			case t-shared <= q.fed:
				seen = append(seen, int64(q.blocks[(t-shared)/block])*block+int64((t-shared)%block))
			default:
				seen = append(seen, 0)
			}
		}
	}
	c.batch, c.span = int64(len(list)), int64(span)
	c.seen = s.Longs(seen, int64(len(seen)))
}

// begin follows put.
func (c *pool) begin(s *torch.Scope) {
	c.rows, c.slots = s.Longs(c.into, int64(len(c.into))), s.Longs(c.at, int64(len(c.at)))
}

// Extend implements nn.KV.
func (c *pool) Extend(s *torch.Scope, layer int, k, v torch.Tensor) (torch.Tensor, torch.Tensor) {
	return c.extend(s, &c.keys, layer, k), c.extend(s, &c.values, layer, v)
}

func (c *pool) extend(s *torch.Scope, side *[]torch.Tensor, layer int, x torch.Tensor) torch.Tensor {
	shape := x.Shape() // [B,G,T,K]
	if layer == len(*side) {
		*side = append(*side, c.scope.Zeros(x.DType(), c.blocks, block, shape[1], shape[3]))
	}
	kept := (*side)[layer]
	tokens := s.View(s.Transpose(x, 1, 2), -1, shape[1], shape[3]) // [B·T,G,K]
	if c.fresh.Defined() {
		s.PutRows(kept, c.rows, c.slots, s.Index(tokens, 0, c.fresh))
		return x
	}
	s.PutRows(kept, c.rows, c.slots, tokens)
	seen := s.Index(s.View(kept, -1, shape[1], shape[3]), 0, c.seen)
	return s.Transpose(s.View(seen, c.batch, c.span, shape[1], shape[3]), 1, 2)
}

// Positions implements nn.KV: rows see their tokens in order.
func (c *pool) Positions(s *torch.Scope, fresh torch.Tensor) torch.Tensor {
	if c.fresh.Defined() {
		return fresh
	}
	positions := make([]int64, c.span)
	for i := range positions {
		positions[i] = int64(i)
	}
	return s.Longs(positions, 1, c.span)
}
