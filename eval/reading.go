package eval

import (
	"fmt"
	"slices"
	"strings"
)

// What the built-in run is held to: a dial whose goals rank what is reached
// nearly without fault, and whose ends lie three of nine points apart.
const (
	dialSpearman = 0.9
	dialRange    = 3.0
)

// A reading is what the numbers say, in plain words. A claim is shown when its
// whole interval lies on the claim's side of zero.
type reading struct {
	Shows, DoesNot, Mind []string
}

// read turns measures into sentences. Every number in them is a measure.
func read(in Input, b book) reading {
	var r reading
	r.rewards(in.Policies, b)
	r.dials(in.Policies, b)
	r.unlearned(in.Unlearning, b)
	r.ranker(in.Policies, b)
	r.scale(in.Scales)
	r.text(in.Policies, b)
	r.steps(in.Policies, b)
	r.sampled(b)
	r.servers(in.Policies)
	r.warned(in.Curves)
	r.mind("The intervals are over held-out prompts of this one run. They say nothing about other training seeds.")
	return r
}

// servers says of responses whose ids are not those that were drawn.
func (r *reading) servers(policies []Policy) {
	if slices.ContainsFunc(policies, func(p Policy) bool { return p.Retokenised }) {
		r.mind("The servers that sampled gave text without token ids. It was tokenised again: the ids need not be those that were drawn, and have no log-probabilities.")
	}
}

// warned repeats what trainings warned of.
func (r *reading) warned(curves []Curve) {
	for _, c := range curves {
		for _, s := range c.Steps {
			for _, w := range s.Warnings {
				r.mind("Training %s, from step %d: %s.", c.Name, s.Step, w)
			}
		}
	}
}

func (r *reading) shows(format string, a ...any) {
	r.Shows = append(r.Shows, fmt.Sprintf(format, a...))
}
func (r *reading) doesNot(format string, a ...any) {
	r.DoesNot = append(r.DoesNot, fmt.Sprintf(format, a...))
}
func (r *reading) mind(format string, a ...any) { r.Mind = append(r.Mind, fmt.Sprintf(format, a...)) }

// asUsed names a policy and the goal it is asked for.
func asUsed(p Policy) string {
	if len(p.Goal) == 0 {
		return p.Name
	}
	return p.Name + " " + goalWords(p.Goal)
}

// rewards compares each policy with the first, and those asked for a goal
// with every one before them.
func (r *reading) rewards(policies []Policy, b book) {
	conditioned := 0
	for i, p := range policies {
		for j, q := range policies[:i] {
			if j == 0 || len(p.Goal) > 0 {
				r.gain(p, q, b)
			}
		}
		if len(p.Goal) > 0 {
			conditioned++
		}
	}
	if conditioned > 1 {
		r.mind("A later iteration has also trained longer: what it gains is not by itself due to fresher answers.")
	}
}

func (r *reading) gain(p, q Policy, b book) {
	name := "gain/" + p.Name + "/over-" + q.Name
	if !b.has(name, "reward/"+p.Name, "reward/"+q.Name) {
		return
	}
	m := b[name]
	who, whom := asUsed(p), asUsed(q)
	numbers := fmt.Sprintf("reward %s against %s, %s %s", two(b["reward/"+p.Name].Value), two(b["reward/"+q.Name].Value), signed(m.Value), span(m))
	switch {
	case m.Lo > 0:
		r.shows("%s is above %s: %s.", who, whom, numbers)
	case m.Hi < 0:
		r.doesNot("%s is not above %s but below it: %s.", who, whom, numbers)
	default:
		r.doesNot("%s is not told apart from %s: %s.", who, whom, numbers)
	}
}

// dials says how far each policy follows the goal: held to the mark where it
// is used with one, told in passing where not.
func (r *reading) dials(policies []Policy, b book) {
	for _, p := range policies {
		name := "goal/" + p.Name
		if !b.has(name+"/spearman", name+"/range", name+"/error") {
			continue
		}
		d := dialOf(p.groups(), 1, 0)
		low, high := d.groups[0], d.groups[len(d.groups)-1]
		rho, turn := b[name+"/spearman"], b[name+"/range"]
		numbers := fmt.Sprintf("Spearman %s over %d goals; from goal %s to goal %s the reward goes from %s to %s, %s %s",
			two(rho.Value), len(d.groups), goalNumbers(low.goal), goalNumbers(high.goal),
			two(b["reward/"+p.Name+"/"+low.name].Value), two(b["reward/"+p.Name+"/"+high.name].Value), signed(turn.Value), span(turn))
		switch {
		case len(p.Goal) == 0:
			r.mind("%s, though used without a goal, when asked for one: %s.", p.Name, numbers)
		case rho.Value >= dialSpearman && turn.Value >= dialRange:
			r.shows("%s follows the goal: %s. Its means lie %s from the goals on average.", p.Name, numbers, two(b[name+"/error"].Value))
		default:
			r.doesNot("%s does not follow the goal as it should (Spearman %s, range %s): %s.", p.Name, two(dialSpearman), number(dialRange, 0), numbers)
		}
	}
}

