package augment_test

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/augment"
	"radpo/configs"
	"radpo/internal/table"
)

// A writer renders a goal as a system turn, and each message as one id.
type writer struct{ err error }

func (w writer) Prompt(messages []table.Message, goal []float64) ([]table.Message, []int32, error) {
	if len(goal) > 0 {
		messages = append([]table.Message{{Role: "system", Content: fmt.Sprint(goal)}}, messages...)
	}
	ids := make([]int32, len(messages))
	return messages, ids, w.err
}

// A draft is a response in short: ids, raw score, score, levels.
type draft struct {
	ids    []int32
	raw    float64
	score  float64
	levels []float64
}

// tables writes drafts as the two tables, with the prompt's id in each text.
func tables(promptID string, drafts []draft) (samples []table.Sample, scores []table.Score) {
	for i, d := range drafts {
		text := fmt.Sprintf("%s/%d", promptID, i)
		if len(d.ids) < 2 { // a stop id alone
			text = " "
		}
		finish := table.FinishStop
		if n := len(d.ids); n > 0 && d.ids[n-1] == 4 { // no stop id
			finish = table.FinishLength
		}
		samples = append(samples, table.Sample{PromptID: promptID, Sample: int32(i), ResponseIDs: d.ids, Text: text, Finish: finish})
		scores = append(scores, table.Score{PromptID: promptID, Sample: int32(i), Raw: d.raw, Score: d.score, Levels: d.levels})
	}
	return samples, scores
}

// rows runs the stage over slices.
func rows(t *testing.T, c configs.Augment, samples []table.Sample, scores []table.Score) ([]table.Pair, augment.Counts, error) {
	t.Helper()
	var got []table.Pair
	counts, err := augment.Rows(c, 42, 2, input(samples, scores), writer{}, func(p table.Pair) error {
		got = append(got, p)
		return nil
	})
	return got, counts, err
}

// input knows the prompts whose ids start with p.
func input(samples []table.Sample, scores []table.Score) iter.Seq2[augment.Group, error] {
	var prompts []table.Prompt
	known := map[string]bool{}
	for _, s := range samples {
		if id := s.PromptID; strings.HasPrefix(id, "p") && !known[id] {
			known[id] = true
			prompts = append(prompts, table.Prompt{ID: id, Messages: []table.Message{{Role: "user", Content: "ask " + id}}})
		}
	}
	return augment.Join(each(prompts), each(samples), each(scores))
}

func each[T any](list []T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for _, x := range list {
			if !yield(x, nil) {
				return
			}
		}
	}
}

func use(method, rule string) configs.Augment {
	c := configs.Default().Augment
	c.Method, c.Pair = method, rule
	return c
}

// four are distinct responses: 1 is best, 2 worst.
var four = []draft{{ids: []int32{5, 0}, raw: .5, score: 5.04}, {ids: []int32{9, 0}, raw: .9, score: 9.26},
	{ids: []int32{1, 0}, raw: .1, score: 1}, {ids: []int32{6, 0}, raw: .6, score: 6.5}}

// brief shows a row as kind goal chosen>rejected.
func brief(all []table.Pair) []string {
	var got []string
	for _, p := range all {
		got = append(got, fmt.Sprintf("%s %v %d>%d", p.Kind, p.Goal, p.ChosenSample, p.RejectedSample))
	}
	return got
}

