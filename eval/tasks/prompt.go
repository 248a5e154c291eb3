package tasks

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"radpo/internal/table"
)

// A Set is a file of a task's items.
type Set struct {
	Task
	Subset   string
	Items    []Item
	Examples []Item // to draw shots from
}

// Shown draws n examples for each item, in order: the first n, or with the
// harness's draws of seed.
func (s Set) Shown(n int, seed uint32) ([][]Item, error) {
	if n > len(s.Examples) {
		return nil, fmt.Errorf("%s: %d examples are wanted and there are %d: give a file of more, or show fewer", s.Subset, n, len(s.Examples))
	}
	random := newRandom(seed)
	out := make([][]Item, len(s.Items))
	for i := range out {
		if s.First || n == 0 {
			out[i] = s.Examples[:n]
			continue
		}
		for _, k := range random.sample(len(s.Examples), n) {
			out[i] = append(out[i], s.Examples[k])
		}
	}
	return out, nil
}

// system is what stands before all examples, system's own text first.
func (s Set) system(system string) string {
	description := ""
	if s.describes != nil {
		description = s.describes(s.Subset)
	}
	if system == "" || description == "" || isSpace(lastRune(system)) || isSpace(firstRune(description)) {
		return system + description
	}
	return system + "\n\n" + description
}

func firstRune(s string) rune { r, _ := utf8.DecodeRuneInString(s); return r }

func lastRune(s string) rune { r, _ := utf8.DecodeLastRuneInString(s); return r }

// Context is the text behind which an item is answered. No line stands between
// a description and what follows.
func (s Set) Context(system string, shown []Item, i Item) string {
	var b strings.Builder
	b.WriteString(s.system(system))
	for _, e := range shown {
		if b.WriteString(e.Question); e.Answer != "" { // without one the harness sets nothing behind the question
			b.WriteString(" " + e.Answer + "\n\n")
		}
	}
	b.WriteString(i.Question)
	return b.String()
}

// Messages are the same as a conversation, of which each example is two turns.
func (s Set) Messages(system string, shown []Item, i Item) []table.Message {
	var out []table.Message
	if text := s.system(system); text != "" {
		out = append(out, table.Message{Role: "system", Content: text})
	}
	for _, e := range shown {
		if out = append(out, table.Message{Role: "user", Content: e.Question}); e.Answer != "" {
			out = append(out, table.Message{Role: "assistant", Content: e.Answer})
		}
	}
	return append(out, table.Message{Role: "user", Content: i.Question})
}

// Continuations are the choices as they stand behind a context: after a space,
// or at once where a chat template has begun the answer.
func (i Item) Continuations(chat bool) []string {
	out := make([]string, len(i.Choices))
	for k, c := range i.Choices {
		if out[k] = c; !chat {
			out[k] = " " + c
		}
	}
	return out
}

// Split encodes a context with what continues it. White space at the context's
// end goes over to the continuation, and the continuation's ids are what the
// whole text has behind the context's. The first of prefix, BOS or else EOS,
// stands for an empty context.
func Split(encode func(string) []int32, prefix []int, context, continuation string) (before, behind []int32) {
	if context == "" && len(prefix) > 0 {
		if behind = encode(continuation); len(behind) > 0 && int(behind[0]) == prefix[0] {
			return behind[:1], behind[1:]
		}
		return []int32{int32(prefix[0])}, behind
	}
	before = encode(strings.TrimRightFunc(context, isSpace))
	whole := encode(context + continuation)
	return before, whole[min(len(before), len(whole)):]
}
