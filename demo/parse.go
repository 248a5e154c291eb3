package demo

import (
	"slices"
	"strings"
	"sync"
)

// Parse reads an answer: total counts its stretches of text between full stops,
// and sentences holds, in order, those that are in the grammar. Anything is
// accepted; text after the last full stop is a stretch that does not parse.
//
// Parse inverts [Text]: the sentences of a text written by it come back equal.
func Parse(answer string) (sentences []Sentence, total int) {
	for answer != "" {
		body, rest, ended := strings.Cut(answer, ".")
		answer = rest
		body = strings.TrimSpace(body)
		if body == "" {
			continue
		}
		total++
		if s, ok := parseSentence(body); ok && ended {
			sentences = append(sentences, s)
		}
	}
	return sentences, total
}

// parseSentence reads one sentence without its full stop: a subject, perhaps an
// adverb, a claim, perhaps a reason, each a phrase of the grammar in full.
func parseSentence(body string) (s Sentence, ok bool) {
	g := phrases()
	body, reason, reasoned := strings.Cut(body, ", because ")
	if reasoned && !g.reasons[reason] {
		return s, false
	}
	s, claim, ok := g.cutSubject(body)
	if !ok {
		return s, false
	}
	if word, rest, _ := strings.Cut(claim, " "); slices.Contains(adverbs, word) {
		s.Adverb, claim = word, rest
	}
	c, ok := g.claims[claim]
	if !ok {
		return s, false
	}
	s.Aspect, s.Value, s.Reason = c.Aspect, c.Value, reason
	d, _ := findEntity(s.Entity)
	return s, s.Entity == "" || d.index(s.Aspect) >= 0 // the lemon eats nothing
}

// A grammar holds every phrase that can stand in a sentence, with what it says.
type grammar struct {
	subjects map[string]Sentence // with the space that follows
	claims   map[string]Sentence // verb and value
	reasons  map[string]bool
}

var phrases = sync.OnceValue(func() grammar {
	g := grammar{subjects: map[string]Sentence{"It ": {}}, claims: map[string]Sentence{}, reasons: map[string]bool{}}
	for _, r := range fillers {
		g.reasons[r] = true
	}
	for i := range world {
		g.add(&world[i])
	}
	return g
})

func (g grammar) add(d *domain) {
	for _, e := range d.entities {
		for _, adjective := range append([]string{""}, d.adjectives...) {
			s := Sentence{Entity: e.name, Adjective: adjective}
			g.subjects[s.subject()+" "] = s
		}
	}
	for _, a := range d.aspects {
		for _, v := range a.values {
			g.claims[a.verb+" "+v.text] = Sentence{Aspect: a.name, Value: v.text}
			for _, r := range v.reasons {
				g.reasons[r] = true
			}
		}
	}
}

// cutSubject finds the subject that text opens with, and what follows it.
func (g grammar) cutSubject(text string) (s Sentence, rest string, ok bool) {
	for phrase, s := range g.subjects {
		if rest, ok := strings.CutPrefix(text, phrase); ok {
			return s, rest, true
		}
	}
	return s, text, false
}
