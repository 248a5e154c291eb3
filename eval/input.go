package eval

import (
	"errors"
	"fmt"
	"math"
	"regexp"

	"radpo/internal/table"
)

// An Input is what a report is made of. Names of policies, attributes and the
// rest become parts of measures' names: lower-case letters, digits, '-', '_'
// and '.'.
type Input struct {
	Title      string
	Subject    string         // what the run trains and how, said behind its title
	Prompts    []table.Prompt // held out, in the order in which answers are shown
	Policies   []Policy       // in the order of the run: base first
	Attributes []Attribute    // in the order of a several-valued goal
	Unlearning []Unlearning   // base first
	Curves     []Curve
	Gaps       []Gap   // one an iteration that has one
	Scales     []Scale // one an iteration
	Drawn      []Draw  // the samples that training is made of, likewise
	Facts      []Fact  // of the run's provenance
	Timings    []Timing
	Artifacts  []Artifact
	Config     string // YAML
	Seed       int64  // of the bootstrap
}

// A Policy is a model's answers to held-out prompts, with their scores.
type Policy struct {
	Name    string         // base, plain-1, iter-1, iter-2, …
	Goal    []float64      // what it is asked for in use; empty: nothing
	Samples []table.Sample // at several goals; an empty Goal asks for none
	Scores  []table.Score  // the ranker's, row by row with Samples; Score is on 1–10, NaN where the ranker has none
	Rule    []table.Score  // the exact rule's, likewise; Raw is the reward on 1–10; nil when the run has none

	// Retokenised says that a server gave text in place of the ids that it drew.
	Retokenised bool
}

// An Attribute is a quality that the ranker, and maybe the rule, scores apart.
type Attribute struct {
	Name   string
	Ranker int // its place in Score.Attributes of the ranker; −1: none
	Rule   int // its place in Score.Attributes of the rule; −1: none
}

// Unlearning is a policy's log-probabilities of a pairs table's responses.
type Unlearning struct {
	Name  string // base, plain, ra
	Pairs []table.Pair
	Refs  []table.Ref // row by row with Pairs, under the policy of this name
}

// A Gap is how far log-probabilities of sampled tokens, as the sampler told
// them, lie from the trainer's, of the same weights and ids.
type Gap struct {
	Name          string // iter-1, iter-2, …
	Tokens        int64  // compared
	Mean, Largest float64
}

// A Scale says how one column of an iteration's raw scores became 1–10.
type Scale struct {
	Name                    string  // iter-1, iter-2, …
	Attribute               string  // empty: the overall score
	Low, High               float64 // raw scores mapped to 1 and 10; NaN: each prompt has a map of its own
	Rows                    int64   // answers
	ClippedLow, ClippedHigh int64   // of Rows, beyond Low and High
	Unscored                int64   // of Rows, without a finite score
	Raw, Mapped             Spread
	Pairs, Ties             int64 // of the overall score: pairs kept, and dropped because their scores tie
	Order                   Order
	RawScores, Scores       []float64 // of the overall score: its values before and after
}

// An Order is what a pairwise ranker's first place does; zero for others.
type Order struct {
	Pairs, Flipped int64   // pairs compared in both orders, and those with another winner in the other one
	Mean           float64 // of both logits: above zero the first place is favoured
}

// A Spread says where values lie: their mean and three quantiles.
type Spread struct{ Mean, P05, P50, P95 float64 }

// A Timing is one stage of the run.
type Timing struct {
	Stage   string
	Seconds float64
	Reused  bool   // from an earlier run, or from a stage that made the same
	Lane    string // of the picture: an iteration, or what stands beside it
	Reads   []string
	Made    string // when
}

// A Fact is a line of the run's provenance.
type Fact struct{ Name, Value string }

// An Artifact is a file or folder of the run, by a path relative to it.
type Artifact struct{ Name, Path string }

