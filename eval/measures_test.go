package eval_test

import (
	"bytes"
	"encoding/json"
	"math"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/eval"
	"radpo/internal/table"
)

// A said is one answer of a hand-made policy.
type said struct {
	prompt           string
	goal             []float64
	rule, score      float64 // exact rule; ranker on 1–10
	finish           string
	sentences, whole float64
}

func policy(name string, goal []float64, answers ...said) eval.Policy {
	p := eval.Policy{Name: name, Goal: goal}
	for _, a := range answers {
		finish := table.FinishStop
		if a.finish != "" {
			finish = a.finish
		}
		p.Samples = append(p.Samples, table.Sample{PromptID: a.prompt, Goal: a.goal, Finish: finish, ResponseIDs: make([]int32, 4)})
		p.Scores = append(p.Scores, table.Score{PromptID: a.prompt, Raw: a.score / 10, Score: a.score})
		p.Rule = append(p.Rule, table.Score{PromptID: a.prompt, Raw: a.rule, Gating: []float64{a.sentences, a.whole}})
	}
	return p
}

// handmade is two prompts answered by a base and by a policy of two goals.
func handmade() eval.Input {
	low, high := []float64{2}, []float64{10}
	return eval.Input{Seed: 1, Policies: []eval.Policy{
		policy("base", nil,
			said{prompt: "a", rule: 3, score: 4, sentences: 2, whole: 2}, said{prompt: "b", rule: 5, score: 6, sentences: 2, whole: 2}),
		policy("iter-1", high,
			said{prompt: "a", goal: low, rule: 1, score: 3, sentences: 2, whole: 1}, said{prompt: "b", goal: low, rule: 2, score: 1, finish: table.FinishLength},
			said{prompt: "a", goal: high, rule: 8, score: 9, sentences: 2, whole: 2}, said{prompt: "b", goal: high, rule: 9, score: 10, sentences: 1, whole: 1}),
	}}
}

func measured(t *testing.T, in eval.Input) map[string]table.Measure {
	t.Helper()
	ms, err := eval.Measures(in)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]table.Measure{}
	for _, m := range ms {
		if _, ok := out[m.Name]; ok {
			t.Errorf("%s is measured twice", m.Name)
		}
		if m.Lo > m.Value+1e-9 || m.Value > m.Hi+1e-9 {
			t.Errorf("%s: %g lies outside [%g, %g]", m.Name, m.Value, m.Lo, m.Hi)
		}
		out[m.Name] = m
	}
	return out
}

func TestMeasures(t *testing.T) {
	in := handmade()
	in.Gaps = []eval.Gap{{Name: "iter-1", Tokens: 30, Mean: 1e-6, Largest: 9e-6}, {Name: "iter-2", Tokens: 10, Mean: 5e-6, Largest: 7e-6}}
	ms := measured(t, in)
	tests := []struct {
		name  string
		value float64
		n     int64
	}{
		{"reward/base", 4, 2},
		{"reward/base/no-goal", 4, 2},
		{"reward/iter-1", 8.5, 2}, // asked as in use: goal 10
		{"reward/iter-1/goal-2", 1.5, 2},
		{"reward/iter-1/goal-10", 8.5, 2},
		{"gain/iter-1/over-base", 4.5, 4},
		{"ranker/base", 5, 2},
		{"ranker/iter-1", 9.5, 2},
		{"ranker/iter-1/goal-2", 2, 2},
		{"ranker/base/spearman", 1, 2},
		{"ranker/iter-1/spearman", 0.8, 4}, // ranks 2 1 3 4 against 1 2 3 4
		{"goal/iter-1/spearman", 1, 4},
		{"goal/iter-1/spearman-answers", 4 / math.Sqrt(20), 4}, // ranks 1.5 1.5 3.5 3.5 against 1 2 3 4
		{"goal/iter-1/range", 7, 4},
		{"goal/iter-1/error", 1, 4}, // |1.5 − 2| and |8.5 − 10|
		{"finish/base", 1, 2},
		{"finish/iter-1", 0.75, 4},
		{"finish/iter-1/goal-2", 0.5, 2},
		{"parse/iter-1", 0.5, 4}, // one half-parsed, one without a sentence
		{"parse/iter-1/goal-2", 0, 2},
		{"parse/iter-1/goal-10", 1, 2},
		{"length/iter-1", 4, 2},
		{"sampler/logp_gap", 2e-6, 40},
		{"sampler/logp_gap/iter-2", 5e-6, 10},
		{"sampler/logp_gap-largest", 9e-6, 40},
	}
	for _, test := range tests {
		m, ok := ms[test.name]
		if !ok || math.Abs(m.Value-test.value) > 1e-9*math.Abs(test.value) || m.N != test.n {
			t.Errorf("%s is %g of %d, want %g of %d", test.name, m.Value, m.N, test.value, test.n)
		}
	}
	for _, absent := range []string{"goal/base/range", "reward/iter-1/no-goal", "ranker/base/spearman/honesty"} {
		if m, ok := ms[absent]; ok {
			t.Errorf("%s is %g, want absent", absent, m.Value)
		}
	}
	// Two prompts: the bootstrap knows their two means only.
	if m := ms["gain/iter-1/over-base"]; m.Lo != 4 || m.Hi != 5 {
		t.Errorf("gains of 5 and 4 have the interval [%g, %g], want [4, 5]", m.Lo, m.Hi)
	}
}

