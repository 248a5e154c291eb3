package sampler

import (
	"strings"

	"radpo/internal/tokenizer"
)

// A reader turns a response's tokens into text as they arrive and looks for
// stop strings in it. Text that may become one is held back.
type reader struct {
	stream *tokenizer.Stream
	stops  []string
	held   string
}

// add takes a token and returns the text that is certain now, and the stop
// string that ended it, if one did.
func (r *reader) add(id int32) (text, stop string) { return r.take(r.stream.Push(id)) }

// end returns the text that is left at the end of a response.
func (r *reader) end() (text, stop string) {
	text, stop = r.take(r.stream.Flush())
	if stop == "" {
		text += r.held
	}
	return text, stop
}

func (r *reader) take(more string) (text, stop string) {
	all := r.held + more
	if at, stop := first(all, r.stops); stop != "" {
		return all[:at], stop
	}
	safe := len(all) - partial(all, r.stops)
	r.held = all[safe:]
	return all[:safe], ""
}

// first is the one of stops that begins earliest in text, and where, or "" and
// the text's end.
func first(text string, stops []string) (at int, stop string) {
	at = len(text)
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && i < at {
			at, stop = i, s
		}
	}
	return at, stop
}

// partial is how long an end of text begins one of stops.
func partial(text string, stops []string) int {
	longest := 0
	for _, s := range stops {
		for n := min(len(s)-1, len(text)); n > longest; n-- {
			if strings.HasSuffix(text, s[:n]) {
				longest = n
			}
		}
	}
	return longest
}