func TestVariants(t *testing.T) {
	whole := use("ra", "best-worst")
	whole.Decimals = 0
	for _, tt := range []struct {
		name string
		c    configs.Augment
		want []string
	}{
		{"ra", use("ra", "best-worst"), []string{"goal_chosen [9.3] 1>2", "goal_rejected [1] 2>1"}},
		{"ra-plus", use("ra-plus", "best-worst"), []string{"goal_chosen [9.3] 1>2"}},
		{"none", use("none", "best-worst"), []string{"plain [] 1>2"}},
		{"integers", whole, []string{"goal_chosen [9] 1>2", "goal_rejected [1] 2>1"}},
		{"both", use("ra-plus", "both"), []string{"goal_chosen [9.3] 1>2", "goal_chosen [9.3] 1>0"}},
		{"all", use("ra-plus", "all"), []string{"goal_chosen [9.3] 1>3", "goal_chosen [9.3] 1>0", "goal_chosen [9.3] 1>2",
			"goal_chosen [6.5] 3>0", "goal_chosen [6.5] 3>2", "goal_chosen [5] 0>2"}},
		{"threshold", use("ra-plus", "threshold"), []string{"goal_chosen [9.3] 1>0", "goal_chosen [9.3] 1>2", "goal_chosen [6.5] 3>0", "goal_chosen [6.5] 3>2"}},
		{"best-random", use("ra", "best-random"), []string{"goal_chosen [9.3] 1>0", "goal_rejected [5] 0>1"}},
	} {
		samples, scores := tables("p1", four)
		got, _, err := rows(t, tt.c, samples, scores)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		if d := cmp.Diff(brief(got), tt.want); d != "" {
			t.Errorf("%s (-got +want):\n%s", tt.name, d)
		}
	}
}

// TestFirstOfEquals: of responses that tie for best or worst the first counts.
func TestFirstOfEquals(t *testing.T) {
	for _, tt := range []struct {
		rule string
		raw  []float64
		want []string
	}{
		{"best-worst", []float64{5, 1, 9, 9, 1}, []string{"plain [] 2>1"}},
		{"best-random", []float64{1, 9, 1}, []string{"plain [] 1>2"}}, // the other of the worst is the middle
		{"best-worst", []float64{4, 4, 4}, nil},
	} {
		var drafts []draft
		for i, raw := range tt.raw {
			drafts = append(drafts, draft{ids: []int32{int32(i), 0}, raw: raw, score: raw})
		}
		samples, scores := tables("p1", drafts)
		got, counts, err := rows(t, use("none", tt.rule), samples, scores)
		if d := cmp.Diff(brief(got), tt.want); d != "" || err != nil || counts.Tie+counts.Pairs != 1 {
			t.Errorf("%s of %v: %+v, %v (-got +want):\n%s", tt.rule, tt.raw, counts, err, d)
		}
	}
}

// TestRow holds every column of a swapped row to its source.
func TestRow(t *testing.T) {
	samples, scores := tables("p1", four)
	got, _, err := rows(t, use("ra", "best-worst"), samples, scores)
	if err != nil {
		t.Fatal(err)
	}
	want := table.Pair{
		ID: "2-p1-2-1-goal_rejected", PromptID: "p1", Iteration: 2, Kind: table.KindGoalRejected, Goal: []float64{1},
		Messages:  []table.Message{{Role: "system", Content: "[1]"}, {Role: "user", Content: "ask p1"}},
		PromptIDs: []int32{0, 0}, ChosenIDs: []int32{1, 0}, RejectedIDs: []int32{9, 0}, Chosen: "p1/2", Rejected: "p1/1",
		ChosenSample: 2, RejectedSample: 1, RawChosen: .1, RawRejected: .9, RewardChosen: 1, RewardRejected: 9.26,
		WinChosen: .3972, WinRejected: .5908, // TestWins
	}
	near := cmp.Comparer(func(a, b float64) bool { return math.Abs(a-b) < 1e-4 })
	if d := cmp.Diff(got[1], want, near); d != "" {
		t.Errorf("(-got +want):\n%s", d)
	}
}

