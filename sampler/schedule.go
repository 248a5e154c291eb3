package sampler

import (
	"fmt"
	"slices"
)

// An ask is a request on its way. Its samples share the cache of the prompt's
// tokens but the last, which each sample feeds itself: so every sample, old or
// new, is a row that feeds one token and draws the next.
type ask struct {
	Request
	Options
	sink   func(Event)
	limit  int // tokens of a response
	open   int // samples that have not ended
	blocks []int32
	cached int     // prompt tokens whose keys lie in blocks
	users  int     // samples that decode
	scored []Token // of the prompt, if asked for
	told   bool    // of scored
}

// shared is how many tokens of the prompt are shared.
func (a *ask) shared() int { return len(a.Prompt) - 1 }

// A sequence is one response on its way.
type sequence struct {
	*ask
	number int // of the sample
	source stream
	reader *reader // nil: nobody wants its text
	ids    []int32
	blocks []int32 // of its own tokens: the prompt's last, then ids
	fed    int     // own tokens that lie in blocks
	over   bool
}

// next is the token that the sequence feeds: one that it drew before it was
// turned out of the cache, or its newest.
func (q *sequence) next() int32 {
	if q.fed == 0 {
		return q.Prompt[len(q.Prompt)-1]
	}
	return q.ids[q.fed-1]
}

// newest says whether what it feeds is the newest, so that a draw follows.
func (q *sequence) newest() bool { return q.fed == len(q.ids) }

// A chunk is tokens [from,to) of a prompt to compute.
type chunk struct {
	*ask
	from, to int
}

// A plan is the work of one step. All its keys are in the cache before any is
// looked at.
type plan struct {
	chunks []chunk
	rows   []*sequence // each feeds one token
}

// A schedule decides who runs next. Sequences enter in the order they came, as
// soon as a row and blocks are free, and keep them until they end; where blocks
// run out, the last to enter is turned out and feeds its tokens again later.
type schedule struct {
	blocks  blocks
	rows    int  // sequences at once
	tokens  int  // prompt tokens a step
	whole   bool // a prompt is computed in one step
	waiting []*sequence
	live    []*sequence // in the order they entered
	plan    plan
}

// fits reports why an ask could never run.
func (s *schedule) fits(a *ask) error {
	if need := s.blocks.need(a.shared()) + s.blocks.need(1+a.limit); need > s.blocks.total {
		return fmt.Errorf("%s: a prompt of %d tokens and a response of up to %d need %d cache blocks of %d tokens, and memory allows %d: "+
			"lower the limit of tokens, or raise sampler.memory", a.Name, len(a.Prompt), a.limit, need, s.blocks.each(), s.blocks.total)
	}
	return nil
}

// next plans a step. The plan is valid until the next call.
func (s *schedule) next() *plan {
	s.grow()
	s.admit()
	s.plan.chunks, s.plan.rows = s.plan.chunks[:0], s.plan.rows[:0]
	budget := s.tokens
	for _, q := range s.live {
		a := q.ask
		left := a.shared() - a.cached
		if left > 0 && budget > 0 {
			n := left
			if !s.whole {
				n = min(left, budget)
			}
			s.plan.chunks = append(s.plan.chunks, chunk{a, a.cached, a.cached + n})
			a.cached, budget = a.cached+n, budget-n
		}
		if a.cached == a.shared() && a.limit > 0 {
			s.plan.rows = append(s.plan.rows, q)
		}
	}
	return &s.plan
}

// grow gives every live sequence room for the token it feeds next.
func (s *schedule) grow() {
	for i := 0; i < len(s.live); i++ {
		q, ok := s.live[i], false
		for i < len(s.live) {
			if q.blocks, ok = s.blocks.extend(q.blocks, s.blocks.need(q.fed+1)); ok {
				break
			}
			s.turnOut() // the last, which may be q
		}
	}
}

// turnOut takes the cache of the last sequence that entered.
func (s *schedule) turnOut() {
	last := len(s.live) - 1
	q := s.live[last]
	s.live = s.live[:last]
	s.release(q)
	s.waiting = slices.Insert(s.waiting, 0, q)
}

// admit lets those in who waited longest. Each that decodes keeps a block in
// reserve, so that few who enter are soon turned out.
func (s *schedule) admit() {
	n := 0
	for ; n < len(s.waiting) && len(s.live) < s.rows; n++ {
		q := s.waiting[n]
		if q.over {
			continue
		}
		shared := 0
		if q.users == 0 {
			shared = s.blocks.need(q.shared())
		}
		if len(s.live) > 0 && shared+1+len(s.live) > s.blocks.left() {
			break
		}
		var ok bool
		if q.ask.blocks, ok = s.blocks.extend(q.ask.blocks, s.blocks.need(q.shared())); !ok {
			break
		}
		if q.blocks, ok = s.blocks.extend(q.blocks, 1); !ok {
			if q.users == 0 {
				q.ask.blocks = s.blocks.release(q.ask.blocks)
			}
			break
		}
		q.users++
		s.live = append(s.live, q)
	}
	s.waiting = slices.Delete(s.waiting, 0, n)
}

// release frees what q holds of the cache, and the prompt's with its last user.
func (s *schedule) release(q *sequence) {
	q.blocks, q.fed = s.blocks.release(q.blocks), 0
	if q.users--; q.users == 0 {
		q.ask.blocks, q.cached = s.blocks.release(q.ask.blocks), 0
	}
}

// sweep drops live sequences that are over.
func (s *schedule) sweep() {
	s.live = slices.DeleteFunc(s.live, func(q *sequence) bool {
		if q.over {
			s.release(q)
		}
		return q.over
	})
}