var validName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]*$`)

// check reports all faults of the input at once.
func (in Input) check() error {
	var errs []error
	fault := func(format string, args ...any) { errs = append(errs, fmt.Errorf("eval: "+format, args...)) }
	seen := map[string]bool{}
	unique := func(kind, s string) {
		if !validName.MatchString(s) {
			fault("%s %q: a name has lower-case letters, digits, '-', '_' and '.' only", kind, s)
		}
		if seen[kind+s] {
			fault("%s %q appears twice", kind, s)
		}
		seen[kind+s] = true
	}
	for _, a := range in.Attributes {
		unique("attribute", a.Name)
	}
	for _, p := range in.Policies {
		unique("policy", p.Name)
		if err := p.check(in.Attributes); err != nil {
			fault("policy %s: %w", p.Name, err)
		}
	}
	for _, u := range in.Unlearning {
		unique("unlearning", u.Name)
		if err := u.check(); err != nil {
			fault("unlearning %s: %w", u.Name, err)
		}
	}
	for _, c := range in.Curves {
		unique("curve", c.Name)
	}
	for _, g := range in.Gaps {
		unique("gap", g.Name)
	}
	for _, d := range in.Drawn {
		unique("draw", d.Name)
	}
	for _, s := range in.Scales {
		unique("scale", s.Name+s.Attribute)
	}
	return errors.Join(errs...)
}

// check holds scores to samples row by row.
func (p Policy) check(attributes []Attribute) error {
	if len(p.Scores) != len(p.Samples) || p.Rule != nil && len(p.Rule) != len(p.Samples) {
		return fmt.Errorf("%d samples, %d scores, %d rule scores: score the samples table whole",
			len(p.Samples), len(p.Scores), len(p.Rule))
	}
	for i, s := range p.Samples {
		if n := len(s.Goal); n > 1 && n != len(attributes) {
			return fmt.Errorf("sample %d asks for %d scores, the run has %d attributes", i, n, len(attributes))
		}
		if !finite(s.Goal...) {
			return fmt.Errorf("sample %d: goal %v is not finite", i, s.Goal)
		}
		if err := follows(p.Scores[i], s); err != nil {
			return fmt.Errorf("score %d: %w", i, err)
		}
		if p.Rule == nil {
			continue
		}
		if err := follows(p.Rule[i], s, p.Rule[i].Raw); err != nil {
			return fmt.Errorf("rule score %d: %w", i, err)
		}
	}
	return nil
}

// follows reports a score that is not of its sample or has no value.
func follows(score table.Score, s table.Sample, values ...float64) error {
	if score.PromptID != s.PromptID || score.Sample != s.Sample {
		return fmt.Errorf("it is of prompt %q sample %d, the sample is %q %d: keep the samples' order",
			score.PromptID, score.Sample, s.PromptID, s.Sample)
	}
	if !finite(values...) {
		return fmt.Errorf("prompt %q sample %d: %v is not finite", s.PromptID, s.Sample, values)
	}
	return nil
}

// check holds log-probabilities to pairs row by row.
func (u Unlearning) check() error {
	if len(u.Pairs) != len(u.Refs) {
		return fmt.Errorf("%d pairs, %d log-probabilities: compute them over the pairs table whole", len(u.Pairs), len(u.Refs))
	}
	for i, p := range u.Pairs {
		if p.ID != u.Refs[i].PairID {
			return fmt.Errorf("row %d: log-probabilities of pair %q beside pair %q: keep the pairs' order", i, u.Refs[i].PairID, p.ID)
		}
		if !finite(float64(u.Refs[i].Chosen), float64(u.Refs[i].Rejected), p.RewardChosen, p.RewardRejected) {
			return fmt.Errorf("row %d, pair %q: a value is not finite", i, p.ID)
		}
	}
	return nil
}

func finite(vs ...float64) bool {
	for _, v := range vs {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return false
		}
	}
	return true
}
