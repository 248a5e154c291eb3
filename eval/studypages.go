package eval

import (
	"fmt"
	"strings"
)

// A Subject is a policy of an arm as pages name it.
type Subject struct {
	Label  string
	Arm    string
	Policy string // base, plain-1, iter-1, …
	Goal   bool   // it is asked for the highest goal in use
}

func (s Subject) at(kind, rest string) measure {
	return measure{s.Arm, strings.TrimSuffix(kind+"/"+s.Policy+"/"+rest, "/")}
}

// used is a kind of measure as the policy is used.
func (s Subject) used(kind, highest string) measure {
	if s.Goal {
		return s.at(kind, highest)
	}
	return s.at(kind, "no-goal")
}

// goalWord is a goal's name as a head of a column.
func goalWord(name string) string {
	if name == "no-goal" {
		return "no goal"
	}
	return strings.TrimPrefix(name, "goal-")
}

// goalsTable has a measure of each subject at each goal.
func (o Outcomes) goalsTable(title, note, kind string, goals []string, subjects []Subject) Table {
	t := Table{Title: title, Note: note, Head: []string{"policy"}}
	for _, g := range goals {
		t.Head = append(t.Head, goalWord(g))
	}
	for _, s := range subjects {
		row := []string{s.Label}
		for _, g := range goals {
			row = append(row, o.over(s.at(kind, g)).String())
		}
		t.row(row...)
	}
	return t
}

// ControlPage is the paper's Table 7: what policies reach at the goals that they
// are asked for. The last subject is the one that should follow them; plain is
// the one that was trained without goals, or has no label.
func ControlPage(o Outcomes, goals []float64, subjects []Subject, plain Subject, source string, settings any) (Page, Result, []Item) {
	names := []string{"no-goal"}
	for _, g := range goals {
		names = append(names, goalName([]float64{g}))
	}
	p := Page{Name: "control", Title: "Table 7: asked for a goal, what is reached", Lead: o.lead(source)}
	top := names[len(names)-1]
	for _, s := range subjects {
		if s.Goal {
			p.Claims = append(p.Claims, o.follows(s, plain, top)...)
		}
	}
	dial := Table{Title: "Monotonicity", Note: "Over goals: rank correlation of goal and mean score, share of steps from goal to goal that rise, score at the highest goal less that at the lowest, mean distance of scores from goals. Over answers: rank correlation of goal and score.",
		Head: []string{"policy", "Spearman", "rises", "highest − lowest", "distance", "Spearman, answers"}}
	for _, s := range subjects {
		row := []string{s.Label}
		for _, m := range []string{"spearman", "rises", "range", "error", "spearman-answers"} {
			row = append(row, o.over(s.at("goal", m)).deciding())
		}
		dial.row(row...)
	}
	p.Tables = []Table{
		o.goalsTable("Score", "Of the judge on 1–10: the exact rule where there is one, else the ranker.", "reward", names, subjects),
		o.goalsTable("The ranker's score", "", "ranker", names, subjects),
		o.goalsTable("Win rate", "Share of answers better than the first policy's without a goal, to the same prompt; ties half.", "win", names, subjects),
		o.goalsTable("Length in tokens", "", "length", names, subjects),
		dial,
	}
	p.Notes = []string{"The paper's Table 7 has win rates on AlpacaEval 2 against another model; here they are against the first policy's own answers."}
	r, items := o.result(p.Name, subjects[len(subjects)-1].Label, settings)
	return p, r, items
}

// follows are the claims on a policy that is used with a goal.
func (o Outcomes) follows(s, plain Subject, top string) []Claim {
	out := []Claim{
		o.over(s.at("goal", "spearman")).atLeast(fmt.Sprintf("%s follows the goal: Spearman of goal and mean score is at least %.1f", s.Label, dialSpearman), dialSpearman, false),
		o.over(s.at("goal", "range")).claim(s.Label+" scores higher at the highest goal than at the lowest", 0, false),
	}
	if plain.Label == "" {
		return out
	}
	return append(out,
		o.less(s.at("goal", "range"), plain.at("goal", "range")).claim(fmt.Sprintf("Asking alone does not do it: from lowest to highest goal %s moves more than %s", s.Label, plain.Label), 0, false),
		o.less(s.at("reward", top), plain.at("reward", top)).claim(fmt.Sprintf("%s scores above %s where both are asked for goal %s", s.Label, plain.Label, goalWord(top)), 0, true))
}

// Thresholds are those of scores from which on rejected answers count in the
// unlearning page.
var Thresholds = []float64{1, 2, 3, 4, 5, 6, 7, 8}

