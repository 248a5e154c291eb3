package sampler

import "radpo/internal/torch"

// growth is how many token slots a cache gains when it is full.
const growth = 64

// A cache keeps the keys and values of a batch, a slot a token: row b's token
// t lies at [b,t] whatever the lengths of other rows. It implements nn.KV.
type cache struct {
	scope        *torch.Scope   // owns the tensors
	keys, values []torch.Tensor // a layer each, [B,slots,G,K]
	slots        int64
	span         int64 // slots in use by the longest row

	rows, at torch.Tensor // [B] long: which row, and the slot of its new token; undefined in prefill
}

// Extend implements nn.KV. In prefill the new tokens fill the first slots; in
// decoding each row's token goes to its own.
func (c *cache) Extend(s *torch.Scope, layer int, k, v torch.Tensor) (torch.Tensor, torch.Tensor) {
	if !c.at.Defined() {
		c.fill(s, layer, k, v)
		return k, v
	}
	s.PutRows(c.keys[layer], c.rows, c.at, s.Select(k, 2, 0))
	s.PutRows(c.values[layer], c.rows, c.at, s.Select(v, 2, 0))
	return c.used(s, c.keys[layer]), c.used(s, c.values[layer])
}

// Positions implements nn.KV: a slot's number is its token's position.
func (c *cache) Positions(s *torch.Scope, fresh torch.Tensor) torch.Tensor {
	if !c.at.Defined() {
		return fresh
	}
	slots := make([]int64, c.span)
	for i := range slots {
		slots[i] = int64(i)
	}
	return s.Longs(slots, 1, c.span)
}

// used is the slots in use as attention wants them, [B,G,span,K], a view.
func (c *cache) used(s *torch.Scope, t torch.Tensor) torch.Tensor {
	return s.Transpose(s.Narrow(t, 1, 0, c.span), 1, 2)
}

func (c *cache) fill(s *torch.Scope, layer int, k, v torch.Tensor) {
	shape := k.Shape() // [B,G,T,K]
	if c.slots == 0 {
		c.slots = shape[2] + growth
	}
	for _, side := range []struct {
		to   *[]torch.Tensor
		from torch.Tensor
	}{{&c.keys, k}, {&c.values, v}} {
		t := c.scope.Zeros(k.DType(), shape[0], c.slots, shape[1], shape[3])
		s.Narrow(t, 1, 0, shape[2]).Set(s.Transpose(side.from, 1, 2))
		*side.to = append((*side.to)[:layer], t)
	}
}

// pick replaces the rows by rows[index[0]], rows[index[1]], …: to repeat a
// prompt for its samples, or to drop finished rows.
func (c *cache) pick(index torch.Tensor) {
	c.replace(func(t torch.Tensor) torch.Tensor { return c.scope.Index(t, 0, index) })
}

// reserve makes room for one more token behind the longest row.
func (c *cache) reserve(s *torch.Scope) {
	if c.span < c.slots {
		return
	}
	c.slots += growth
	c.replace(func(t torch.Tensor) torch.Tensor {
		shape := t.Shape()
		wider := c.scope.Zeros(t.DType(), shape[0], c.slots, shape[2], shape[3])
		s.Narrow(wider, 1, 0, shape[1]).Set(t)
		return wider
	})
}

func (c *cache) replace(f func(torch.Tensor) torch.Tensor) {
	for _, side := range [][]torch.Tensor{c.keys, c.values} {
		for i, old := range side {
			side[i] = f(old)
			c.scope.Free(old)
		}
	}
}
