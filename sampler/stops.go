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

// add takes a token and returns the text that is certain now, and whether a
// stop string ended it.
func (r *reader) add(id int32) (text string, stopped bool) { return r.take(r.stream.Push(id)) }

// end returns the text that is left at the end of a response.
func (r *reader) end() (text string, stopped bool) {
	text, stopped = r.take(r.stream.Flush())
	if !stopped {
		text += r.held
	}
	return text, stopped
}

func (r *reader) take(more string) (text string, stopped bool) {
	all := r.held + more
	if at := first(all, r.stops); at >= 0 {
		return all[:at], true
	}
	safe := len(all) - partial(all, r.stops)
	r.held = all[safe:]
	return all[:safe], false
}

// first is where the earliest of stops begins in text, or -1.
func first(text string, stops []string) int {
	at := -1
	for _, s := range stops {
		if i := strings.Index(text, s); i >= 0 && (at < 0 || i < at) {
			at = i
		}
	}
	return at
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
