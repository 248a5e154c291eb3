package demo

import "slices"

// Marks is the exact rule's word on one answer. Overall and Attributes lie in
// 1–10; Attributes are in the order of the names in [Attributes].
type Marks struct {
	Overall    float64
	Attributes [5]float64
	Sentences  int // stretches of text between full stops
	Parsed     int // of them, those in the grammar
}

// What the overall mark is made of: the attribute that the prompt's kind names,
// and each of the other four.
const (
	namedWeight = 0.40
	otherWeight = 0.15
)

// Instruction following loses this for each sentence too many, too few or not
// about the entity, and for an answer that was cut off.
const slip = 4.5

// Score marks an answer to a demo prompt. Finished says that the policy ended
// the answer itself and was not cut off. Only a prompt from outside the world
// is an error; an empty answer is all ones.
func Score(prompt, answer string, finished bool) (Marks, error) {
	r, err := ParseRequest(prompt)
	if err != nil {
		return Marks{}, err
	}
	sentences, total := Parse(answer)
	m := Marks{Overall: 1, Attributes: [5]float64{1, 1, 1, 1, 1}, Sentences: total, Parsed: len(sentences)}
	if total == 0 {
		return m, nil
	}
	t := r.count(sentences)
	n := float64(total)
	slips := abs(total-r.Sentences) + total - t.good
	if !finished {
		slips++
	}
	m.Attributes = [5]float64{
		1 + 9*min(1, float64(t.descriptive)/(2*n)),
		max(1, 10-slip*float64(slips)),
		1 + 9*float64(t.honest)/n,
		1 + 9*float64(t.covered)/float64(len(r.Aspects)),
		1 + 9*float64(t.reasoned)/n,
	}
	m.Overall = r.Kind.weigh(m.Attributes)
	return m, nil
}

// weigh is the overall mark: the weighted mean with the kind's own attribute
// first among the five.
func (k Kind) weigh(attributes [5]float64) float64 {
	var sum float64
	for _, a := range attributes {
		sum += otherWeight * a
	}
	return sum + (namedWeight-otherWeight)*attributes[k]
}

// A tally counts over the sentences of an answer.
type tally struct {
	good        int // about the entity asked for
	descriptive int // adjectives and adverbs in them
	honest      int // true ones of them
	reasoned    int // of them, those whose reason fits their value
	covered     int // aspects asked for that they name
}

// count tallies sentences. It stands for the last entity named, at first for
// the one asked about.
func (r Request) count(sentences []Sentence) (t tally) {
	d, _ := findEntity(r.Entity)
	subject := r.Entity
	named := map[string]bool{}
	for _, s := range sentences {
		if s.Entity != "" {
			subject = s.Entity
		}
		if subject != r.Entity || d.index(s.Aspect) < 0 {
			continue
		}
		t.good++
		t.descriptive += one(s.Adjective != "") + one(s.Adverb != "")
		t.honest += one(s.Value == fact(r.Entity, s.Aspect))
		t.reasoned += one(slices.Contains(findAspect(s.Aspect).reasons(s.Value), s.Reason))
		if slices.Contains(r.Aspects, s.Aspect) && !named[s.Aspect] {
			named[s.Aspect] = true
			t.covered++
		}
	}
	return t
}

func one(b bool) int {
	if b {
		return 1
	}
	return 0
}

func abs(n int) int { return max(n, -n) }
