package eval

import (
	"fmt"
	"strings"
)

// studyGoals are the goals of the built-in task, by name.
var studyGoals = []string{"no-goal", "goal-2", "goal-4", "goal-6", "goal-8", "goal-10"}

const highest = "goal-10"

// VariantsPage puts the paper's variants of data beside each other (its Tables
// 5, 6 and 8), and the loop's second iteration beside its first.
func VariantsPage(o Outcomes, source string, settings any) (Page, Result, []Item) {
	base, plain := Subject{Label: "base", Arm: "ra", Policy: "base"}, Subject{Label: "plain DPO", Arm: "ra", Policy: "plain-1"}
	ra := Subject{"RA", "ra", "iter-1", true}
	plus, half := Subject{"RA+", "ra-plus", "iter-1", true}, Subject{"half-RA: half of the prompts", "half-ra", "iter-1", true}
	rows := Subject{"RA on half of the pairs", "ra-one-pair", "iter-1", true}
	ira := Subject{"IRA", "ira", "iter-1", true}
	second, same := Subject{"RA, iteration 2", "ra", "iter-2", true}, Subject{"RA, iteration 2 on iteration 1's rows", "same-data", "iter-2", true}
	all := []Subject{base, plain, ra, plus, half, rows, ira, second, same}

	p := Page{Name: "variants", Title: "Variants of preference data, and the loop", Lead: o.lead(source)}
	used := func(s Subject) measure { return s.used("reward", highest) }
	width := func(s Subject) measure { return s.at("goal", "range") }
	p.Claims = []Claim{
		o.over(ra.at("goal", "spearman")).atLeast("RA follows the goal: Spearman of goal and mean reward is at least 0.9", dialSpearman, false),
		o.over(width(ra)).claim("RA's reward at goal 10 is above that at goal 2 by at least 2", 2, false),
		o.less(used(ra), used(base)).claim("RA at goal 10 is above base", 0, false),
		o.less(used(second), used(base)).claim("RA at goal 10 after iteration 2 is above base", 0, false),
		o.less(width(ra), width(plus)).claim("RA+, which never sees a low answer preferred, turns less with the goal than RA", 0, false),
		o.over(measure{"ra", "unlearning/ra/over-plain"}).claim("RA keeps more log-probability of well-scored rejected answers than plain DPO (nats, training pairs)", 0, false),
		o.less(used(second), used(ra)).claim("Iteration 2 raises the reward at goal 10 over iteration 1", 0, true),
		o.less(used(second), used(same)).claim("Fresh samples in iteration 2 beat as many epochs on iteration 1's rows", 0, true),
		o.less(used(ra), used(plain)).claim("RA at goal 10 beats plain DPO", 0, true),
		o.less(used(half), used(plain)).claim("half-RA, with as many rows as plain DPO, beats it", 0, true),
		o.less(used(rows), used(plain)).claim("RA on half of the pairs, as many rows as plain DPO, beats it", 0, true),
		o.less(used(ira), used(plain)).claim("IRA beats plain DPO", 0, true),
		o.less(used(ira), used(ra)).claim("IRA beats RA", 0, true),
		o.less(used(plus), used(ra)).claim("RA+ is enough where the ranker is strong: at goal 10 above RA", 0, true),
	}
	dial := Table{Title: "The dial", Head: []string{"policy", "Spearman", "10 − 2"}}
	text := Table{Title: "Is it still text, and does the ranker still know?", Note: "Shares of answers that end and that parse whole; Spearman of ranker and exact rule over answers; optimizer steps.",
		Head: []string{"policy", "ends", "parses", "parses at goal 2", "ranker", "steps"}}
	for _, s := range all {
		dial.row(s.Label, o.over(s.at("goal", "spearman")).String(), o.over(s.at("goal", "range")).String())
		text.row(s.Label, o.over(s.at("finish", "")).String(), o.over(s.at("parse", "")).String(), o.over(s.at("parse", "goal-2")).String(),
			o.over(s.at("ranker", "spearman")).String(), o.over(s.at("train", "steps")).String())
	}
	lost := Table{Title: "Log-probability of rejected training answers with a score of at least 5 (nats an answer)", Head: []string{"policy", "log π"}}
	for _, e := range [][2]string{{"base", "base"}, {"plain DPO", "plain"}, {"RA at the answer's own score", "ra"}} {
		lost.row(e[0], o.over(measure{"ra", "unlearning/" + e[1] + "/rejected_logp"}).String())
	}
	p.Tables = []Table{o.goalsTable("Reward by goal asked", "The exact rule's, 1–10.", "reward", studyGoals, all), dial, lost, text}
	p.Notes = []string{
		"The paper compares at equal epochs, so do these: RA has two rows a pair and takes twice the optimizer steps of plain DPO; half-RA and RA on half of the pairs take as many as plain DPO.",
		"All seeds share one base policy and one reward model.",
	}
	r, items := o.result(p.Name, "RA", settings)
	return p, r, items
}

// A LossArm is a loss of the paper's Table 9 as the study has it: its arm on
// plain pairs; on RA pairs the arm has the ending -ra.
type LossArm struct{ Label, Arm string }

