package sampler

import (
	"math"
	"slices"

	"radpo/internal/torch"
)

// draws are what a step makes of logits: a score for each prompt token that is
// asked about, in the order of the plan's chunks, and then a draw for each row
// that feeds its newest token. The slices are reused.
type draws struct {
	list    []torch.Draw
	changes []torch.Change // of their logits
	top     []torch.Alternative
	wide    int  // alternatives a draw has room for
	biased  bool // some draw has biases
}

// prepare lists a plan's draws. A draw's row counts the plan's tokens: those of
// its chunks, then its rows.
func (d *draws) prepare(p *plan) {
	d.list, d.changes, d.wide, d.biased = d.list[:0], d.changes[:0], 0, false
	at := 0
	for _, c := range p.chunks {
		for t := c.from; t < c.to; t++ {
			if c.Prompts && !c.told {
				d.add(torch.Draw{Row: int32(at), Target: c.Prompt[t+1], Top: int32(c.Top)})
			}
			at++
		}
	}
	for _, q := range p.rows {
		if q.newest() {
			d.add(d.draw(q, at))
		}
		at++
	}
	if n := len(d.list) * d.wide; cap(d.top) < n {
		d.top = make([]torch.Alternative, n)
	} else {
		d.top = d.top[:n]
	}
}

func (d *draws) add(x torch.Draw) {
	d.wide = max(d.wide, int(x.Top))
	d.biased = d.biased || x.Bias < x.BiasEnd
	d.list = append(d.list, x)
}

func (d *draws) draw(q *sequence, at int) torch.Draw {
	o := &q.Options
	x := torch.Draw{
		Row: int32(at), Target: -1, TopK: int32(min(o.TopK, 1<<30)), Temperature: o.Temperature, TopP: o.TopP, MinP: o.MinP,
		Penalty: o.RepetitionPenalty, Top: int32(o.Top), Uniform: q.source.uniform(len(q.ids)),
	}
	x.Bias = int32(len(d.changes))
	d.changes = append(d.changes, o.Bias...)
	if len(q.ids) < o.MinTokens {
		for _, id := range o.Stop {
			d.changes = append(d.changes, torch.Change{ID: int32(id), Add: never})
		}
	}
	x.BiasEnd, x.Seen = int32(len(d.changes)), int32(len(d.changes))
	if o.RepetitionPenalty != 0 && o.RepetitionPenalty != 1 {
		d.name(q.Prompt)
		d.name(q.ids)
	}
	x.SeenEnd = int32(len(d.changes))
	return x
}

// make makes draws i … i+n−1 of as many rows of logits, on the host.
func (d *draws) make(logits torch.Tensor, i, n int) {
	logits.Draw(d.list[i:i+n], d.changes, d.top[i*d.wide:(i+n)*d.wide])
}

// never keeps a token from being drawn.
var never = float32(math.Inf(-1))

// name lists tokens as they are.
func (d *draws) name(ids []int32) {
	for _, id := range ids {
		d.changes = append(d.changes, torch.Change{ID: id})
	}
}

// scores takes what is known of prompts from the draws, and returns how many
// of them that were.
func (d *draws) scores(p *plan) int {
	i := 0
	for _, c := range p.chunks {
		for t := c.from; t < c.to && c.Prompts && !c.told; t++ {
			token := d.token(i)
			token.Top = slices.Clone(token.Top)
			c.scored = append(c.scored[:t], token)
			i++
		}
	}
	return i
}

// tokens takes the tokens drawn, from draw i on, into their sequences.
func (d *draws) tokens(p *plan, i int) {
	for _, q := range p.rows {
		drawn := q.newest()
		q.fed++
		if !drawn {
			continue
		}
		if !q.over {
			q.take(d.token(i))
		}
		i++
	}
}

func (d *draws) token(i int) Token {
	x := &d.list[i]
	return Token{ID: x.ID, Logprob: x.Logprob, Drawn: x.Drawn, Top: d.top[i*d.wide:][:x.Top]}
}
