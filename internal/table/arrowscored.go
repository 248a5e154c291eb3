package table

import (
	"strings"
	"unicode/utf8"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
)

// A quickPairs reads scored pairs straight from Arrow's columns, several times
// faster than by way of values of any type. It knows plain columns alone: what
// is of another type, null or at fault it leaves to the layout's parse, which
// says what a row means. Texts are the batch's own bytes and keep it alive.
type quickPairs struct {
	layout layout
	rec    arrow.Record // the batch that cols are of
	cols   *pairArrays  // nil: they are not known here
	arena  arena
}

// pairArrays are the columns of a batch of pairs; nil where the file has none.
type pairArrays struct {
	prompt, chosen, rejected *turnArray
	id                       *array.String
	scores                   [2]*array.Float64
	marks                    [2]*markArray
}

// A turnArray is a column of texts, or one of lists of messages.
type turnArray struct {
	texts         *array.String
	lists         *array.List
	role, content *array.String // of lists
}

// A markArray is a column of lists of numbers.
type markArray struct {
	lists   *array.List
	numbers *array.Float64
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

// read reads row i of a batch; false: the layout has to.
func (q *quickPairs) read(rec arrow.Record, i int, s *Scored) (ok bool) {
	defer func() {
		if recover() != nil { // the layout's parse comes upon it too and names it
			ok = false
		}
	}()
	if q.rec != rec {
		q.rec, q.cols = rec, pairArraysOf(rec, q.layout.name)
	}
	return q.cols != nil && q.cols.read(i, s, &q.arena)
}

// pairArraysOf finds a layout's columns in a batch; nil if one is not as it is
// known here.
func pairArraysOf(rec arrow.Record, layout string) *pairArrays {
	scores, marks := [2]string{"score_chosen", "score_rejected"}, [2]string{}
	switch layout {
	case preprocessedLayout:
		scores = [2]string{"overall_score_chosen", "overall_score_rejected"}
		marks = [2]string{"fine_grain_score_chosen", "fine_grain_score_rejected"}
	case scoredPairLayout:
	default:
		return nil
	}
	c := new(pairArrays)
	ok := turnsIn(rec, "prompt", &c.prompt) && turnsIn(rec, "chosen", &c.chosen) && turnsIn(rec, "rejected", &c.rejected) && columnIn(rec, "prompt_id", &c.id)
	for k := range 2 {
		ok = ok && columnIn(rec, scores[k], &c.scores[k]) && marksIn(rec, marks[k], &c.marks[k])
	}
	if !ok || c.chosen == nil || c.rejected == nil || c.scores[0] == nil || c.scores[1] == nil || (c.marks[0] == nil) != (c.marks[1] == nil) {
		return nil
	}
	return c
}

// columnIn finds a column of type A, or none; false if it is of another type.
func columnIn[A arrow.Array](rec arrow.Record, name string, to *A) (ok bool) {
	at := rec.Schema().FieldIndices(name)
	if len(at) == 0 {
		return true
	}
	*to, ok = rec.Column(at[0]).(A)
	return ok
}

func turnsIn(rec arrow.Record, name string, to **turnArray) bool {
	var column arrow.Array
	columnIn(rec, name, &column)
	switch column := column.(type) {
	case nil:
		return true
	case *array.String:
		*to = &turnArray{texts: column}
		return true
	case *array.List:
		turns, ok := column.ListValues().(*array.Struct)
		if !ok || turns.NullN() > 0 {
			return false
		}
		t := &turnArray{lists: column}
		for k, f := range turns.DataType().(*arrow.StructType).Fields() {
			text, _ := turns.Field(k).(*array.String)
			switch f.Name {
			case "role":
				t.role = text
			case "content":
				t.content = text
			}
		}
		*to = t
		return t.role != nil && t.content != nil && t.role.NullN()+t.content.NullN() == 0
	}
	return false
}

func marksIn(rec arrow.Record, name string, to **markArray) bool {
	var lists *array.List
	if !columnIn(rec, name, &lists) || lists == nil {
		return lists == nil
	}
	numbers, ok := lists.ListValues().(*array.Float64)
	*to = &markArray{lists, numbers}
	return ok && numbers.NullN() == 0
}

// read is what [layout.read] makes of row i, or false.
func (c *pairArrays) read(i int, s *Scored, from *arena) bool {
	chosen, ok1 := c.chosen.turns(i, "assistant", from)
	rejected, ok2 := c.rejected.turns(i, "assistant", from)
	if !ok1 || !ok2 || c.scores[0].IsNull(i) || c.scores[1].IsNull(i) {
		return false
	}
	p := Pair{}
	var prompt []Message
	if c.prompt != nil {
		var ok bool
		if prompt, ok = c.prompt.turns(i, "user", from); !ok {
			return false
		}
		if c.prompt.texts != nil {
			if _, err := lastUser(prompt); err != nil {
				return false
			}
		}
	}
	if p.setTurns(prompt, chosen, rejected) != nil {
		return false
	}
	s.Messages, s.Responses, s.Scores = p.Messages, carve(&from.texts, 2), carve(&from.numbers, 2)
	s.Responses[0], s.Responses[1] = p.Chosen, p.Rejected
	s.Scores[0], s.Scores[1] = c.scores[0].Value(i), c.scores[1].Value(i)
	return c.readMarks(i, s, from) && c.readID(i, s)
}

func (c *pairArrays) readMarks(i int, s *Scored, from *arena) bool {
	if c.marks[0] == nil {
		return true
	}
	s.Names, s.Attributes = RatedAttributes, carve(&from.lists, 2)
	for k, m := range c.marks {
		begin, end := m.lists.ValueOffsets(i)
		if m.lists.IsNull(i) || end-begin != int64(len(RatedAttributes)) {
			return false
		}
		s.Attributes[k] = carve(&from.numbers, len(RatedAttributes))
		copy(s.Attributes[k], m.numbers.Float64Values()[begin:end])
	}
	return true
}

func (c *pairArrays) readID(i int, s *Scored) bool {
	if c.id != nil {
		id, ok := textAt(c.id, i)
		if !ok {
			return false
		}
		s.PromptID = strings.Clone(id) // which callers keep
	}
	if s.PromptID == "" {
		s.PromptID = PromptID(s.Messages)
	}
	return true
}

// turns are the messages of row i; a text is one of role's.
func (t *turnArray) turns(i int, role string, from *arena) (turns []Message, ok bool) {
	if t.texts != nil {
		text, ok := textAt(t.texts, i)
		turns = carve(&from.messages, 1)
		turns[0] = Message{role, text}
		return turns, ok
	}
	begin, end := t.lists.ValueOffsets(i)
	if t.lists.IsNull(i) || begin > end || end-begin > maxTurns {
		return nil, false
	}
	turns = carve(&from.messages, int(end-begin))
	for k := range turns {
		role, known := roles[t.role.Value(int(begin)+k)]
		content, fine := textAt(t.content, int(begin)+k)
		if !known || !fine {
			return nil, false
		}
		turns[k] = Message{role, content}
	}
	return turns, true
}

// maxTurns and maxText are what a row is read of that is not counted against a
// budget: maxTurns texts of a row's columns are below what a row may hold.
const (
	maxTurns = 64
	maxText  = maxRowBytes / (3*maxTurns + 1)
)

func textAt(a *array.String, i int) (string, bool) {
	if a.IsNull(i) {
		return "", false
	}
	s := a.Value(i)
	return s, len(s) <= maxText && utf8.ValidString(s)
}
