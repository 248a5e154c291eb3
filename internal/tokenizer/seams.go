package tokenizer

import "strings"

// seams are the places that no merge of a model reaches across. A token that
// spans a place was joined exactly there by some merge, so to look at every
// merge's two parts is proof enough.
type seams struct {
	spaces bool // before a run of metaspaces
	lines  bool // before and after a run of line feeds
}

// newSeams looks for seams. A line feed may also be its byte's token.
func newSeams(merges mergePairs) seams {
	s := seams{true, true}
	for _, m := range merges {
		left, right := m[0], m[1]
		if strings.HasPrefix(right, metaspace) && !strings.HasSuffix(left, metaspace) {
			s.spaces = false
		}
		ends, begins := strings.HasSuffix(left, "\n"), strings.HasPrefix(right, "\n")
		if ends != begins || left == "<0x0A>" || right == "<0x0A>" {
			s.lines = false
		}
	}
	return s
}

// split is a splitter that cuts at the seams.
func (c seams) split(s string) int {
	for i := 1; i < len(s); i++ {
		switch {
		case c.lines && (s[i] == '\n') != (s[i-1] == '\n'):
			return i
		case c.spaces && s[i] == metaspace[0] && strings.HasPrefix(s[i:], metaspace) && !strings.HasSuffix(s[:i], metaspace):
			return i
		}
	}
	return len(s)
}
