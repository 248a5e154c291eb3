package demo

import "strings"

// A Sentence is one statement of an answer. The zero value of an optional part
// means that it is absent.
type Sentence struct {
	Entity    string // "" for It, which stands for the last entity named
	Adjective string // optional; never with It
	Adverb    string // optional
	Aspect    string
	Value     string
	Reason    string // optional
}

// String is the sentence's text with its full stop: "The quiet fox clearly
// eats mice, because it hunts at dusk."
func (s Sentence) String() string {
	var b strings.Builder
	b.WriteString(s.subject())
	if s.Adverb != "" {
		b.WriteString(" " + s.Adverb)
	}
	b.WriteString(" " + findAspect(s.Aspect).verb + " " + s.Value)
	if s.Reason != "" {
		b.WriteString(", because " + s.Reason)
	}
	b.WriteByte('.')
	return b.String()
}

// subject is "It", "The fox", "The quiet fox", "Rome" or "The old city of Rome".
func (s Sentence) subject() string {
	if s.Entity == "" {
		return "It"
	}
	d, _ := findEntity(s.Entity)
	if s.Adjective != "" {
		return "The " + s.Adjective + " " + d.prefix + s.Entity
	}
	if d.article != "" {
		return "The " + s.Entity
	}
	return s.Entity
}

// Text joins sentences to an answer.
func Text(sentences []Sentence) string {
	parts := make([]string, len(sentences))
	for i, s := range sentences {
		parts[i] = s.String()
	}
	return strings.Join(parts, " ")
}
