package eval

import (
	"fmt"

	"radpo/internal/table"
)

// A page is the report before it is HTML or Markdown: both write all of it, so
// that neither has a section or a number that the other lacks.
type page struct {
	Title    string
	About    string
	Tiles    []tile
	Sections []chapter
}

// A tile is one headline number.
type tile struct{ Label, Value, Note string }

// A chapter is a section, written in the order of its fields, those that are empty left out.
type chapter struct {
	ID, Title, Note string
	Lists           []list
	Lanes           []lane
	Grids           []grid
	Figures         []figure
	Prompts         []prompt
	Text            string // in a fixed face
}

// A list is sentences under a word: yes, no and mind are its kinds.
type list struct {
	Kind, Title string
	Items       []string
}

// heading is the run's name and what it trains.
func (in Input) heading() string {
	if in.Subject == "" {
		return in.Title
	}
	return in.Title + ": " + in.Subject
}

func newPage(in Input, ms []table.Measure) page {
	b := open(ms)
	p := page{Title: in.heading(), About: about(in), Tiles: tiles(in, b)}
	r := read(in, b)
	for _, s := range []chapter{
		{ID: "reading", Title: "What the numbers say", Lists: []list{{"yes", "Shows", r.Shows}, {"no", "Does not show", r.DoesNot}, {"mind", "Keep in mind", r.Mind}}},
		loop(in),
		{ID: "rewards", Title: "Reward", Note: "In bold: the policy asked as it is used. Where dials of several qualities are turned, a row turns one from its lowest goal to its highest with the others held, and a column is what happens to a quality.",
			Grids: append(grids(rewardGrid(in, b)), turnGrids(in, b)...), Figures: append(dialFigure(in, b), rewardFigures(in, b)...)},
		{ID: "wins", Title: "Win rates", Note: "How often an answer has more reward than the other policy's to the same prompt, ties half, in percent.",
			Grids: grids(winGrid(in, b), versusGrid(in, b))},
		{ID: "answers", Title: "Answers", Note: "The first held-out prompts, the first answer to each goal; none was picked. The number is the reward.", Prompts: answers(in)},
		{ID: "unlearning", Title: "Unlearning", Note: "Each answer that lost its pair is read under the prompt under which the policy means to give it: the bare prompt, or, with reward augmentation, the prompt that asks for that answer's own score.",
			Figures: unlearningFigure(in, b)},
		{ID: "length", Title: "Reward against length", Note: "Answers of each policy asked as it is used, in five groups of rising length: a group's mean reward over its mean length in tokens. The table has the rank correlation of both over answers: far from zero, the reward may be of length.",
			Grids: grids(lengthGrid(in, b)), Figures: lengthFigure(in)},
		{ID: "diversity", Title: "Diversity of samples", Note: diversityNote, Grids: grids(drawnGrid(in, b), diversityGrid(in, b))},
		{ID: "ranker", Title: "Ranker", Figures: rankerFigure(in, b)},
		{ID: "scale", Title: "Score map", Note: "Raw scores at low and high become 1 and 10. Clipped: the share of answers beyond them. Mean and mapped: the mean score before and after. Drift: how much that mean, or a quantile, lies above the first iteration's. Unscored: the share of answers that the ranker gave no finite score. Ties: the share of pairs dropped because both scores are equal.",
			Grids: grids(scaleGrid(in, b)), Figures: scoreFigures(in)},
		{ID: "text", Title: "Text", Figures: rateFigures(in, b)},
		{ID: "training", Title: "Training", Note: "The table has means over the last tenth of each training's steps. KL is the policy's divergence from the reference on the training answers, in nats an answer, by the estimators k1 and k2.",
			Grids: grids(trainingGrid(in, b)), Figures: curveFigures(in)},
		{ID: "provenance", Title: "Provenance", Note: "Hashes are SHA-256. radpo verify hashes every file again and names the first that differs.", Grids: grids(factGrid(in), fileGrid(in))},
		{ID: "settings", Title: "Settings", Text: in.Config},
		{ID: "measures", Title: "Every measure", Grids: grids(measureGrid(ms))},
	} {
		if s.some() {
			p.Sections = append(p.Sections, s)
		}
	}
	return p
}

func (s chapter) some() bool {
	return len(s.Lists)+len(s.Lanes)+len(s.Grids)+len(s.Figures)+len(s.Prompts)+len(s.Text) > 0
}

// about says in a line what the numbers rest on.
func about(in Input) string {
	held := map[string]bool{}
	reward := "the ranker's score, mapped to 1–10"
	for _, p := range in.Policies {
		for _, s := range p.Samples {
			held[s.PromptID] = true
		}
		if p.Rule != nil {
			reward = "an exact rule, 1–10"
		}
	}
	return fmt.Sprintf("%d policies on %d held-out prompts. Reward is %s. In brackets: 95 %% intervals by bootstrap over prompts, %d draws, seed %d.",
		len(in.Policies), len(held), reward, resamples, in.Seed)
}

// tiles are the numbers that a reader wants first.
func tiles(in Input, b book) []tile {
	var out []tile
	if first, last, ok := b.ends(in.Policies, "reward/", ""); ok {
		from, to := b["reward/"+first.Name], b["reward/"+last.Name]
		out = append(out, tile{"Reward", two(from.Value) + " → " + two(to.Value), asUsed(first) + " → " + asUsed(last)})
	}
	for _, p := range in.Policies {
		if turn, rho := "goal/"+p.Name+"/range", "goal/"+p.Name+"/spearman"; len(p.Goal) > 0 && b.has(turn, rho) {
			out = append(out, tile{"Goal dial", signed(b[turn].Value), p.Name + ", highest goal minus lowest; Spearman " + two(b[rho].Value)})
			break
		}
	}
	for i := len(in.Unlearning) - 1; i > 1; i-- {
		u, v := in.Unlearning[i].Name, in.Unlearning[i-1].Name
		if m, ok := b["unlearning/"+u+"/over-"+v]; ok {
			out = append(out, tile{"Good rejected answers", signed(m.Value) + " nats", "log-probability, " + u + " against " + v})
			break
		}
	}
	if first, last, ok := b.ends(in.Policies, "ranker/", "/spearman"); ok {
		from, to := b["ranker/"+first.Name+"/spearman"], b["ranker/"+last.Name+"/spearman"]
		out = append(out, tile{"Ranker against rule", two(from.Value) + " → " + two(to.Value), "Spearman on answers of " + first.Name + " → " + last.Name})
	}
	return out
}
