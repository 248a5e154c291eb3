package tokenizer

import "unicode/utf8"

// A splitter returns the length of the first word of s. s is valid UTF-8 and
// not empty; what follows the word may decide where it ends.
type splitter func(s string) int

// The patterns that byte-level tokenizers split by, as tokenizer.json writes
// them. RE2 has no lookahead, and a backtracking engine costs more than all
// the rest of encoding, so each is a scanner known by its text.
const (
	gpt2Pattern   = `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`
	llama3Pattern = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
	qwen2Pattern  = `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
)

// patterns holds every known pattern; cl100k's is Llama 3's.
var patterns = map[string]func() splitter{
	gpt2Pattern: newGPT2Splitter,
	`'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`: newGPT2Splitter,
	llama3Pattern: func() splitter { return newScanner(3).split },
	qwen2Pattern:  func() splitter { return newScanner(1).split },
}

// wholeText is the splitter that does not split.
func wholeText(s string) int { return len(s) }

// A scanner splits by Llama 3's pattern or one that differs only in how many
// digits go together.
type scanner struct {
	classes *[utf8.MaxRune + 1]class
	digits  int  // the most in a word
	lines   bool // a run of white space ends after its last line break
}

func newScanner(digits int) *scanner { return &scanner{classes(), digits, true} }

func (c *scanner) split(s string) int {
	if s[0] == '\'' {
		if n := contraction(s, true); n > 0 {
			return n
		}
	}
	first, n := c.at(s, 0)
	switch first {
	case letter:
		return c.run(s, n, letter)
	case number:
		for range c.digits - 1 {
			if next, size := c.at(s, n); next == number {
				n += size
			}
		}
		return n
	case newline:
		return c.spaces(s)
	}
	next, size := c.at(s, n)
	switch {
	case next == letter:
		return c.run(s, n+size, letter)
	case first == other:
		return c.run(s, c.run(s, n, other), newline)
	case s[0] == ' ' && next == other:
		return c.run(s, c.run(s, n+size, other), newline)
	}
	return c.spaces(s)
}

// at is the class and length of the code point at s[i:]. The end of s is of
// class space, size 0: no alternative goes on past it.
func (c *scanner) at(s string, i int) (class, int) {
	if i == len(s) {
		return space, 0
	}
	if b := s[i]; b < utf8.RuneSelf {
		return c.classes[b], 1
	}
	r, n := utf8.DecodeRuneInString(s[i:])
	return c.classes[r], n
}

// run is the end of the run of want that begins at or before i.
func (c *scanner) run(s string, i int, want class) int {
	for i < len(s) {
		if b := s[i]; b < utf8.RuneSelf {
			if c.classes[b] != want {
				return i
			}
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if c.classes[r] != want {
			return i
		}
		i += n
	}
	return i
}

// spaces is `\s*[\r\n]+|\s+(?!\S)|\s+` on a run of white space, the first part only
// with lines: up to its last line break; without one all of it at the end of
// the text, else all but the last code point, but at least one.
func (c *scanner) spaces(s string) int {
	end, last, afterBreak := 0, 0, 0
	for end < len(s) {
		k, n := c.at(s, end)
		if k != space && k != newline {
			break
		}
		last = end
		end += n
		if k == newline && c.lines {
			afterBreak = end
		}
	}
	switch {
	case afterBreak > 0:
		return afterBreak
	case end == len(s) || last == 0:
		return end
	}
	return last
}

// gpt2 splits by GPT-2's pattern: only a space joins what follows, and line
// breaks are white space like any other.
type gpt2 struct{ scanner }

func newGPT2Splitter() splitter { return (&gpt2{scanner{classes: classes()}}).split }

func (g *gpt2) split(s string) int {
	if s[0] == '\'' {
		if n := contraction(s, false); n > 0 {
			return n
		}
	}
	k, n := g.at(s, 0)
	if s[0] == ' ' && len(s) > 1 {
		k, n = g.at(s, 1)
		n++
	}
	if k == letter || k == number || k == other {
		return g.run(s, n, k)
	}
	return g.spaces(s)
}

// contraction is the length of `'s|'t|'re|'ve|'m|'ll|'d` at s, or 0. Folding
// case, the reference also takes U+017F for s.
func contraction(s string, fold bool) int {
	lower := func(i int) byte {
		if i >= len(s) {
			return 0
		}
		if b := s[i]; fold && 'A' <= b && b <= 'Z' {
			return b + 'a' - 'A'
		}
		return s[i]
	}
	switch lower(1) {
	case 's', 't', 'm', 'd':
		return 2
	case 'r', 'v':
		if lower(2) == 'e' {
			return 3
		}
	case 'l':
		if lower(2) == 'l' {
			return 3
		}
	case 0xC5:
		if fold && lower(2) == 0xBF {
			return 3
		}
	}
	return 0
}