// ThresholdMetrics are the mean log-probabilities of rejected answers with a
// score of at least each threshold: under each policy, and its difference to
// every earlier one, over the same answers.
func ThresholdMetrics(entries []Unlearning, seed int64) (map[string]Metric, error) {
	s := &sheet{seed: seed}
	answers := make([][]rejected, len(entries))
	for i, u := range entries {
		if err := u.check(); err != nil {
			return nil, fmt.Errorf("eval: unlearning %s: %w", u.Name, err)
		}
		answers[i] = rejectedAnswers(u)
	}
	for _, t := range Thresholds {
		for i, u := range entries {
			name := fmt.Sprintf("logp/%s/from-%g", u.Name, t)
			prompts, logps := logpColumn(from(answers[i], t))
			s.add(name, prompts, mean(logps, 0))
			for j, v := range entries[:i] {
				ap, a := logpColumn(from(shared(answers[i], answers[j]), t))
				bp, b := logpColumn(from(shared(answers[j], answers[i]), t))
				s.add(name+"/over-"+v.Name, append(ap, bp...), difference(a, b))
			}
		}
	}
	return s.metrics(), nil
}

// from are the answers with at least a score.
func from(rows []rejected, score float64) []rejected {
	var out []rejected
	for _, r := range rows {
		if r.score >= score {
			out = append(out, r)
		}
	}
	return out
}

// The entries of the unlearning page.
const (
	UnlearnReference = "reference"
	UnlearnPlain     = "plain"
	UnlearnTen       = "ra-highest"
	UnlearnOwn       = "ra-own"
)

var unlearnLabels = map[string]string{
	UnlearnReference: "reference", UnlearnPlain: "plain DPO", UnlearnTen: "RA at the highest goal", UnlearnOwn: "RA at the answer's own score",
}

// UnlearningPage is the paper's figure 3: the log-probability of rejected
// answers on held-out prompts, by the score from which on they count.
func UnlearningPage(o Outcomes, arm, source string, settings any) (Page, Result, []Item) {
	p := Page{Name: "unlearning", Title: "Figure 3: log-probability of rejected answers", Lead: o.lead(source)}
	t := Table{Title: "Mean log-probability (nats an answer) of rejected answers from a score on", Head: []string{"score from", "answers"}}
	gaps := Table{Title: "Against plain DPO, the same answers", Head: []string{"score from"}}
	order := []string{UnlearnReference, UnlearnPlain, UnlearnTen, UnlearnOwn}
	for _, e := range order {
		t.Head = append(t.Head, unlearnLabels[e])
		if e == UnlearnTen || e == UnlearnOwn {
			gaps.Head = append(gaps.Head, unlearnLabels[e])
		}
	}
	for _, threshold := range Thresholds {
		at := func(e string) measure { return measure{arm, fmt.Sprintf("logp/%s/from-%g", e, threshold)} }
		row := []string{fmt.Sprint(threshold), o.count(at(UnlearnReference))}
		gap := []string{fmt.Sprint(threshold)}
		for _, e := range order {
			row = append(row, o.over(at(e)).String())
			if e == UnlearnTen || e == UnlearnOwn {
				m := at(e)
				m.name += "/over-" + UnlearnPlain
				gap = append(gap, o.over(m).deciding())
			}
		}
		if row[1] != "0" {
			t.row(row...)
			gaps.row(gap...)
		}
	}
	over := func(a, b string) average {
		return o.over(measure{arm, fmt.Sprintf("logp/%s/from-%g/over-%s", a, GoodScore, b)})
	}
	fallen := over(UnlearnPlain, UnlearnReference)
	_, hi := fallen.interval()
	p.Claims = []Claim{
		{Text: fmt.Sprintf("Plain DPO unlearns rejected answers of score %g and more: below the reference", GoodScore), Number: fallen.deciding(), Holds: fallen.n > 0 && hi < 0},
		over(UnlearnOwn, UnlearnPlain).claim("RA at the answer's own score keeps more of them than plain DPO", 0, false),
		over(UnlearnTen, UnlearnPlain).claim("RA at the highest goal keeps more of them than plain DPO", 0, true),
	}
	p.Tables = []Table{t, gaps}
	p.Notes = []string{
		"The paper's figure 3 does not say at which goal its policy was asked, and the number of its threshold is lost; both goals and all thresholds stand here.",
		"The answers are of held-out prompts, which no policy was trained on.",
	}
	r, items := o.result(p.Name, unlearnLabels[UnlearnOwn], settings)
	return p, r, items
}

// count is how many observations a measure has, as a mean over seeds.
func (o Outcomes) count(m measure) string {
	sum, n := 0.0, 0.0
	for _, run := range o.Arms[m.arm] {
		sum += float64(run[m.name].N)
		n++
	}
	return fmt.Sprintf("%.0f", sum/max(n, 1))
}
