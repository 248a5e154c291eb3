package sampler

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// A model of the cache says which token lies in which slot.
type slots map[[2]int32]slot

type slot struct {
	*ask
	sequence *sequence // nil: of the shared prompt
	token    int
}

func (m slots) put(t *testing.T, blocks []int32, at int, s slot) {
	t.Helper()
	if at/block >= len(blocks) {
		t.Fatalf("token %d has no block: %d are there", at, len(blocks))
	}
	m[[2]int32{blocks[at/block], int32(at % block)}] = s
}

func (m slots) want(t *testing.T, blocks []int32, at int, s slot) {
	t.Helper()
	if got := m[[2]int32{blocks[at/block], int32(at % block)}]; got != s {
		t.Fatalf("token %d of %s is gone: its slot has token %d", at, s.Name, got.token)
	}
}

// run plays a plan: every row must find its prompt and its own tokens in the
// cache. A sequence ends after as many tokens as done says.
func (m slots) run(t *testing.T, s *schedule, done func(*sequence) bool) (tokens int) {
	t.Helper()
	p := s.next()
	for _, c := range p.chunks {
		for i := c.from; i < c.to; i++ {
			m.put(t, c.blocks, i, slot{c.ask, nil, i})
		}
		tokens += c.to - c.from
	}
	for _, q := range p.rows {
		m.put(t, q.blocks, q.fed, slot{q.ask, q, q.fed})
	}
	for _, q := range p.rows {
		for i := range q.shared() {
			m.want(t, q.ask.blocks, i, slot{q.ask, nil, i})
		}
		for i := range q.fed + 1 {
			m.want(t, q.blocks, i, slot{q.ask, q, i})
		}
		drawn := q.newest()
		q.fed++
		if drawn {
			q.ids = append(q.ids, 1)
			q.over = done(q)
		}
	}
	s.sweep()
	return tokens
}

func submit(s *schedule, a *ask) {
	for k := range a.N {
		s.waiting = append(s.waiting, &sequence{ask: a, number: k})
	}
}

// TestScheduleAtRandom plays requests of random sizes that come and go in a
// cache that is often too small: each ends with all its tokens, none reads what
// another wrote, and at the end every block is free.
func TestScheduleAtRandom(t *testing.T) {
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := &schedule{blocks: blocks{total: 6 + rng.IntN(30)}, rows: 1 + rng.IntN(8), tokens: 1 + rng.IntN(100), whole: seed%2 == 0}
		m := slots{}
		var asked, ended []*sequence
		for step := 0; step < 20 || len(s.live)+len(s.waiting) > 0; step++ {
			if step > 20_000 {
				t.Fatalf("seed %d: %d responses never end", seed, len(s.live)+len(s.waiting))
			}
			if step < 20 && rng.IntN(2) == 0 {
				a := &ask{Request: Request{Name: "a", Prompt: make([]int32, 1+rng.IntN(60)), N: 1 + rng.IntN(5)}, limit: 1 + rng.IntN(60)}
				if s.fits(a) == nil {
					submit(s, a)
					asked = append(asked, s.waiting[len(s.waiting)-a.N:]...)
				}
			}
			m.run(t, s, func(q *sequence) bool {
				if len(q.ids) == q.limit {
					ended = append(ended, q)
				}
				return len(q.ids) == q.limit
			})
			if len(s.live) > s.rows {
				t.Fatalf("seed %d: %d rows, at most %d are allowed", seed, len(s.live), s.rows)
			}
		}
		if len(ended) != len(asked) || s.blocks.left() != s.blocks.total {
			t.Fatalf("seed %d: %d of %d responses ended, %d of %d blocks are free", seed, len(ended), len(asked), s.blocks.left(), s.blocks.total)
		}
	}
}

// TestSchedulePromptOnce: a prompt is computed once for its samples, even where
// they do not all fit beside each other, and a row that ends is replaced in the
// next step.
func TestSchedulePromptOnce(t *testing.T) {
	s := &schedule{blocks: blocks{total: 1000}, rows: 3, tokens: 16}
	a := &ask{Request: Request{Name: "a", Prompt: make([]int32, 41), N: 7}, limit: 5}
	submit(s, a)
	m := slots{}
	tokens, steps := 0, 0
	for ; len(s.live)+len(s.waiting) > 0; steps++ {
		waited := len(s.waiting) > 0
		tokens += m.run(t, s, func(q *sequence) bool { return len(q.ids) == 1+q.number%5 })
		if waited && steps > 2 && len(s.plan.rows) != 3 {
			t.Errorf("step %d has %d rows though others wait", steps, len(s.plan.rows))
		}
	}
	if tokens != 40 {
		t.Errorf("%d prompt tokens were computed, want 40", tokens)
	}
	if peak := s.blocks.fresh; peak > 3+3 {
		t.Errorf("%d blocks were in use: the prompt's 3 are shared and each row needs 1", peak)
	}
}

func TestScheduleNeverFits(t *testing.T) {
	s := &schedule{blocks: blocks{total: 4}, rows: 3, tokens: 16}
	a := &ask{Request: Request{Name: "prompt x", Prompt: make([]int32, 40), N: 1}, limit: 40}
	if err := s.fits(a); err == nil || !strings.Contains(err.Error(), "prompt x: a prompt of 40 tokens and a response of up to 40 need 6 cache blocks of 16 tokens, and memory allows 4") {
		t.Errorf("got %v", err)
	}
}

// FuzzReader: however text arrives, what a reader lets through is the text up to
// the first stop string, and it never lets through what may become one.
func FuzzReader(f *testing.F) {
	f.Add("one two three", "two", "ee", uint64(3))
	f.Add("aaab", "aab", "b", uint64(1))
	f.Fuzz(func(t *testing.T, text, a, b string, seed uint64) {
		if a == "" || b == "" {
			return
		}
		stops := []string{a, b}
		rng := rand.New(rand.NewPCG(seed, 0))
		r := &reader{stops: stops}
		got, stop, at := "", "", 0
		for at < len(text) && stop == "" {
			n := 1 + rng.IntN(min(4, len(text)-at))
			var more string
			more, stop = r.take(text[at : at+n])
			got, at = got+more, at+n
		}
		if stop == "" {
			got += r.held
		}
		// The first stop string to be complete ends the text; the earliest start counts.
		end, want := first(text[:at], stops)
		if got != text[:end] || stop != want {
			t.Errorf("%q in pieces, stops %q: got %q, %q, want %q, %q", text, stops, got, stop, text[:end], want)
		}
	})
}

// TestBlocks hands out what was returned before what is fresh.
func TestBlocks(t *testing.T) {
	b := &blocks{total: 3}
	x, _ := b.extend(nil, 2)
	x = b.release(x)
	y, _ := b.extend(x, 1)
	if b.fresh != 2 || b.left() != 2 || len(y) != 1 {
		t.Errorf("%d fresh, %d left, got %v", b.fresh, b.left(), y)
	}
	if _, ok := b.extend(y, 4); ok || b.left() != 2 {
		t.Error("4 blocks of 3")
	}
	if z, ok := b.extend(y, 3); !ok || len(slices.Compact(slices.Sorted(slices.Values(z)))) != 3 {
		t.Errorf("got %v, %v", z, ok)
	}
}
