package demo

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
)

// Levels says how good an answer is to be at each attribute, from 0 to 1, in
// the order of [Attributes].
type Levels [5]float64

// DrawLevels draws the levels of one answer. One attribute in three takes the
// answer's shared quality, the others go their own way: an answer has a quality,
// yet each attribute can be told from the rest. Most answers are poor, so that
// there is something to learn.
func DrawLevels(rng *rand.Rand) (l Levels) {
	quality := square(rng.Float64())
	for i := range l {
		l[i] = quality
		if rng.IntN(3) > 0 {
			l[i] = square(rng.Float64())
		}
	}
	return l
}

// bend holds exponents that turn levels into chances. They set the mean marks
// of answers drawn at random: about 3.5, 7, 4.7, 5 and 4.
var bend = Levels{1.3, 0.5, 0.7, 0.7, 1}

// Write makes up an answer. A level, bent, is the chance of each single thing
// that its attribute counts.
func (r Request) Write(rng *rand.Rand, l Levels) []Sentence {
	for i := range l {
		l[i] = math.Pow(l[i], bend[i])
	}
	n := r.Sentences
	if !chance(rng, l[Exactly]) {
		n = 1 + (n+rng.IntN(2))%3 // one of the other two counts
	}
	sentences := make([]Sentence, n)
	var said []string
	for i := range sentences {
		a := r.pickAspect(rng, said, chance(rng, l[Tell]))
		said = append(said, a.name)
		sentences[i] = r.writeSentence(rng, a, l)
		if i > 0 && sentences[i].Adjective == "" && rng.IntN(2) == 0 {
			sentences[i].Entity = "" // It
		}
	}
	return sentences
}

// pickAspect chooses what the next sentence is about: on topic the first aspect
// asked for and not yet said, else any other than those asked for. It prefers
// what was not said before.
func (r Request) pickAspect(rng *rand.Rand, said []string, onTopic bool) *aspect {
	if onTopic {
		for _, name := range r.Aspects {
			if !slices.Contains(said, name) {
				return findAspect(name)
			}
		}
	}
	d, _ := findEntity(r.Entity)
	var fresh, rest []*aspect
	for i := range d.aspects {
		a := &d.aspects[i]
		switch {
		case slices.Contains(r.Aspects, a.name):
		case slices.Contains(said, a.name):
			rest = append(rest, a)
		default:
			fresh = append(fresh, a)
		}
	}
	if len(fresh) > 0 {
		return pick(rng, fresh)
	}
	return pick(rng, rest)
}

// writeSentence makes up one sentence; l holds chances.
func (r Request) writeSentence(rng *rand.Rand, a *aspect, l Levels) Sentence {
	d, _ := findEntity(r.Entity)
	s := Sentence{Entity: r.Entity, Aspect: a.name, Value: fact(r.Entity, a.name)}
	if chance(rng, l[Describe]) {
		s.Adjective = pick(rng, d.adjectives)
	}
	if chance(rng, l[Describe]) {
		s.Adverb = pick(rng, adverbs)
	}
	if !chance(rng, l[True]) {
		s.Value = a.other(rng, s.Value).text
	}
	switch {
	case chance(rng, l[Explain]):
		s.Reason = pick(rng, a.reasons(s.Value))
	case rng.IntN(2) == 0: // none
	case rng.IntN(2) == 0:
		s.Reason = pick(rng, fillers)
	default:
		s.Reason = pick(rng, a.other(rng, s.Value).reasons)
	}
	return s
}

// other draws a value of a that is not text.
func (a *aspect) other(rng *rand.Rand, text string) value {
	for {
		if v := pick(rng, a.values); v.text != text {
			return v
		}
	}
}

// Corrupt breaks an answer by one to three edits of its words: text such as a
// policy writes when training has led it astray, for a reward model that is to
// mark that down.
func Corrupt(rng *rand.Rand, answer string) string {
	words := strings.Fields(answer)
	for range 1 + rng.IntN(3) {
		if len(words) == 0 {
			break
		}
		words = edit(rng, words)
	}
	return strings.Join(words, " ")
}

// edit makes one change at a random place of words, which has at least one.
func edit(rng *rand.Rand, words []string) []string {
	at := rng.IntN(len(words))
	end := min(at+1+rng.IntN(3), len(words))
	switch span := slices.Clone(words[at:end]); rng.IntN(6) {
	case 0: // leave out
		return slices.Delete(words, at, end)
	case 1: // stutter
		return slices.Insert(words, at, slices.Repeat(span, 1+rng.IntN(3))...)
	case 2: // turn around
		slices.Reverse(words[at:end])
	case 3: // a word from elsewhere
		r := pick(rng, Requests())
		words[at] = pick(rng, strings.Fields(Text(r.Write(rng, DrawLevels(rng)))))
	case 4: // break off
		return words[:at]
	case 5: // run two sentences together, or leave the last open
		words[end-1] = strings.TrimRight(words[end-1], ".,")
	}
	return words
}

func pick[T any](rng *rand.Rand, from []T) T { return from[rng.IntN(len(from))] }

func chance(rng *rand.Rand, p float64) bool { return rng.Float64() < p }

func square(x float64) float64 { return x * x }
