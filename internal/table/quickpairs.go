package table

import (
	"math"
	"strings"
)

// A quickPairs reads scored pairs straight from what a reading process hands
// over, several times faster than by way of values of any type. It knows plain
// columns alone: what is of another type, null or at fault it leaves to the
// layout's parse, which says what a row means. Texts are parts of what was
// handed over and keep it alive.
type quickPairs struct {
	parts []pairPart // what each column is; nil: the layout is not known here
	arena arena
}

// A pairPart is what a column is to a pair.
type pairPart struct {
	kind byte // 0: nothing
	side int  // of chosen and rejected
}

const (
	promptPart = 1 + iota
	turnsPart
	scorePart
	marksPart
	idPart
)

// newQuickPairs finds a layout's parts in columns.
func newQuickPairs(l layout, names []string) quickPairs {
	known := map[string]pairPart{"prompt": {promptPart, 0}, "prompt_id": {idPart, 0}, "chosen": {turnsPart, 0}, "rejected": {turnsPart, 1}}
	switch l.name {
	case preprocessedLayout:
		known["overall_score_chosen"], known["overall_score_rejected"] = pairPart{scorePart, 0}, pairPart{scorePart, 1}
		known["fine_grain_score_chosen"], known["fine_grain_score_rejected"] = pairPart{marksPart, 0}, pairPart{marksPart, 1}
	case scoredPairLayout:
		known["score_chosen"], known["score_rejected"] = pairPart{scorePart, 0}, pairPart{scorePart, 1}
	default:
		return quickPairs{}
	}
	parts := make([]pairPart, len(names))
	for k, name := range names {
		parts[k] = known[name]
	}
	return quickPairs{parts: parts}
}

// An arena hands out short slices from long ones.
type arena struct {
	messages []Message
	texts    []string
	numbers  []float64
	lists    [][]float64
}

// carve takes n elements off a, which is made anew when it is used up.
func carve[T any](a *[]T, n int) []T {
	if len(*a) < n {
		*a = make([]T, max(n, 1024))
	}
	s := (*a)[:n:n]
	*a = (*a)[n:]
	return s
}

// A quickPair is a row of which the parts are read.
type quickPair struct {
	prompt []Message
	turns  [2][]Message
	scores []float64
	scored [2]bool
	marks  [2][]float64
	id     string
}

// read is what [layout.read] makes of a row, or false: the layout has to.
func (q *quickPairs) read(row string, s *Scored) (ok bool) {
	if q.parts == nil {
		return false
	}
	defer func() {
		if recover() != nil { // the layout's parse comes upon it too and names it
			ok = false
		}
	}()
	p, c := quickPair{scores: carve(&q.arena.numbers, 2)}, cursor{s: row}
	for _, part := range q.parts {
		if c.s[0] == tagAbsent {
			c.s = c.s[1:]
		} else if !q.part(part, &c, &p) {
			return false
		}
	}
	return q.fill(&p, s)
}

// part reads a column's value.
func (q *quickPairs) part(part pairPart, c *cursor, p *quickPair) (ok bool) {
	switch part.kind {
	case promptPart:
		text := c.s[0] == tagText
		if p.prompt, ok = q.turns(c, "user"); ok && text {
			_, err := lastUser(p.prompt)
			ok = err == nil
		}
	case turnsPart:
		p.turns[part.side], ok = q.turns(c, "assistant")
	case scorePart:
		p.scores[part.side], ok = c.float()
		p.scored[part.side] = ok
	case marksPart:
		p.marks[part.side], ok = q.marks(c)
	case idPart:
		p.id, ok = c.plain()
	default:
		c.skip()
		ok = true
	}
	return ok
}

// fill makes a row of its parts.
func (q *quickPairs) fill(p *quickPair, s *Scored) bool {
	if p.turns[0] == nil || p.turns[1] == nil || p.scored != [2]bool{true, true} || (p.marks[0] == nil) != (p.marks[1] == nil) {
		return false
	}
	var pair Pair
	if pair.setTurns(p.prompt, p.turns[0], p.turns[1]) != nil {
		return false
	}
	s.Messages, s.Responses, s.Scores = pair.Messages, carve(&q.arena.texts, 2), p.scores
	s.Responses[0], s.Responses[1] = pair.Chosen, pair.Rejected
	if p.marks[0] != nil {
		s.Names, s.Attributes = RatedAttributes, carve(&q.arena.lists, 2)
		copy(s.Attributes, p.marks[:])
	}
	if s.PromptID = strings.Clone(p.id); s.PromptID == "" { // which callers keep
		s.PromptID = PromptID(s.Messages)
	}
	return true
}

// marks reads a list of as many numbers as there are attributes.
func (q *quickPairs) marks(c *cursor) ([]float64, bool) {
	if c.tag() != tagList {
		return nil, false
	}
	marks := carve(&q.arena.numbers, len(RatedAttributes))
	for k := range marks {
		var ok bool
		if marks[k], ok = c.float(); !ok {
			return nil, false
		}
	}
	return marks, !c.more()
}

// turns reads a list of messages; a text is one of role's.
func (q *quickPairs) turns(c *cursor, role string) ([]Message, bool) {
	if c.s[0] == tagText {
		turns := carve(&q.arena.messages, 1)
		text, ok := c.plain()
		turns[0] = Message{role, text}
		return turns, ok
	}
	if c.tag() != tagList {
		return nil, false
	}
	var room [8]Message
	turns := room[:0]
	for c.more() {
		m, ok := c.message()
		if !ok {
			return nil, false
		}
		turns = append(turns, m)
	}
	out := carve(&q.arena.messages, len(turns))
	copy(out, turns)
	return out, true
}

// message reads {role, content}, whatever else it has.
func (c *cursor) message() (m Message, ok bool) {
	if c.tag() != tagObject {
		return m, false
	}
	role, content := false, false
	for c.more() {
		switch c.text() {
		case "role":
			var name string
			if name, role = c.plain(); role {
				m.Role, role = roles[name]
			}
			ok = role
		case "content":
			m.Content, content = c.plain()
			ok = content
		default:
			c.skip()
			ok = true
		}
		if !ok {
			return m, false
		}
	}
	return m, role && content
}

// plain reads a value that is a text.
func (c *cursor) plain() (string, bool) {
	if c.tag() != tagText {
		return "", false
	}
	return c.text(), true
}

func (c *cursor) float() (float64, bool) {
	if c.tag() != tagFloat {
		return 0, false
	}
	return math.Float64frombits(c.word()), true
}

// skip passes over a value.
func (c *cursor) skip() {
	switch c.tag() {
	case tagInt, tagFloat:
		c.take(8)
	case tagText:
		c.text()
	case tagList:
		for c.more() {
			c.skip()
		}
	case tagObject:
		for c.more() {
			c.text()
			c.skip()
		}
	}
}