// TestGainOnSharedPrompts: a prompt that one policy alone answered does not
// count.
func TestGainOnSharedPrompts(t *testing.T) {
	ms := measured(t, eval.Input{Policies: []eval.Policy{
		policy("base", nil, said{prompt: "a", rule: 3}, said{prompt: "b", rule: 5}, said{prompt: "c", rule: 10}),
		policy("plain-1", nil, said{prompt: "d", rule: 1}, said{prompt: "b", rule: 8}, said{prompt: "a", rule: 4}),
	}})
	if m := ms["gain/plain-1/over-base"]; m.Value != 2 || m.N != 4 {
		t.Errorf("gain %g of %d answers, want 2 of 4", m.Value, m.N)
	}
}

func TestWithoutRule(t *testing.T) {
	in := handmade()
	for i := range in.Policies {
		in.Policies[i].Rule = nil
	}
	ms := measured(t, in)
	if got, want := ms["reward/iter-1"].Value, 9.5; got != want {
		t.Errorf("reward/iter-1 is %g, want the ranker's %g", got, want)
	}
	for name := range ms {
		if strings.HasPrefix(name, "parse/") || strings.HasSuffix(name, "/spearman") && strings.HasPrefix(name, "ranker/") {
			t.Errorf("%s is measured without a rule", name)
		}
	}
	if want := "It is no independent judge."; !strings.Contains(card(t, render(t, in), "mind"), want) {
		t.Errorf("no warning %q", want)
	}
}

// TestAttributes turns two dials: one works, the other moves its neighbour.
func TestAttributes(t *testing.T) {
	in := eval.Input{Attributes: []eval.Attribute{{Name: "honesty", Ranker: 3, Rule: 1}, {Name: "depth", Ranker: 0, Rule: 0}}}
	p := eval.Policy{Name: "multi", Goal: []float64{9, 9}}
	for _, g := range [][]float64{{2, 6}, {9, 6}, {6, 2}, {6, 9}, {9, 9}} {
		honesty, depth := g[0]/2, g[0]
		p.Samples = append(p.Samples, table.Sample{PromptID: "a", Goal: g})
		p.Scores = append(p.Scores, table.Score{PromptID: "a", Attributes: []float64{-depth, 0, 0, honesty}})
		p.Rule = append(p.Rule, table.Score{PromptID: "a", Attributes: []float64{depth, honesty}})
	}
	in.Policies = []eval.Policy{p}
	ms := measured(t, in)
	for name, want := range map[string]float64{
		"goal/multi/honesty/range":         3.5,
		"goal/multi/honesty/range/depth":   7,
		"goal/multi/depth/range":           0,
		"goal/multi/depth/range/honesty":   0,
		"goal/multi/honesty/spearman":      1,
		"attribute/multi/goal-2-6/honesty": 1,
		"attribute/multi/goal-9-9/depth":   9,
		"ranker/multi/spearman/honesty":    1,
		"ranker/multi/spearman/depth":      -1,
	} {
		if m, ok := ms[name]; !ok || math.Abs(m.Value-want) > 1e-9 {
			t.Errorf("%s is %g, want %g", name, m.Value, want)
		}
	}
	if page := render(t, in); !strings.Contains(page, "One dial a quality") {
		t.Error("the page has no table of dials")
	}
}