func TestAttributes(t *testing.T) {
	c := use("ra", "best-worst")
	c.Attributes = []string{"depth", "honesty"}
	samples, scores := tables("p1", []draft{
		{ids: []int32{1, 0}, raw: 1, score: 3, levels: []float64{7.77, 2}},
		{ids: []int32{2, 0}, raw: 2, score: 6, levels: []float64{4, 10}},
	})
	got, _, err := rows(t, c, samples, scores)
	want := []string{"goal_chosen [4 10] 1>0", "goal_rejected [7.8 2] 0>1"}
	if d := cmp.Diff(brief(got), want); d != "" || err != nil {
		t.Errorf("%v (-got +want):\n%s", err, d)
	}
	scores[1].Levels = []float64{4}
	if _, _, err := rows(t, c, samples, scores); err == nil || !strings.Contains(err.Error(), "sample 1: has 1 levels for the 2") {
		t.Errorf("a missing level: got %v", err)
	}
}

// TestCauses drops one pair for each cause.
func TestCauses(t *testing.T) {
	margin := use("ra", "best-worst")
	margin.MinMargin = 2
	a, b, c, limit := []int32{1, 0}, []int32{2, 0}, []int32{3, 0}, []int32{4, 4}
	whole, kept := use("none", "best-worst"), use("ra", "all")
	whole.LengthLimited, kept.Ties = "drop", "keep"
	for _, tt := range []struct {
		name   string
		c      configs.Augment
		drafts []draft
		want   augment.Counts
	}{
		{"identical", use("ra", "best-worst"), []draft{{a, 1, 1, nil}, {a, 2, 2, nil}}, augment.Counts{Identical: 1}},
		{"tie", use("ra", "best-worst"), []draft{{a, 1, 1, nil}, {b, 1, 1, nil}}, augment.Counts{Tie: 1}},
		{"equal in every way", use("ra", "best-worst"), []draft{{a, 1, 1, nil}, {a, 1, 1, nil}}, augment.Counts{Identical: 1}},
		{"margin", margin, []draft{{a, 1, 1, nil}, {b, 2, 2.9, nil}}, augment.Counts{Margin: 1}},
		{"margin reached", margin, []draft{{a, 1, 1, nil}, {b, 2, 3, nil}}, augment.Counts{Pairs: 1, Rows: 2}},
		{"same goal", use("ra", "best-worst"), []draft{{a, 1, 7.41, nil}, {b, 2, 7.44, nil}}, augment.Counts{SameGoal: 1}},
		{"same goal, one row", use("ra-plus", "best-worst"), []draft{{a, 1, 7.41, nil}, {b, 2, 7.44, nil}}, augment.Counts{Pairs: 1, Rows: 1}},
		{"clipped to the same goal", use("ra", "best-worst"), []draft{{a, 11, 10, nil}, {b, 12, 10, nil}}, augment.Counts{SameGoal: 1}},
		{"one response", use("ra", "both"), []draft{{a, 1, 1, nil}}, augment.Counts{TooFew: 2}},
		{"no middle", use("ra", "both"), []draft{{a, 1, 1, nil}, {b, 2, 2, nil}}, augment.Counts{TooFew: 1, Pairs: 1, Rows: 2}},
		{"middle ties with best", use("none", "both"), []draft{{a, 1, 1, nil}, {b, 2, 2, nil}, {c, 2, 2, nil}},
			augment.Counts{Tie: 1, Pairs: 1, Rows: 1}},
		{"empty", use("none", "best-worst"), []draft{{nil, 0, 1, nil}, {[]int32{0}, .5, 1, nil}, {b, 2, 2, nil}, {c, 3, 3, nil}},
			augment.Counts{Empty: 2, Pairs: 1, Rows: 1}},
		{"not scored", use("none", "best-worst"), []draft{{a, math.NaN(), math.NaN(), nil}, {b, 2, 2, nil}, {c, 3, 3, nil}},
			augment.Counts{Unscored: 1, Pairs: 1, Rows: 1}},
		{"infinite", use("none", "best-worst"), []draft{{a, math.Inf(1), math.NaN(), nil}, {b, 2, 2, nil}},
			augment.Counts{Unscored: 1, TooFew: 1}},
		{"no level", use("none", "best-worst"), []draft{{a, 1, 1, []float64{math.NaN()}}, {nil, math.NaN(), 0, nil}},
			augment.Counts{Unscored: 1, Empty: 1, TooFew: 1}},
		{"cut, kept", use("none", "best-worst"), []draft{{a, 1, 1, nil}, {limit, 2, 2, nil}}, augment.Counts{Pairs: 1, Rows: 1}},
		{"cut, dropped", whole, []draft{{a, 1, 1, nil}, {b, 2, 2, nil}, {limit, 3, 3, nil}}, augment.Counts{Limited: 1, Pairs: 1, Rows: 1}},
		{"below the threshold", use("none", "threshold"), []draft{{a, 1, 1, nil}, {b, 2, 5.4, nil}}, augment.Counts{TooFew: 1}},
		{"at the threshold", use("none", "threshold"), []draft{{a, 1, 1, nil}, {b, 2, 5.5, nil}}, augment.Counts{Pairs: 1, Rows: 1}},
		{"ties kept", kept, []draft{{a, 1, 4, nil}, {b, 1, 4, nil}, {b, 0, 1, nil}}, augment.Counts{Pairs: 2, Rows: 4, Identical: 1}},
		{"all empty", use("none", "best-worst"), []draft{{nil, 0, 1, nil}, {nil, 1, 2, nil}}, augment.Counts{Empty: 2, TooFew: 1}},
	} {
		samples, scores := tables("p1", tt.drafts)
		got, counts, err := rows(t, tt.c, samples, scores)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
		}
		tt.want.Prompts, tt.want.Responses = 1, len(tt.drafts)
		if d := cmp.Diff(counts, tt.want); d != "" || len(got) != counts.Rows {
			t.Errorf("%s: %d rows (-got +want):\n%s", tt.name, len(got), d)
		}
	}
}