// LossesPage puts losses beside each other, each on plain and on RA pairs (the
// paper's Table 9 and the claim that RA goes with any of them).
func LossesPage(o Outcomes, losses []LossArm, source string, settings any) (Page, Result, []Item) {
	p := Page{Name: "losses", Title: "Table 9: losses beside each other, on plain and on RA pairs", Lead: o.lead(source)}
	t := Table{Title: "Reward by the exact rule, 1–10", Note: "On plain pairs asked for nothing, on RA pairs asked for goal 10 and goal 2.",
		Head: []string{"loss", "plain pairs", "RA, goal 10", "RA, goal 2", "RA, 10 − 2", "RA − plain", "log π chosen / rejected, plain", "with RA"}}
	base := measure{losses[0].Arm, "reward/base/no-goal"}
	t.row("base", o.over(base).String(), o.over(measure{base.arm, "reward/base/goal-10"}).String(), o.over(measure{base.arm, "reward/base/goal-2"}).String(),
		o.over(measure{base.arm, "goal/base/range"}).String(), "", "", "")
	ours := measure{"sigmoid-ra", "reward/iter-1/" + highest}
	turned := 0
	var flat []string
	for _, l := range losses {
		plain, ra := measure{l.Arm, "reward/iter-1/no-goal"}, measure{l.Arm + "-ra", "reward/iter-1/" + highest}
		width := o.over(measure{ra.arm, "goal/iter-1/range"})
		if width.above(0) {
			turned++
		} else {
			flat = append(flat, l.Label)
		}
		t.row(l.Label, o.over(plain).String(), o.over(ra).String(), o.over(measure{ra.arm, "reward/iter-1/goal-2"}).String(), width.String(), o.less(ra, plain).String(),
			o.logps(l.Arm), o.logps(ra.arm))
		if l.Arm != "sigmoid" {
			p.Claims = append(p.Claims, o.less(ours, plain).claim("DPO on RA pairs at goal 10 beats "+l.Label+" on plain pairs", 0, true))
		}
	}
	gain := o.less(measure{"sigmoid", "reward/iter-1/no-goal"}, base)
	number := fmt.Sprintf("%d of %d losses", turned, len(losses))
	if len(flat) > 0 {
		number += "; not " + strings.Join(flat, ", ")
	}
	p.Claims = append([]Claim{
		gain.claim("DPO on plain pairs is above base", 0, false),
		o.over(measure{"sigmoid-ra", "goal/iter-1/range"}).claim("DPO on RA pairs scores higher at goal 10 than at goal 2", 0, false),
		{Text: "RA goes with any loss: at goal 10 above goal 2", Number: number, Holds: turned == len(losses), Paper: true},
	}, p.Claims...)
	p.Tables = []Table{t}
	p.Notes = []string{
		"All losses take the same prompts, samples, pairs, batch, epochs and optimizer; each has its own β and no learning rate of its own, which were set without a search, so that a loss that is behind here may lack tuning.",
		"Log-probabilities are means at the end of training, of an answer, or of a token for losses of means.",
	}
	r, items := o.result(p.Name, "RA", settings)
	return p, r, items
}

// logps are those of chosen and rejected at the end of training.
func (o Outcomes) logps(arm string) string {
	return fmt.Sprintf("%s / %s", o.over(measure{arm, "train/iter-1/logps/chosen"}), o.over(measure{arm, "train/iter-1/logps/rejected"}))
}

// AttributesPage is control of several attributes: one dial is turned from the
// lowest to the highest goal while the others stay in the middle.
func AttributesPage(o Outcomes, attributes []string, source string, settings any) (Page, Result, []Item) {
	const arm = "attributes"
	p := Page{Name: "attributes", Title: "Several attributes: each dial moves its own", Lead: o.lead(source)}
	t := Table{Title: "Change of each attribute when one dial goes from lowest to highest goal", Note: "The other dials stay in the middle. Attributes are the exact rule's, 1–10.", Head: []string{"dial"}}
	turn := func(dial, attribute string) measure {
		if dial == attribute {
			return measure{arm, "goal/iter-1/" + dial + "/range"}
		}
		return measure{arm, "goal/iter-1/" + dial + "/range/" + attribute}
	}
	words := func(name string) string { return strings.ReplaceAll(name, "_", " ") }
	for _, a := range attributes {
		t.Head = append(t.Head, words(a))
	}
	for _, dial := range attributes {
		row := []string{words(dial)}
		nearest, by := "", average{}
		for _, a := range attributes {
			row = append(row, o.over(turn(dial, a)).String())
			if lead := o.less(turn(dial, dial), turn(dial, a)); a != dial && (nearest == "" || lead.mean < by.mean) {
				nearest, by = a, lead
			}
		}
		t.row(row...)
		p.Claims = append(p.Claims, by.claim(fmt.Sprintf("The dial of %s moves it more than any other attribute, of which %s comes next", words(dial), words(nearest)), 0, false))
	}
	all := Table{Title: "All dials at one goal: each attribute, and the reward", Head: append(append([]string{"goal"}, t.Head[1:]...), "reward")}
	for _, g := range studyGoals {
		name := g
		if v, ok := strings.CutPrefix(g, "goal"); ok {
			name = "goal" + strings.Repeat(v, len(attributes))
		}
		row := []string{goalWord(g)}
		for _, a := range attributes {
			row = append(row, o.over(measure{arm, "attribute/iter-1/" + name + "/" + a}).String())
		}
		all.row(append(row, o.over(measure{arm, "reward/iter-1/" + name}).String())...)
	}
	p.Tables = []Table{t, all}
	r, items := o.result(p.Name, "RA with an attribute a goal", settings)
	return p, r, items
}
