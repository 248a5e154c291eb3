package pipeline

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// A tokenPrinter lays tokens out as lines of text·id.
type tokenPrinter struct {
	tokens *tokenizer.Tokenizer
	colour bool
}

// find tells the role of the bytes from … to of what ids spell: that of the
// message whose content they are part of, else the template's.
func (p *tokenPrinter) find(ids []int32, messages []table.Message) func(from, to int) string {
	var b strings.Builder
	for _, id := range ids {
		b.WriteString(p.tokens.Piece(id))
	}
	whole := b.String()
	type span struct {
		from, to int
		role     string
	}
	var spans []span
	at := 0
	for _, m := range messages {
		content := strings.TrimSpace(m.Content) // as most templates have it
		start := strings.Index(whole[at:], content)
		if start < 0 || content == "" {
			continue
		}
		spans = append(spans, span{at + start, at + start + len(content), m.Role})
		at += start + len(content)
	}
	return func(from, to int) string {
		for _, s := range spans {
			if from < s.to && to > s.from {
				return s.role
			}
		}
		return "template"
	}
}

// columns is the width that lines of tokens are broken at.
const columns = 100

// passage prints tokens, a new line where the role changes.
func (p *tokenPrinter) passage(w io.Writer, ids []int32, role func(from, to int) string) {
	at, width, last := 0, 0, ""
	for _, id := range ids {
		piece := p.tokens.Piece(id)
		now := role(at, at+len(piece))
		at += len(piece)
		shown, number := visible(piece), fmt.Sprint("·", id)
		long := utf8.RuneCountInString(shown) + len(number)
		switch {
		case now != last:
			if last != "" {
				fmt.Fprintln(w)
			}
			fmt.Fprintf(w, "  %-9s", now)
			width = 0
		case width+long > columns:
			fmt.Fprintf(w, "\n  %-9s", "")
			width = 0
		}
		fmt.Fprint(w, "  ", p.paint(hues[now], shown), p.paint(faint, number))
		width, last = width+long+2, now
	}
	if last != "" {
		fmt.Fprintln(w)
	}
}

// Terminal colours: those that are trained on bold.
const faint = "2"

var hues = map[string]string{
	"template": "33", "system": "35", "user": "36", "prompt": "36", "assistant": "34",
	"chosen": "1;32", "rejected": "1;31", "response": "32",
}

func (p *tokenPrinter) paint(hue, text string) string {
	if !p.colour || hue == "" {
		return text
	}
	return "\x1b[" + hue + "m" + text + "\x1b[0m"
}

// visible is a token's text with its blanks to be seen, and what cannot be
// printed, such as a part of a character, by its number.
func visible(piece string) string {
	var b strings.Builder
	for i := 0; i < len(piece); {
		r, n := utf8.DecodeRuneInString(piece[i:])
		switch {
		case r == ' ':
			b.WriteRune('␣')
		case r == '\n':
			b.WriteRune('⏎')
		case r == '\t':
			b.WriteRune('⇥')
		case n == 1 && (r == utf8.RuneError || !unicode.IsPrint(r)):
			fmt.Fprintf(&b, "<%02X>", piece[i])
		case !unicode.IsPrint(r):
			fmt.Fprintf(&b, "<%U>", r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}