// unlearned compares each entry with the first, and later ones with each other.
func (r *reading) unlearned(entries []Unlearning, b book) {
	for i, u := range entries {
		for j, v := range entries[:i] {
			name := "unlearning/" + u.Name + "/over-" + v.Name
			if !b.has(name) {
				continue
			}
			m := b[name]
			numbers := fmt.Sprintf("%s %s nats an answer, over %d rejected answers that score %s or more", signed(m.Value), span(m), m.N/2, number(GoodScore, 0))
			switch {
			case j == 0 && m.Hi < 0:
				r.mind("%s unlearns good rejected answers: against %s, %s.", u.Name, v.Name, numbers)
			case j == 0:
				r.mind("%s does not unlearn good rejected answers: against %s, %s.", u.Name, v.Name, numbers)
			case m.Lo > 0:
				r.shows("%s keeps more of the good rejected answers than %s: %s.", u.Name, v.Name, numbers)
			default:
				r.doesNot("%s does not keep more of the good rejected answers than %s: %s.", u.Name, v.Name, numbers)
			}
		}
	}
}

// ranker says where the ranker stands apart from the exact rule: on answers of
// the first policy, and of the last.
func (r *reading) ranker(policies []Policy, b book) {
	for _, p := range policies {
		if p.Rule == nil {
			r.mind("The reward is the score of the ranker that also ranked the training pairs. It is no independent judge.")
			break
		}
	}
	first, last, ok := b.ends(policies, "ranker/", "/spearman")
	if !ok {
		return
	}
	before, after := "ranker/"+first.Name+"/spearman", "ranker/"+last.Name+"/spearman"
	change := "about as well as"
	switch {
	case b[after].Hi < b[before].Lo:
		change = "less than"
	case b[after].Lo > b[before].Hi:
		change = "more than"
	}
	r.mind("On answers of %s the ranker agrees with the exact rule %s on those of %s: Spearman %s %s against %s %s.",
		last.Name, change, first.Name, two(b[after].Value), span(b[after]), two(b[before].Value), span(b[before]))
	if mapped, rule := "ranker/"+last.Name, "reward/"+last.Name; b.has(mapped, rule) && b[mapped].Lo > b[rule].Hi {
		r.mind("The ranker overrates %s: %s where the rule gives %s.", asUsed(last), two(b[mapped].Value), two(b[rule].Value))
	}
}

// scale warns of scores that do not compare policies.
func (r *reading) scale(scales []Scale) {
	if len(scales) > 0 && !finite(scales[0].Low) {
		r.mind("The ranker's scores became 1–10 within each prompt: they compare a policy's answers with one another, not with those of other policies.")
	}
	if len(scales) > 0 && scales[0].Order.Pairs > 0 {
		o := scales[0].Order
		r.mind("The ranker compares the answers to a prompt with one another: its scores say nothing across prompts or policies. Of its pairs %s have another winner when read in the other order; both orders count.",
			percent(float64(o.Flipped)/float64(o.Pairs)))
	}
}

// Below these shares the text of a policy deserves a word of warning.
const (
	parseShare  = 0.9
	finishShare = 0.95
)

// text warns of goals whose answers are broken or cut.
func (r *reading) text(policies []Policy, b book) {
	for _, p := range policies {
		if low := b.below("parse/", p, parseShare); low != "" {
			r.mind("Answers of %s that parse whole: %s. There a low reward is broken text and not only poor content.", p.Name, low)
		}
		if low := b.below("finish/", p, finishShare); low != "" {
			r.mind("Answers of %s that end by themselves: %s. The others are cut at the limit.", p.Name, low)
		}
	}
}

// below lists the goals of a policy at which a rate is under a mark.
func (b book) below(rate string, p Policy, mark float64) string {
	var low []string
	for _, g := range p.groups() {
		if m, ok := b[rate+p.Name+"/"+g.name]; ok && m.Value < mark {
			low = append(low, percent(m.Value)+" "+goalWords(g.goal))
		}
	}
	return strings.Join(low, ", ")
}

// steps warns when trainings that are compared had unequal lengths.
func (r *reading) steps(policies []Policy, b book) {
	var counts []string
	equal := true
	var first float64
	for _, p := range policies {
		m, ok := b["train/"+p.Name+"/steps"]
		if !ok {
			continue
		}
		if len(counts) == 0 {
			first = m.Value
		}
		equal = equal && m.Value == first
		counts = append(counts, p.Name+" "+number(m.Value, 0))
	}
	if !equal {
		r.mind("The trainings differ in optimizer steps: %s. Comparisons between those are not at equal steps.", strings.Join(counts, ", "))
	}
}