func TestUnlearning(t *testing.T) {
	pair := func(id, prompt, kind string, chosen, rejected int32, rewardChosen, rewardRejected float64) table.Pair {
		return table.Pair{ID: id, PromptID: prompt, Kind: kind, ChosenSample: chosen, RejectedSample: rejected, RewardChosen: rewardChosen, RewardRejected: rewardRejected}
	}
	plain := []table.Pair{
		pair("1", "a", table.KindPlain, 0, 1, 9, 6),
		pair("2", "b", table.KindPlain, 0, 1, 8, 5),   // 5 is good
		pair("3", "c", table.KindPlain, 0, 1, 9, 4.9), // 4.9 is poor
		pair("4", "a", table.KindPlain, 2, 1, 7, 6),   // the answer of row 1 again: once
	}
	augmented := []table.Pair{
		pair("1g", "a", table.KindGoalChosen, 0, 1, 9, 6), // asks for the other answer's score
		pair("1r", "a", table.KindGoalRejected, 1, 0, 6, 9),
		pair("2r", "b", table.KindGoalRejected, 1, 0, 5, 8),
		pair("3r", "c", table.KindGoalRejected, 1, 0, 4.9, 9),
		pair("5r", "d", table.KindGoalRejected, 1, 0, 7, 9), // not in the plain table
	}
	refs := func(pairs []table.Pair, chosen, rejected []float32) []table.Ref {
		var out []table.Ref
		for i, p := range pairs {
			out = append(out, table.Ref{PairID: p.ID, Chosen: chosen[i], Rejected: rejected[i]})
		}
		return out
	}
	ms := measured(t, eval.Input{Unlearning: []eval.Unlearning{
		{Name: "base", Pairs: plain, Refs: refs(plain, []float32{-1, -1, -1, -1}, []float32{-20, -30, -7, -20})},
		{Name: "plain", Pairs: plain, Refs: refs(plain, []float32{-1, -1, -1, -1}, []float32{-40, -50, -9, -40})},
		{Name: "ra", Pairs: augmented, Refs: refs(augmented, []float32{-99, -22, -32, -8, -66}, []float32{-99, -99, -99, -99, -99})},
	}})
	for name, want := range map[string]float64{
		"unlearning/base/rejected_logp":     -25,
		"unlearning/plain/rejected_logp":    -45,
		"unlearning/ra/rejected_logp":       -40, // −22, −32, −66
		"unlearning/base/rejected_logp-low": -7,
		"unlearning/ra/rejected_logp-low":   -8,
		"unlearning/plain/over-base":        -20,
		"unlearning/ra/over-base":           -2, // of the two answers in both tables
		"unlearning/ra/over-plain":          18,
	} {
		if m, ok := ms[name]; !ok || math.Abs(m.Value-want) > 1e-9 {
			t.Errorf("%s is %g, want %g", name, m.Value, want)
		}
	}
}

func TestScalesAndCurves(t *testing.T) {
	ms := measured(t, eval.Input{
		Scales: []eval.Scale{
			{Name: "iter-1", Low: -1, High: 3, Rows: 100, ClippedLow: 3, ClippedHigh: 4, Raw: eval.Spread{Mean: 1, P95: 2}, Mapped: eval.Spread{Mean: 5}, Pairs: 45, Ties: 5,
				Order: eval.Order{Pairs: 40, Flipped: 10, Mean: -0.5}},
			{Name: "iter-1", Attribute: "wit", Low: 0, High: 1, Rows: 100, ClippedHigh: 7, Raw: eval.Spread{Mean: .5}},
			{Name: "iter-2", Low: -1, High: 3, Rows: 100, Unscored: 6, Raw: eval.Spread{Mean: 1.75, P95: 2.5}, Mapped: eval.Spread{Mean: 7}, Pairs: 50},
			{Name: "iter-2", Attribute: "wit", Low: math.NaN(), High: math.NaN(), Rows: 100, Raw: eval.Spread{Mean: .25}},
		},
		Curves: []eval.Curve{{Name: "iter-1", Steps: func() (steps []eval.Step) {
			for i := range 20 {
				steps = append(steps, eval.Step{Step: int64(i + 1), Values: map[string]float64{"loss": float64(20 - i)}})
			}
			return steps
		}()}},
	})
	for name, want := range map[string]float64{
		"scale/iter-1/clipped-low": 0.03, "scale/iter-1/clipped-high": 0.04, "scale/iter-1/ties": 0.1,
		"scale/iter-1/flipped": 0.25, "scale/iter-1/first-place": -0.5,
		"scale/iter-1/drift": 0, "scale/iter-2/drift": 0.75, "scale/iter-2/low": -1, "scale/iter-2/high": 3,
		"scale/iter-2/drift-p95": 0.5, "scale/iter-2/mean": 1.75, "scale/iter-2/mapped": 7, "scale/iter-2/drift-mapped": 2, "scale/iter-2/unscored": 0.06,
		"scale/iter-1/wit/clipped-high": 0.07, "scale/iter-2/wit/drift": -0.25,
		"train/iter-1/steps": 20, "train/iter-1/loss": 1.5,
	} {
		if m, ok := ms[name]; !ok || math.Abs(m.Value-want) > 1e-9 {
			t.Errorf("%s is %g, want %g", name, m.Value, want)
		}
	}
}

