package sampler

import (
	"context"

	"radpo/internal/torch"
)

// native computes a plan in one call. The slices are reused.
type native struct {
	decoder   *torch.Decoder
	tokens    []torch.DecoderToken
	sequences []torch.DecoderSequence
	blocks    []int32 // of the sequences
}

// step implements computer.
func (c *native) step(_ context.Context, _ *torch.Scope, p *plan, d *draws) error {
	c.tokens, c.sequences, c.blocks = c.tokens[:0], c.sequences[:0], c.blocks[:0]
	for _, k := range p.chunks {
		c.begin(k.ask, 0)
		for t := k.from; t < k.to; t++ {
			c.add(k.Prompt[t], t)
		}
	}
	var last *ask
	var at int32
	for _, q := range p.rows {
		if q.ask != last {
			last, at = q.ask, c.begin(q.ask, 0)
		} else {
			c.begin(nil, at)
		}
		s := &c.sequences[len(c.sequences)-1]
		s.Shared, s.OwnAt = int32(q.shared()), int32(len(c.blocks))
		c.blocks = append(c.blocks, q.blocks...)
		c.add(q.next(), q.shared()+q.fed)
	}
	c.decoder.Step(c.tokens, c.sequences, c.blocks, d.list, d.changes, d.top)
	return nil
}

// begin starts a sequence of a's, whose shared blocks it lists, or, without
// one, of the ask whose blocks are listed from at on.
func (c *native) begin(a *ask, at int32) int32 {
	s := torch.DecoderSequence{SharedAt: at}
	if a != nil {
		s.Shared, s.SharedAt = int32(a.shared()), int32(len(c.blocks))
		c.blocks = append(c.blocks, a.blocks...)
	}
	c.sequences = append(c.sequences, s)
	return s.SharedAt
}

// add puts a token of the newest sequence into the batch.
func (c *native) add(id int32, position int) {
	c.tokens = append(c.tokens, torch.DecoderToken{ID: id, Position: int32(position), Sequence: int32(len(c.sequences) - 1)})
}
