package sampler

import (
	"context"
	"errors"
	"fmt"
	"math/bits"

	"github.com/rs/zerolog"

	"radpo/internal/torch"
)

// slotTokens is how many tokens a slot of the cache on a GPU holds: enough keys
// for a piece of attention to be worth its start, and few enough to waste little
// behind the last token of a response.
const slotTokens = 256

// tile is how many queries attention looks at a slot with at once.
const tile = 64

// slotted computes plans over a cache of slots. Prompts are computed whole and
// without padding; rows in batches of few sizes, each of which a GPU captures
// once as a graph. The slices are reused.
type slotted struct {
	model *torch.Slots
	total int // slots; one more is there for padding
	group int // query heads of a key-value head
	batch batch
	there bool // draws are made where the logits are
	whole bool // steps are captured as graphs where they can be
}

// step implements computer.
func (c *slotted) step(ctx context.Context, s *torch.Scope, p *plan, d *draws) error {
	asked := 0
	if len(p.chunks) > 0 {
		states, n := c.prompts(s, p.chunks)
		if asked = n; n > 0 {
			inParts(s, states, func(s *torch.Scope, some torch.Tensor, i, n int) { c.draw(ctx, s, c.model.Logits(s, some), d, i, n) })
		}
	}
	if len(p.rows) == 0 {
		return nil
	}
	c.batch.fill(p.rows, c.group, c.total)
	logits := c.model.Rows(s, c.batch.input, c.batch.rows, c.batch.wide)
	if n := len(d.list) - asked; n == len(p.rows) {
		c.draw(ctx, s, s.Narrow(logits, 0, 0, int64(n)), d, asked, n)
	} else if n > 0 {
		c.draw(ctx, s, s.Index(logits, 0, s.Longs(c.batch.drawn, int64(n))), d, asked, n)
	}
	_, why := c.model.Graphs()
	c.tell(ctx, why)
	return nil
}

// tell says once why steps are not captured as graphs, if they are not.
func (c *slotted) tell(ctx context.Context, why string) {
	if why != "" && c.whole {
		zerolog.Ctx(ctx).Warn().Str("why", why).Msg("steps are not captured as graphs; their operators are started one by one")
		c.whole = false
	}
}

// draw makes n draws, from draw i on, of as many rows of logits. The host makes
// those that want alternatives or biases, and all once the device has failed to.
func (c *slotted) draw(ctx context.Context, s *torch.Scope, logits torch.Tensor, d *draws, i, n int) {
	if c.there && d.wide == 0 && !d.biased {
		err := s.Try(func(*torch.Scope) error {
			logits.DrawThere(d.list[i:i+n], d.changes)
			return nil
		})
		if err == nil {
			return
		}
		zerolog.Ctx(ctx).Warn().Err(err).Msg("tokens are drawn on the host, to which all logits are copied")
		c.there = false
	}
	d.make(logits, i, n)
}

// prompts computes whole prompts and returns the states of the n tokens that are
// asked about.
func (c *slotted) prompts(s *torch.Scope, chunks []chunk) (states torch.Tensor, n int) {
	var ids, into, lengths, asked []int64
	for _, k := range chunks {
		for t := range k.to {
			if k.Prompts && !k.told {
				asked = append(asked, int64(len(ids)))
			}
			ids, into = append(ids, int64(k.Prompt[t])), append(into, c.batch.place(k.blocks, t))
		}
		lengths = append(lengths, int64(k.to))
	}
	states = c.model.Prompts(s, ids, into, lengths)
	if len(asked) > 0 {
		states = s.Index(states, 0, s.Longs(asked, int64(len(asked))))
	}
	return states, len(asked)
}

// A batch is the input of a step of rows, as slots.h of internal/torch lays it
// out, padded to a size that many steps have.
type batch struct {
	length     int // tokens of a slot
	rows, wide int
	input      []int64
	drawn      []int64 // rows that draw

	// Parts of input: the row of each pair of a row and a piece, by pieces; each
	// piece's first pair, first token and number of tokens; the pairs of each row.
	row, first, start, used, of []int64
	pairs, pieces               int
}