// TestUnscored: answers without a score are counted, and left out of means and
// correlations.
func TestUnscored(t *testing.T) {
	in := synthetic()
	all := measured(t, in)
	p := &in.Policies[0]
	p.Scores[3].Score, p.Scores[3].Raw = math.NaN(), math.Inf(1)
	some := measured(t, in)
	if got, want := some["unscored/base"].Value, 1/float64(len(p.Scores)); got != want {
		t.Errorf("unscored/base is %g, want %g", got, want)
	}
	if all["unscored/base"].Value != 0 {
		t.Error("answers count as unscored that have scores")
	}
	for _, name := range []string{"ranker/base/no-goal", "ranker/base/spearman"} {
		if got, want := some[name].N, all[name].N-1; got != want {
			t.Errorf("%s is of %d answers, want %d", name, got, want)
		}
	}
	for i := range in.Policies {
		in.Policies[i].Rule = nil
	}
	measured(t, in)
	render(t, in)
}

// TestSeeds: one seed gives the same intervals, another seed others, and the
// values do not depend on it.
func TestSeeds(t *testing.T) {
	in := synthetic()
	first, again := measured(t, in), measured(t, in)
	in.Seed++
	other := measured(t, in)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("two runs of one seed differ: %s", diff)
	}
	m, o := first["reward/base"], other["reward/base"]
	if m.Value != o.Value || m.Lo == o.Lo {
		t.Errorf("seeds 42 and 43 give %v and %v: want one value, two intervals", m, o)
	}
}

func TestWrongInput(t *testing.T) {
	tests := []struct {
		want  string
		spoil func(in *eval.Input)
	}{
		{`policy "Base/1": a name has`, func(in *eval.Input) { in.Policies[0].Name = "Base/1" }},
		{`policy "iter-1" appears twice`, func(in *eval.Input) { in.Policies[0].Name = "iter-1" }},
		{"2 samples, 1 scores", func(in *eval.Input) { in.Policies[0].Scores = in.Policies[0].Scores[:1] }},
		{"0 rule scores", func(in *eval.Input) { in.Policies[0].Rule = []table.Score{} }},
		{`score 1: it is of prompt "x"`, func(in *eval.Input) { in.Policies[0].Scores[1].PromptID = "x" }},
		{`rule score 0: it is of prompt "a" sample 3`, func(in *eval.Input) { in.Policies[0].Rule[0].Sample = 3 }},
		{"is not finite", func(in *eval.Input) { in.Policies[1].Rule[2].Raw = math.NaN() }},
		{"goal [+Inf] is not finite", func(in *eval.Input) { in.Policies[1].Samples[0].Goal = []float64{math.Inf(1)} }},
		{"asks for 3 scores, the run has 0 attributes", func(in *eval.Input) { in.Policies[1].Samples[0].Goal = []float64{1, 2, 3} }},
		{"1 pairs, 0 log-probabilities", func(in *eval.Input) {
			in.Unlearning = []eval.Unlearning{{Name: "ra", Pairs: make([]table.Pair, 1)}}
		}},
		{`log-probabilities of pair "y" beside pair "x"`, func(in *eval.Input) {
			in.Unlearning = []eval.Unlearning{{Name: "ra", Pairs: []table.Pair{{ID: "x"}}, Refs: []table.Ref{{PairID: "y"}}}}
		}},
	}
	for _, test := range tests {
		in := handmade()
		test.spoil(&in)
		ms, err := eval.Measures(in)
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("error %v, want one with %q", err, test.want)
		}
		if err := eval.WriteHTML(&bytes.Buffer{}, in, ms); err == nil {
			t.Errorf("a page was written in spite of %q", test.want)
		}
	}
}

func TestNothing(t *testing.T) {
	ms := measured(t, eval.Input{})
	if len(ms) != 0 {
		t.Errorf("measures of nothing: %v", ms)
	}
	render(t, eval.Input{})
}

func TestWriteJSON(t *testing.T) {
	ms := []table.Measure{{Name: "reward/base", Value: 4.5, Lo: 4, Hi: 5, N: 64}, {Name: "goal/iter-1/range", Value: -1e-7, Lo: -1, Hi: 1, N: 2}}
	var b bytes.Buffer
	if err := eval.WriteJSON(&b, ms); err != nil {
		t.Fatal(err)
	}
	want := `[
  {"name":"reward/base","value":4.5,"lo":4,"hi":5,"n":64},
  {"name":"goal/iter-1/range","value":-1e-7,"lo":-1,"hi":1,"n":2}
]
`
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Errorf("report.json (-want +got):\n%s", diff)
	}
	var back []table.Measure
	if err := json.Unmarshal(b.Bytes(), &back); err != nil || !reflect.DeepEqual(back, ms) {
		t.Errorf("read back %v, %v", back, err)
	}
	b.Reset()
	if err := eval.WriteJSON(&b, nil); err != nil || !json.Valid(b.Bytes()) {
		t.Errorf("no measures give %q, %v", b.String(), err)
	}
}
