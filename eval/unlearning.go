package eval

import (
	"cmp"
	"fmt"

	"radpo/internal/table"
)

// GoodScore parts good rejected answers from poor ones, on 1–10. The paper's
// figure 3 draws answers above a threshold whose number its text has lost; 5
// is the lower of the two whole numbers nearest the middle of the scale.
const GoodScore = 5.0

// A rejected answer is the one of a pair that the ranker likes less, with its
// log-probability under a policy.
type rejected struct {
	answer string // which one: iteration, prompt and sample
	prompt string
	score  float64 // 1–10
	logp   float64 // nats, summed over the response
}

// rejectedAnswers returns the answers with the lower score, each under the
// prompt under which the policy means to give it:
//
//   - plain rows enter with their rejected columns, under the bare prompt;
//   - goal_rejected rows enter with their chosen columns: the goal is that
//     answer's own score and the order is swapped, so it stands there;
//   - goal_chosen rows do not enter: their goal is the other answer's score.
//
// An answer that stands in several rows counts once.
func rejectedAnswers(u Unlearning) []rejected {
	var out []rejected
	seen := map[string]bool{}
	for i, p := range u.Pairs {
		r := rejected{prompt: p.PromptID}
		sample := p.RejectedSample
		switch p.Kind {
		case table.KindPlain:
			r.score, r.logp = p.RewardRejected, float64(u.Refs[i].Rejected)
		case table.KindGoalRejected:
			sample = p.ChosenSample
			r.score, r.logp = p.RewardChosen, float64(u.Refs[i].Chosen)
		default:
			continue
		}
		r.answer = fmt.Sprint(p.Iteration, " ", p.PromptID, " ", sample)
		if p.ChosenSample == p.RejectedSample { // the pair did not come from samples
			r.answer = "pair " + p.ID
			r.prompt = cmp.Or(p.PromptID, p.ID)
		}
		if !seen[r.answer] {
			seen[r.answer] = true
			out = append(out, r)
		}
	}
	return out
}

// unlearning adds mean log-probabilities, and their differences over answers
// that both policies' tables hold.
func (s *sheet) unlearning(entries []Unlearning) {
	good := make([][]rejected, len(entries))
	for i, u := range entries {
		var poor []rejected
		for _, r := range rejectedAnswers(u) {
			if r.score >= GoodScore {
				good[i] = append(good[i], r)
			} else {
				poor = append(poor, r)
			}
		}
		name := "unlearning/" + u.Name
		prompts, logps := logpColumn(good[i])
		s.add(name+"/rejected_logp", prompts, mean(logps, 0))
		prompts, logps = logpColumn(poor)
		s.add(name+"/rejected_logp-low", prompts, mean(logps, 0))
		for j, v := range entries[:i] {
			ap, a := logpColumn(shared(good[i], good[j]))
			bp, b := logpColumn(shared(good[j], good[i]))
			s.add(name+"/over-"+v.Name, append(ap, bp...), difference(a, b))
		}
	}
}

func logpColumn(rows []rejected) (prompts []string, logps []float64) {
	for _, r := range rows {
		prompts, logps = append(prompts, r.prompt), append(logps, r.logp)
	}
	return prompts, logps
}

// shared returns the rows of a whose answer b has too.
func shared(a, b []rejected) []rejected {
	has := map[string]bool{}
	for _, r := range b {
		has[r.answer] = true
	}
	var out []rejected
	for _, r := range a {
		if has[r.answer] {
			out = append(out, r)
		}
	}
	return out
}
