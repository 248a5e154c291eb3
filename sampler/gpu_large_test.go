package sampler

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"radpo/internal/torch"
)

// large is the shape of Llama-3-8B.
var large = torch.DecoderPlan{Width: 4096, Heads: 32, Groups: 8, Head: 128, Feed: 14336, Vocabulary: 128256, Eps: 1e-5, ScoreScale: 1 / math.Sqrt(128)}

// Of large: bytes of the weights that products read, operations a token, bytes
// of a token's keys and values.
const (
	largeWeights = 15.0e9
	largeFlops   = 15.0e9
	largeToken   = 128 << 10
)

// largePlan is large with random weights on the device of s.
func largePlan(s *torch.Scope) torch.DecoderPlan {
	p := large
	for i := range p.Head / 2 {
		p.Frequencies = append(p.Frequencies, float32(math.Pow(500000, -2*float64(i)/float64(p.Head))))
	}
	w := func(shape ...int64) torch.Tensor { return noise(s, 0.02, shape...) }
	p.Embedding, p.Output, p.Norm = w(128256, 4096), w(128256, 4096), noise(s, 1, 4096)
	for range 32 {
		p.Layers = append(p.Layers, torch.DecoderLayer{
			AttnNorm: noise(s, 1, 4096), FeedNorm: noise(s, 1, 4096), Q: w(4096, 4096), K: w(1024, 4096), V: w(1024, 4096), O: w(4096, 4096),
			Gate: w(14336, 4096), Up: w(14336, 4096), Down: w(4096, 14336),
		})
	}
	return p
}

// checkLarge takes G1, G2 and G4 with 512 rows.
func checkLarge(t *testing.T, s *torch.Scope, f *figures) {
	const rows = 512
	plan := largePlan(s)
	free, _, err := torch.Memory(s.Device())
	if err != nil {
		t.Fatal(err)
	}
	slots := int(spare * float64(free) / (slotTokens * largeToken))
	c := newSlotted(s, plan, slots, slotTokens, rows)
	for _, n := range []int{1, 64, 256, 512} {
		stepTime(t, s, f, c, n)
	}
	forwardRate(t, s, f, c)
	e := &Engine{settings: Settings{Rows: rows}, window: 8192, vocabulary: plan.Vocabulary, scope: s, compute: c}
	e.schedule.rows, e.schedule.tokens, e.schedule.whole = rows, 4096, true
	e.schedule.blocks.total, e.schedule.blocks.size = slots, slotTokens
	sampleRate(t, f, e)
}

// stepTime is G1: n rows, five a prompt of 250 tokens, 300 tokens into their
// responses.
func stepTime(t *testing.T, s *torch.Scope, f *figures, c *slotted, n int) {
	var list []*sequence
	next := int32(0)
	take := func(tokens int) (slots []int32) {
		for range c.batch.slots(tokens) {
			slots = append(slots, next%int32(c.total)) // what they hold does not matter here
			next++
		}
		return slots
	}
	var a *ask
	for i := range n {
		if i%5 == 0 {
			a = &ask{Request: Request{Prompt: make([]int32, 250)}, blocks: take(249)}
		}
		list = append(list, &sequence{ask: a, ids: make([]int32, 300), fed: 300, blocks: take(301)})
	}
	cost := seconds(s, 20, func(s *torch.Scope) {
		c.batch.fill(list, c.group, c.total)
		c.model.Rows(s, c.batch.input, c.batch.rows, c.batch.wide)
	})
	prompts := (n + 4) / 5
	limit := max(largeWeights/f.Bandwidth, largeFlops*float64(n)/f.Flops) + float64(largeToken*(prompts*249+n*301))/f.Bandwidth
	f.add(t, fmt.Sprintf("G1: a step of %d rows", n), cost*1e3, "ms", limit/cost)
	if k, why := c.model.Graphs(); why != "" {
		t.Errorf("%d graphs, and then: %s", k, why)
	}
}

// forwardRate is G4: five responses of 450 tokens behind a prompt of 250, nothing
// shared.
func forwardRate(t *testing.T, s *torch.Scope, f *figures, c *slotted) {
	const each, tokens = 5, 700
	ids, into, lengths := make([]int64, each*tokens), make([]int64, each*tokens), make([]int64, each)
	for i := range ids {
		ids[i], into[i], lengths[i/tokens] = int64(i%1000), int64(i), tokens
	}
	cost := seconds(s, 5, func(s *torch.Scope) { c.model.Prompts(s, ids, into, lengths) })
	f.add(t, "G4: prompts of five answers scored", 1/cost, "prompts/s", each*tokens*14.0e9/f.Flops/cost)
}

// sampleRate is G2: 256 prompts of 250 tokens, five responses each, of lengths
// that are log-normal with mean 450, 1024 at most.
func sampleRate(t *testing.T, f *figures, e *Engine) {
	r := rand.New(rand.NewPCG(2, 2))
	tokens := 0
	for range 256 {
		prompt := make([]int32, 250)
		for i := range prompt {
			prompt[i] = r.Int32N(1000)
		}
		var left [5]int
		for k := range left {
			left[k] = min(1024, max(1, int(450*math.Exp(0.6*r.NormFloat64()-0.18))))
		}
		var ticket *Ticket
		var err error
		ticket, err = e.Submit(Request{Prompt: prompt, N: len(left)}, Options{Temperature: 0.8, TopP: 0.95, MaxTokens: 1024, Seed: 1}, func(ev Event) {
			tokens++
			if left[ev.Sample]--; left[ev.Sample] <= 0 {
				ticket.sequences[ev.Sample].over = true
			}
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	const most = 3 * time.Minute
	start := time.Now()
	for !e.Idle() && time.Since(start) < most {
		if err := e.Step(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	rate := float64(tokens) / time.Since(start).Seconds()
	// A token's own product, the keys that it reads, its part of its prompt.
	cost := largeFlops/f.Flops + 350*largeToken/f.Bandwidth + 14.0e9/f.Flops*250/(5*450)
	f.add(t, "G2: sampling, prompts included", rate, "tokens/s", rate*cost)
}
