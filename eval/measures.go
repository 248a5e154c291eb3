package eval

import (
	"path"
	"slices"

	"radpo/internal/table"
)

// Measures returns every number of the report, in the order of the package's
// list. It fails on rows that do not belong together.
func Measures(in Input) ([]table.Measure, error) {
	s, err := in.sheet()
	if err != nil {
		return nil, err
	}
	return s.rows, nil
}

// sheet has the measures with their standard errors.
func (in Input) sheet() (*sheet, error) {
	if err := in.check(); err != nil {
		return nil, err
	}
	s := &sheet{seed: in.Seed}
	for _, p := range in.Policies {
		s.means(p, "reward/"+p.Name, always(p.reward))
	}
	for _, p := range in.Policies {
		s.attributes(p, in.Attributes)
	}
	s.gains(in.Policies)
	for i := range in.Policies {
		s.wins(in.Policies[:i+1])
	}
	for _, p := range in.Policies {
		s.means(p, "ranker/"+p.Name, always(p.mapped))
		s.agreement(p, in.Attributes)
	}
	for _, p := range in.Policies {
		s.dials(p, in.Attributes)
	}
	s.unlearning(in.Unlearning)
	for _, p := range in.Policies {
		s.rates(p, "unscored/"+p.Name, p.unscored)
		s.rates(p, "finish/"+p.Name, p.finished)
		s.rates(p, "parse/"+p.Name, p.parsed)
		s.means(p, "length/"+p.Name, always(p.tokens))
		s.byLength(p)
		s.diversities(p)
	}
	for _, d := range in.Drawn {
		s.diversity("drawn/"+d.Name, d)
	}
	for _, c := range in.Curves {
		s.ends(c)
	}
	s.gaps(in.Gaps)
	s.scales(in.Scales)
	return s, nil
}

// means adds a mean for each goal under name/goal, and the one asked as in
// use under the name alone.
func (s *sheet) means(p Policy, name string, value func(row int) (float64, bool)) {
	if g, ok := p.inUse(); ok {
		prompts, values := p.column(g.rows, value)
		s.add(name, prompts, mean(values, 0))
	}
	for _, g := range p.groups() {
		prompts, values := p.column(g.rows, value)
		s.add(name+"/"+g.name, prompts, mean(values, 0))
	}
}

// rates adds the share of all answers for which is holds, and the share for
// each goal.
func (s *sheet) rates(p Policy, name string, is func(row int) (holds, known bool)) {
	value := func(row int) (float64, bool) {
		holds, known := is(row)
		if holds {
			return 1, known
		}
		return 0, known
	}
	for _, g := range append([]group{{rows: p.all()}}, p.groups()...) {
		prompts, values := p.column(g.rows, value)
		s.share(path.Join(name, g.name), prompts, values)
	}
}

// attributes adds each attribute's mean for each goal.
func (s *sheet) attributes(p Policy, attributes []Attribute) {
	for _, g := range p.groups() {
		for k, a := range attributes {
			prompts, values := p.column(g.rows, p.level(a, k))
			s.add("attribute/"+p.Name+"/"+g.name+"/"+a.Name, prompts, mean(values, 0))
		}
	}
}

// gains compares each policy with every earlier one, each asked as in use, on
// the prompts that both answered.
func (s *sheet) gains(policies []Policy) {
	for i, p := range policies {
		for _, q := range policies[:i] {
			a, okA := p.inUse()
			b, okB := q.inUse()
			if !okA || !okB {
				continue
			}
			ap, av := p.column(a.rows, p.on(q, b.rows))
			bp, bv := q.column(b.rows, q.on(p, a.rows))
			s.add("gain/"+p.Name+"/over-"+q.Name, append(ap, bp...), difference(av, bv))
		}
	}
}

// wins adds how often the last policy's answers are better than others': for
// each goal than those that the first gives when it is asked for none, and, asked
// as in use, than those of every earlier one in use.
func (s *sheet) wins(policies []Policy) {
	first, p := policies[0], policies[len(policies)-1]
	var bare []int
	for _, g := range first.groups() {
		if len(g.goal) == 0 {
			bare = g.rows
		}
	}
	for _, g := range p.groups() {
		if len(g.goal) > 0 || p.Name != first.Name {
			s.win("win/"+p.Name+"/"+g.name, p, g.rows, first, bare)
		}
	}
	for _, q := range policies[:len(policies)-1] {
		own, okOwn := p.inUse()
		other, okOther := q.inUse()
		if okOwn && okOther {
			s.win("win/"+p.Name+"/over-"+q.Name, p, own.rows, q, other.rows)
		}
	}
}

// win adds how often p's answers are better than q's to the same prompt: the
// mean over prompts, a tie counting half.
func (s *sheet) win(name string, p Policy, own []int, q Policy, other []int) {
	against := map[string][]float64{}
	for _, r := range other {
		against[q.Samples[r].PromptID] = append(against[q.Samples[r].PromptID], q.reward(r))
	}
	prompts, values := p.column(own, func(row int) (float64, bool) {
		own, others := p.reward(row), against[p.Samples[row].PromptID]
		won := 0.0
		for _, other := range others {
			won += (1 + sign(own-other)) / 2 / float64(len(others))
		}
		return won, len(others) > 0 && finite(own) && finite(others...)
	})
	s.add(name, prompts, mean(values, 0))
}

// byLength adds the rank correlation of reward and length over the answers in
// use.
func (s *sheet) byLength(p Policy) {
	g, _ := p.inUse()
	rows := slices.DeleteFunc(slices.Clone(g.rows), func(r int) bool { return !finite(p.reward(r)) })
	prompts, reward := p.column(rows, always(p.reward))
	_, tokens := p.column(rows, always(p.tokens))
	s.add("length/"+p.Name+"/spearman", prompts, spearman(reward, tokens))
}

// on is p's reward where q's rows have an answer to the same prompt.
func (p Policy) on(q Policy, rows []int) func(row int) (float64, bool) {
	answered := map[string]bool{}
	for _, r := range rows {
		answered[q.Samples[r].PromptID] = finite(q.reward(r)) || answered[q.Samples[r].PromptID]
	}
	return func(row int) (float64, bool) { return p.reward(row), answered[p.Samples[row].PromptID] }
}

// agreement adds the rank correlations of the ranker's raw scores with the
// exact rule over all answers, and the same of each attribute.
func (s *sheet) agreement(p Policy, attributes []Attribute) {
	if p.Rule == nil {
		return
	}
	rows := slices.DeleteFunc(p.all(), func(row int) bool { return !finite(p.Scores[row].Raw) })
	prompts, rule := p.column(rows, always(p.reward))
	_, ranker := p.column(rows, always(func(row int) float64 { return p.Scores[row].Raw }))
	s.add("ranker/"+p.Name+"/spearman", prompts, spearman(ranker, rule))
	for _, a := range attributes {
		var both []int
		for _, r := range p.all() {
			_, okRanker := entry(p.Scores[r].Attributes, a.Ranker)
			_, okRule := entry(p.Rule[r].Attributes, a.Rule)
			if okRanker && okRule {
				both = append(both, r)
			}
		}
		prompts, ranker := p.column(both, func(r int) (float64, bool) { return entry(p.Scores[r].Attributes, a.Ranker) })
		_, rule := p.column(both, func(r int) (float64, bool) { return entry(p.Rule[r].Attributes, a.Rule) })
		s.add("ranker/"+p.Name+"/spearman/"+a.Name, prompts, spearman(ranker, rule))
	}
}
