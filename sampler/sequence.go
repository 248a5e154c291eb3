package sampler

import (
	"fmt"
	"slices"
)

// take adds a drawn token, and ends the sequence where that is its last.
func (q *sequence) take(t Token) {
	if t.ID < 0 {
		q.finish(Event{Err: fmt.Errorf("%s: the logits of response token %d are not finite: the model's weights or its dtype are at fault", q.Name, len(q.ids))})
		return
	}
	q.ids = append(q.ids, t.ID)
	e := Event{Sample: q.number, Token: t, New: true}
	switch {
	case slices.Contains(q.Options.Stop, int(t.ID)):
		q.end(e, FinishStop)
		return
	case q.reader != nil:
		if len(q.ids) > q.MinTokens {
			q.reader.stops = q.StopStrings
		}
		if e.Text, e.StopString = q.reader.add(t.ID); e.StopString != "" {
			e.Finish = FinishString
			q.finish(e)
			return
		}
	}
	if len(q.ids) == q.limit {
		q.end(e, FinishLength)
		return
	}
	q.sink(e)
}

// end finishes with what text is left, in which a stop string may still come up.
func (q *sequence) end(e Event, why Finish) {
	e.Finish = why
	if q.reader != nil {
		text, stop := q.reader.end()
		if e.Text += text; stop != "" {
			e.Finish, e.StopString = FinishString, stop
		}
	}
	q.finish(e)
}

func (q *sequence) finish(e Event) {
	e.Sample, q.over = q.number, true
	q.sink(e)
}

// settle tells how likely the prompt is, once that is known, and ends a
// response that wants no token.
func (q *sequence) settle() {
	if q.cached < q.shared() {
		return
	}
	if q.Prompts && !q.told {
		q.told = true
		q.sink(Event{Sample: q.number, Prompt: q.scored})
	}
	if q.limit == 0 && !q.over {
		q.finish(Event{Finish: FinishLength})
	}
}