// TestOrderIsIrrelevant shuffles prompts, and samples within each: the rows of
// a prompt stay the same. Another seed or iteration draws other middles.
func TestOrderIsIrrelevant(t *testing.T) {
	c := use("ra", "both")
	run := func(seed int64, iteration int, backwards bool) (map[string]table.Pair, string) {
		var samples []table.Sample
		var scores []table.Score
		for i := range 40 {
			var drafts []draft
			for j := range 7 {
				drafts = append(drafts, draft{ids: []int32{int32(i), int32(j)}, raw: float64(j * 3 % 7), score: 1 + float64(j*3%7)})
			}
			s, r := tables(fmt.Sprintf("p%d", i), drafts)
			samples, scores = append(samples, s...), append(scores, r...)
		}
		if backwards {
			slices.Reverse(samples)
			slices.Reverse(scores)
		}
		all, drawn := map[string]table.Pair{}, ""
		_, err := augment.Rows(c, seed, iteration, input(samples, scores), writer{}, func(p table.Pair) error {
			if _, twice := all[p.ID]; twice {
				t.Errorf("%s comes twice", p.ID)
			}
			all[p.ID] = p
			drawn += fmt.Sprint(p.RejectedSample)
			return nil
		})
		if err != nil || len(all) != 40*4 {
			t.Errorf("%d rows, %v", len(all), err)
		}
		return all, drawn
	}
	forwards, drawn := run(1, 1, false)
	if backwards, _ := run(1, 1, true); !cmp.Equal(forwards, backwards) {
		t.Errorf("rows depend on order:\n%s", cmp.Diff(forwards, backwards))
	}
	for _, other := range [][2]int{{2, 1}, {1, 2}} {
		if _, again := run(int64(other[0]), other[1], false); again == drawn {
			t.Errorf("seed %d, iteration %d draws as 1, 1 does", other[0], other[1])
		}
	}
}