// fill lays out a token of each sequence. A prompt's slot is a piece for as many
// of its samples as fill a tile of queries, group from each; total is the slot
// for padding.
func (b *batch) fill(list []*sequence, group, total int) {
	b.shape(list)
	ids, positions, into := b.input[:b.rows], b.input[b.rows:2*b.rows], b.input[2*b.rows:3*b.rows]
	for i := range into {
		into[i] = int64(total) * int64(b.length)
	}
	most := max(1, tile/group)
	b.drawn = b.drawn[:0]
	for i := 0; i < len(list); {
		end := i + 1
		for end < len(list) && end-i < most && list[end].ask == list[i].ask {
			end++
		}
		b.see(list[i].ask.blocks, list[i].shared(), i, end)
		for ; i < end; i++ {
			q := list[i]
			ids[i], positions[i], into[i] = int64(q.next()), int64(q.shared()+q.fed), b.place(q.blocks, q.fed)
			b.see(q.blocks, q.fed+1, i, i+1)
			if q.newest() {
				b.drawn = append(b.drawn, int64(i))
			}
		}
	}
	for i := b.pieces; i < len(b.first); i++ {
		b.first[i] = int64(b.pairs)
	}
}

// shape makes room for list: powers of two, so that sizes are few.
func (b *batch) shape(list []*sequence) {
	wide := 2
	for _, q := range list {
		wide = max(wide, b.slots(q.shared())+b.slots(q.fed+1))
	}
	b.rows, b.wide = max(8, above(len(list))), above(wide)
	pairs := b.rows * b.wide
	if n := 3*b.rows + 5*pairs + 2; cap(b.input) < n {
		b.input = make([]int64, n)
	} else {
		b.input = b.input[:n]
		clear(b.input)
	}
	rest := b.input[3*b.rows:]
	part := func(n int) (p []int64) {
		p, rest = rest[:n], rest[n:]
		return p
	}
	b.row, b.first, b.start, b.used, b.of = part(pairs), part(pairs+1), part(pairs+1), part(pairs), part(pairs)
	for i := range b.of {
		b.of[i] = -1
	}
	b.pairs, b.pieces = 0, 0
}

// see makes pieces of n tokens in slots, at which rows from … to−1 look.
func (b *batch) see(slots []int32, n, from, to int) {
	for i := range b.slots(n) {
		b.first[b.pieces] = int64(b.pairs)
		b.start[b.pieces], b.used[b.pieces] = b.place(slots, i*b.length), int64(min(b.length, n-i*b.length))
		b.pieces++
		for r := from; r < to; r++ {
			b.row[b.pairs] = int64(r)
			of := b.of[r*b.wide : (r+1)*b.wide]
			for m := range of {
				if of[m] < 0 {
					of[m] = int64(b.pairs)
					break
				}
			}
			b.pairs++
		}
	}
}

// slots is how many n tokens need.
func (b *batch) slots(n int) int { return (n + b.length - 1) / b.length }

// place is where token t of a list of slots lies in the cache.
func (b *batch) place(slots []int32, t int) int64 {
	return int64(slots[t/b.length])*int64(b.length) + int64(t%b.length)
}

// above is the least power of two that is at least n.
func above(n int) int { return 1 << bits.Len(uint(n-1)) }

// newSlotted is a computer for p over so many slots of length tokens each, for
// rows sequences at once.
func newSlotted(s *torch.Scope, p torch.DecoderPlan, slots, length, rows int) *slotted {
	model := s.NewSlots(p, slots, length, max(8, above(rows)))
	return &slotted{model: model, total: slots, group: p.Heads / p.Groups, batch: batch{length: length}, there: true, whole: true}
}

// slottable reports what of p attention over slots does not do, for sequences of
// longest tokens at most.
func slottable(p torch.DecoderPlan, longest int) error {
	if p.ScoreCap > 0 {
		return errors.New("attention bounds its scores by tanh")
	}
	for _, l := range p.Layers {
		if l.Window > 0 && l.Window < longest {
			return fmt.Errorf("attention sees %d tokens of up to %d", l.Window, longest)
		}
	}
	return nil
}

// flash says whether flash attention has p's width of heads.
func flash(p torch.DecoderPlan) bool { return p.Head%8 == 0 && p.Head <= 256 }

// tryout takes a prompt and a step of p over a cache of one slot, and returns how
// that failed: flash attention is not on every device.
func tryout(s *torch.Scope, p torch.DecoderPlan) error {
	return s.Try(func(s *torch.Scope) error {
		s.NoGrad(func(s *torch.Scope) {
			c := newSlotted(s, p, 1, slotTokens, 8)
			prompt := []int32{0, 0}
			c.prompts(s, []chunk{{&ask{Request: Request{Prompt: prompt}, blocks: []int32{0}}, 0, 1}})
			c.batch.fill([]*sequence{{ask: &ask{Request: Request{Prompt: prompt}, blocks: []int32{0}}, blocks: []int32{0}}}, c.group, c.total)
			s.Narrow(c.model.Rows(s, c.batch.input, c.batch.rows, c.batch.wide), 0, 0, 1).Floats() // waits for it
		})
		return nil
	})
}
