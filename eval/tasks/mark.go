package tasks

import (
	"math"
	"regexp"
	"strings"
	"unicode/utf8"
)

// A Ranking is what log-likelihoods make of an item's choices.
type Ranking struct {
	Pick     int                // the likeliest choice
	PickNorm int                // the likeliest by character
	Values   map[string]float64 // acc and acc_norm, or mc2
}

// Rank marks an item by the log-likelihood of each choice, in nats. The first
// of equals is picked.
func (i Item) Rank(ll []float64) Ranking {
	norm := make([]float64, len(ll))
	for k, x := range ll {
		norm[k] = x / float64(utf8.RuneCountInString(i.Choices[k]))
	}
	r := Ranking{Pick: argmax(ll), PickNorm: argmax(norm)}
	if i.True != nil {
		r.Values = map[string]float64{"mc2": i.mass(ll)}
	} else {
		r.Values = map[string]float64{"acc": one(r.Pick == i.Gold), "acc_norm": one(r.PickNorm == i.Gold)}
	}
	return r
}

// mass is the share of probability that the true choices have.
func (i Item) mass(ll []float64) float64 {
	most := ll[argmax(ll)]
	var all, right float64
	for k, x := range ll {
		p := math.Exp(x - most)
		if all += p; i.True[k] {
			right += p
		}
	}
	return right / all
}

func argmax(x []float64) int {
	best := 0
	for k := range x {
		if x[k] > x[best] {
			best = k
		}
	}
	return best
}

func one(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// invalid stands for an answer in which no number was found.
const invalid = "[invalid]"

// flexible finds numbers anywhere.
var flexible = regexp.MustCompile(`(-?[$0-9.,]{2,})|(-?[0-9]+)`)

// A Marking is what is read out of a generated answer.
type Marking struct {
	Strict, Flexible string // numbers, or [invalid]
	Values           map[string]float64
}

// Mark compares the numbers in an answer with the item's: the first in the
// form that the task asks for, and the last of any form.
func (t Task) Mark(i Item, text string) Marking {
	m := Marking{Strict: invalid, Flexible: invalid}
	if found := regexp.MustCompile(t.strict).FindStringSubmatch(text); found != nil {
		m.Strict = strings.TrimFunc(found[1], isSpace)
	}
	if found := flexible.FindAllString(text, -1); found != nil {
		m.Flexible = strings.TrimFunc(found[len(found)-1], isSpace)
	}
	want := plain(i.Answer)
	m.Values = map[string]float64{
		"exact_match/strict-match":     one(plain(m.Strict) == want),
		"exact_match/flexible-extract": one(plain(m.Flexible) == want),
	}
	return m
}

var (
	reasoning = regexp.MustCompile(`(?s).*#### `)
	lastDot   = regexp.MustCompile(`\.(\n?)\z`) // Python's $ also stands before a last line break
)

// plain is an answer as it is compared: without commas, dollars, reasoning and
// a last dot, in lower case.
func plain(s string) string {
	s = strings.NewReplacer(",", "", "$", "").Replace(s)
	return strings.ToLower(lastDot.ReplaceAllString(reasoning.ReplaceAllString(s, ""), "$1"))
}