func TestErrors(t *testing.T) {
	type tabs struct {
		samples []table.Sample
		scores  []table.Score
	}
	for _, tt := range []struct {
		name string
		harm func(*tabs)
		want string
	}{
		{"order", func(x *tabs) { x.scores[0], x.scores[1] = x.scores[1], x.scores[0] },
			"augment: row 0: the sample is 0 of prompt p1, the score of 1 of prompt p1: not of one run"},
		{"score missing", func(x *tabs) { x.scores = x.scores[:3] }, "augment: row 3: sample 3 of prompt p1 has no score; rank again"},
		{"score too many", func(x *tabs) { x.samples = x.samples[:3] },
			"augment: row 3: scores go on with sample 3 of prompt p1 after the last sample: not of one run"},
		{"sample twice", func(x *tabs) { x.samples[1].Sample, x.scores[1].Sample = 0, 0 }, "augment: prompt p1: sample 0 comes twice"},
		{"unknown prompt", func(x *tabs) {
			for i := range x.samples {
				x.samples[i].PromptID, x.scores[i].PromptID = "q", "q"
			}
		}, "augment: prompt q: is not in the prompts table, which must be the one that was sampled"},
		{"scattered", func(x *tabs) { x.samples[1].PromptID, x.scores[1].PromptID = "p2", "p2" },
			"augment: prompt p1: its samples stand in two places; sort the samples by prompt"},
	} {
		var x tabs
		x.samples, x.scores = tables("p1", four)
		tt.harm(&x)
		if _, _, err := rows(t, use("ra", "best-worst"), x.samples, x.scores); fmt.Sprint(err) != tt.want {
			t.Errorf("%s:\n got %v\nwant %s", tt.name, err, tt.want)
		}
	}
}

// TestFailures passes on what readers, renderer and writer report.
func TestFailures(t *testing.T) {
	broken := errors.New("broken")
	samples, scores := tables("p1", four)
	fine := func(table.Pair) error { return nil }
	badSamples := func(yield func(table.Sample, error) bool) { yield(table.Sample{}, broken) }
	badScores := func(yield func(table.Score, error) bool) { yield(table.Score{}, broken) }
	for name, run := range map[string]func() (augment.Counts, error){
		"samples": func() (augment.Counts, error) {
			return augment.Rows(use("ra", "best-worst"), 1, 1, augment.Join(each([]table.Prompt{{ID: "p1"}}), badSamples, each(scores)), writer{}, fine)
		},
		"scores": func() (augment.Counts, error) {
			return augment.Rows(use("ra", "best-worst"), 1, 1, augment.Join(each([]table.Prompt{{ID: "p1"}}), each(samples), badScores), writer{}, fine)
		},
		"renderer": func() (augment.Counts, error) {
			return augment.Rows(use("ra", "best-worst"), 1, 1, input(samples, scores), writer{broken}, fine)
		},
		"writer": func() (augment.Counts, error) {
			return augment.Rows(use("ra", "best-worst"), 1, 1, input(samples, scores), writer{}, func(table.Pair) error { return broken })
		},
	} {
		if counts, err := run(); !errors.Is(err, broken) || counts.Rows != 0 {
			t.Errorf("%s: got %v, %v", name, counts, err)
		}
	}
}

// Two responses to one prompt become two rows: at the goal 8 the first wins, at
// the goal 3 the second.
func ExampleRows() {
	samples, scores := tables("p1", []draft{
		{ids: []int32{11, 2}, raw: 0.16, score: 8},
		{ids: []int32{12, 2}, raw: 0.07, score: 3},
	})
	c := configs.Augment{Method: "ra", Pair: "best-worst", Decimals: 1}
	counts, err := augment.Rows(c, 42, 1, input(samples, scores), writer{}, func(p table.Pair) error {
		fmt.Printf("goal %v: %s over %s\n", p.Goal, p.Chosen, p.Rejected)
		return nil
	})
	fmt.Println(counts, err)
	// Output:
	// goal [8]: p1/0 over p1/1
	// goal [3]: p1/1 over p1/0
	// 1 prompts, 2 responses: 1 pairs kept as 2 rows, 0 dropped <nil>
}
