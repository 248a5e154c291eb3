package augment

import (
	"fmt"
	"iter"

	"radpo/internal/table"
)

// A shelf hands out the prompts of a table by id, each once. Samples stand in
// the order of their prompts, so it holds one prompt and a bit for each behind
// it; only when one is wanted that stands further up does it take in the table.
type shelf struct {
	rows iter.Seq2[table.Prompt, error]
	next func() (table.Prompt, error, bool)
	stop func()

	at    int            // prompts passed
	taken []uint64       // a bit a prompt
	ids   map[string]int // of the whole table, once it is taken in
	all   []table.Prompt
}

func newShelf(rows iter.Seq2[table.Prompt, error]) *shelf {
	s := &shelf{rows: rows}
	s.next, s.stop = iter.Pull2(rows)
	return s
}

// take finds the prompt of that id.
func (s *shelf) take(id string) (table.Prompt, error) {
	for s.ids == nil {
		p, err, ok := s.next()
		if err != nil {
			return p, err
		}
		if !ok {
			if err := s.takeIn(); err != nil {
				return p, err
			}
			break
		}
		if s.at++; p.ID == id {
			return p, s.mark(s.at-1, id)
		}
	}
	i, ok := s.ids[id]
	if !ok {
		return table.Prompt{}, fmt.Errorf("prompt %s: is not in the prompts table, which must be the one that was sampled", id)
	}
	return s.all[i], s.mark(i, id)
}

// takeIn reads the whole table.
func (s *shelf) takeIn() error {
	s.ids = map[string]int{}
	for p, err := range s.rows {
		if err != nil {
			return err
		}
		s.ids[p.ID] = len(s.all)
		s.all = append(s.all, p)
	}
	return nil
}

// mark notes that prompt i was taken; a second time is an error.
func (s *shelf) mark(i int, id string) error {
	for len(s.taken) <= i/64 {
		s.taken = append(s.taken, 0)
	}
	bit := uint64(1) << (i % 64)
	if s.taken[i/64]&bit != 0 {
		return fmt.Errorf("prompt %s: its samples stand in two places; sort the samples by prompt", id)
	}
	s.taken[i/64] |= bit
	return nil
}
