package sampler

import (
	"context"
	"fmt"
	"math"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// Generate answers requests together as one batch and returns the responses
// of each in order. Prompt and response share the model's window: a response
// that reaches its end is cut there, and a prompt that fills it is an error.
// ctx is checked at every token.
func Generate(ctx context.Context, s *torch.Scope, p model.Policy, requests []Request, o Options) ([][]Response, error) {
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	requests = slices.Clone(requests)
	for i := range requests {
		if requests[i].Name == "" {
			requests[i].Name = fmt.Sprintf("prompt %d", i)
		}
		if err := requests[i].check(p.Config().MaxPositionEmbeddings); err != nil {
			return nil, fmt.Errorf("generate: %w", err)
		}
	}
	if len(requests) == 0 {
		return nil, nil
	}
	var b *batch
	var err error
	s.NoGrad(func(s *torch.Scope) {
		s.Each(func(s *torch.Scope) {
			b = newBatch(s, p.Config(), requests, o)
			err = b.start(s, p, requests)
			for err == nil && len(b.live) > 0 {
				if err = ctx.Err(); err == nil {
					err = b.step(s, p)
				}
			}
		})
	})
	if err != nil {
		return nil, fmt.Errorf("generate: %w", err)
	}
	return b.out, nil
}

// A batch is the sequences that are being decoded.
type batch struct {
	out   [][]Response
	cache cache
	live  []*sequence // one a cache row
	pick  chooser
	logps []float32 // [B,V] of the last step, reused
}

// A sequence is one response on its way.
type sequence struct {
	*Response
	name   string // of its request
	source stream
	limit  int   // tokens of the response
	stop   []int // ids that end it
	length int64 // tokens in its row: prompt and response
	done   bool
}

// newBatch has a sequence for every response wanted, in order.
func newBatch(s *torch.Scope, c hf.Config, requests []Request, o Options) *batch {
	b := &batch{
		out: make([][]Response, len(requests)), cache: cache{scope: s},
		pick: chooser{temperature: o.Temperature, topP: o.TopP, topK: o.TopK},
	}
	for i, r := range requests {
		stop := slices.Concat(o.Stop, r.Stop)
		b.out[i] = make([]Response, r.N)
		for k := range r.N {
			b.live = append(b.live, &sequence{
				Response: &b.out[i][k], name: r.Name, source: newStream(o.Seed, r.Prompt, r.First+k),
				limit: min(o.MaxTokens, c.MaxPositionEmbeddings-len(r.Prompt)), length: int64(len(r.Prompt)), stop: stop,
			})
		}
	}
	return b
}

// start computes the prompts, each once, and draws every first token.
func (b *batch) start(s *torch.Scope, p model.Policy, requests []Request) (err error) {
	var owner []int64 // of each row: which prompt
	for i, r := range requests {
		for range r.N {
			owner = append(owner, int64(i))
		}
	}
	s.Each(func(s *torch.Scope) {
		last := b.prefill(s, p, requests)
		rows := s.Longs(owner, int64(len(owner)))
		b.cache.pick(rows)
		err = b.draw(s, s.Index(p.Logits(s, last), 0, rows))
	})
	return err
}

// prefill returns the hidden state of each prompt's last token, [P,D].
// Prompts are padded on the right: causal attention never looks there.
func (b *batch) prefill(s *torch.Scope, p model.Policy, requests []Request) torch.Tensor {
	width := 0
	for _, r := range requests {
		width = max(width, len(r.Prompt))
	}
	n := len(requests)
	ids, positions, last := make([]int64, n*width), make([]int64, n*width), make([]int64, n)
	for i, r := range requests {
		for t := range width {
			positions[i*width+t] = int64(t)
			if t < len(r.Prompt) {
				ids[i*width+t] = int64(r.Prompt[t])
			}
		}
		last[i] = int64(i*width + len(r.Prompt) - 1)
	}
	rows, t := int64(n), int64(width)
	b.cache.span = t
	hidden := p.Hidden(s, model.Input{IDs: s.Longs(ids, rows, t), Positions: s.Longs(positions, rows, t), KV: &b.cache})
	return s.Index(s.View(hidden, -1, hidden.Dim(-1)), 0, s.Longs(last, rows))
}

// step feeds each row its newest token and draws the next.
func (b *batch) step(s *torch.Scope, p model.Policy) (err error) {
	s.Each(func(s *torch.Scope) {
		b.compact(s)
		n := len(b.live)
		if n == 0 {
			return
		}
		ids, slots, rows := make([]int64, n), make([]int64, n), make([]int64, n)
		b.cache.span = 0
		for i, q := range b.live {
			ids[i], slots[i], rows[i] = int64(q.IDs[len(q.IDs)-1]), q.length-1, int64(i)
			b.cache.span = max(b.cache.span, q.length)
		}
		b.cache.reserve(s)
		b.cache.rows, b.cache.at = s.Longs(rows, int64(n)), s.Longs(slots, int64(n))
		in := model.Input{
			IDs: s.Longs(ids, int64(n), 1), Positions: s.Longs(slots, int64(n), 1),
			Mask: s.Bools(filled(slots, b.cache.span), int64(n), 1, 1, b.cache.span), KV: &b.cache,
		}
		hidden := p.Hidden(s, in)
		err = b.draw(s, p.Logits(s, s.Select(hidden, 1, 0)))
	})
	return err
}

// filled is true where row i has a token: slots 0 … last[i].
func filled(last []int64, span int64) []bool {
	mask := make([]bool, int64(len(last))*span)
	for i, n := range last {
		row := mask[int64(i)*span:]
		for j := range n + 1 {
			row[j] = true
		}
	}
	return mask
}

// draw appends the next token to every row from logits [B,V].
func (b *batch) draw(s *torch.Scope, logits torch.Tensor) error {
	vocabulary := int(logits.Dim(-1))
	if n := len(b.live) * vocabulary; cap(b.logps) < n {
		b.logps = make([]float32, n)
	}
	b.logps = b.logps[:len(b.live)*vocabulary]
	s.LogSoftmax(logits).ReadFloats(b.logps)
	for i, q := range b.live {
		if q.done {
			continue
		}
		row := b.logps[i*vocabulary : (i+1)*vocabulary]
		if math.IsNaN(float64(row[0])) { // one NaN or +Inf among the logits makes the whole row NaN
			return fmt.Errorf("%s: the logits of response token %d are not finite: the model's weights or its dtype are at fault", q.name, len(q.IDs))
		}
		id := b.pick.choose(row, q.source.uniform(len(q.IDs)))
		q.IDs, q.Logprobs = append(q.IDs, int32(id)), append(q.Logprobs, row[id])
		q.length++
		q.Stopped = slices.Contains(q.stop, id)
		q.done = q.Stopped || len(q.IDs) >= q.limit
	}
	return nil
}

// compact drops finished rows once they are a quarter of the batch: copying
// the cache costs more than decoding a few rows in vain.
func (b *batch) compact(s *torch.Scope) {
	var keep []int64
	for i, q := range b.live {
		if !q.done {
			keep = append(keep, int64(i))
		}
	}
	if len(keep) > 0 && len(keep)*4 > len(b.live)*3 {
		return
	}
	live := b.live[:0]
	for _, i := range keep {
		live = append(live, b.live[i])
	}
	b.live = live
	if len(keep) > 0 {
		b.cache.pick(s.Longs(keep, int64(len(keep))))
	}
}
