package tasks_test

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"radpo/eval/tasks"
)

// harnessItem is a row as lm-evaluation-harness has it, from tools/golden/tasks.py.
type harnessItem struct {
	Context           string
	Messages          []struct{ Role, Content string }
	Choices           []string
	Continuations     []string
	ContinuationsChat []string `json:"continuations_chat"`
	Loglikelihoods    []float64
	Values            map[string]float64
	Marks             []struct {
		Text            string
		StrictMatch     string `json:"strict-match"`
		FlexibleExtract string `json:"flexible-extract"`
		Values          map[string]float64
	}
}

type harnessTask struct {
	Task, Subset, Data, Examples string
	Shots                        int
	Items                        []harnessItem
	SEM                          map[string]float64
}

func goldens(t *testing.T) (seed uint32, list []harnessTask) {
	t.Helper()
	text, err := os.ReadFile("testdata/tasks.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct {
		Harness string `json:"lm_eval"`
		Seed    uint32
		Tasks   []harnessTask
	}
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	if file.Harness != tasks.Harness {
		t.Fatalf("the goldens are of lm_eval %s, want %s", file.Harness, tasks.Harness)
	}
	return file.Seed, file.Tasks
}

func read(t *testing.T, task tasks.Task, name, subset string) (out []tasks.Item) {
	t.Helper()
	for i, err := range task.Read(filepath.Join("testdata", name), subset, 0) {
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, i)
	}
	return out
}

// TestHarness holds prompts, continuations, metrics and standard errors to the
// harness's own.
func TestHarness(t *testing.T) {
	seed, list := goldens(t)
	seen := map[string]bool{}
	for _, want := range list {
		seen[want.Task] = true
		t.Run(fmt.Sprint(want.Task, "/", want.Subset, "/", want.Shots), func(t *testing.T) {
			task, err := tasks.Named(want.Task)
			if err != nil {
				t.Fatal(err)
			}
			s := tasks.Set{Task: task, Subset: want.Subset, Items: read(t, task, want.Data, want.Subset)}
			switch {
			case strings.HasSuffix(want.Examples, ".yaml"):
				if s.Examples, err = task.ReadYAML(filepath.Join("testdata", want.Examples), want.Subset, 0); err != nil {
					t.Fatal(err)
				}
			case want.Examples != "":
				s.Examples = read(t, task, want.Examples, want.Subset)
			}
			shown, err := s.Shown(want.Shots, seed)
			if err != nil {
				t.Fatal(err)
			}
			if len(s.Items) != len(want.Items) {
				t.Fatalf("%d items, want %d", len(s.Items), len(want.Items))
			}
			var outcomes []tasks.Outcome
			for i, item := range s.Items {
				checkPrompt(t, s, shown[i], item, want.Items[i])
				outcomes = append(outcomes, tasks.Outcome{Item: i, Values: checkMarks(t, task, item, want.Items[i])})
			}
			if task.Generates() {
				return
			}
			r, items := task.Result([]tasks.Set{s}, outcomes, 0)
			for name, se := range want.SEM {
				if got := r.Metrics[name].SE; math.Abs(got-se) > 1e-12 {
					t.Errorf("standard error of %s: got %v, want %v", name, got, se)
				}
			}
			if len(items) != len(s.Items) {
				t.Errorf("%d items in the result, want %d", len(items), len(s.Items))
			}
		})
	}
	for _, name := range tasks.Names() {
		if !seen[name] {
			t.Errorf("task %s has no golden", name)
		}
	}
}

func checkPrompt(t *testing.T, s tasks.Set, shown []tasks.Item, item tasks.Item, want harnessItem) {
	t.Helper()
	if got := s.Context("", shown, item); got != want.Context {
		t.Fatalf("%s: context\n%q, want\n%q", item.At, got, want.Context)
	}
	messages := s.Messages("", shown, item)
	if len(messages) != len(want.Messages) {
		t.Fatalf("%s: %d messages, want %d", item.At, len(messages), len(want.Messages))
	}
	for k, m := range messages {
		if m.Role != want.Messages[k].Role || m.Content != want.Messages[k].Content {
			t.Errorf("%s: message %d: got %q, want %q", item.At, k, m, want.Messages[k])
		}
	}
	if got := item.Continuations(false); !slices.Equal(got, want.Continuations) {
		t.Errorf("%s: continuations %q, want %q", item.At, got, want.Continuations)
	}
	if got := item.Continuations(true); !slices.Equal(got, want.ContinuationsChat) {
		t.Errorf("%s: continuations with a template %q, want %q", item.At, got, want.ContinuationsChat)
	}
}

// checkMarks returns the item's values.
func checkMarks(t *testing.T, task tasks.Task, item tasks.Item, want harnessItem) map[string]float64 {
	t.Helper()
	if !task.Generates() {
		got := item.Rank(want.Loglikelihoods).Values
		for name, v := range want.Values {
			if math.Abs(got[name]-v) > 1e-12 {
				t.Errorf("%s: %s: got %v, want %v", item.At, name, got[name], v)
			}
		}
		return got
	}
	if len(want.Marks) == 0 {
		t.Errorf("%s: nothing to mark", item.At)
	}
	for _, m := range want.Marks {
		got := task.Mark(item, m.Text)
		if got.Strict != m.StrictMatch || got.Flexible != m.FlexibleExtract {
			t.Errorf("%s: %q: read %q and %q, want %q and %q", item.At, m.Text, got.Strict, got.Flexible, m.StrictMatch, m.FlexibleExtract)
		}
		if !reflect.DeepEqual(got.Values, m.Values) {
			t.Errorf("%s: %q: got %v, want %v", item.At, m.Text, got.Values, m.Values)
		}
	}
	return nil
}

// TestGPQAOrder: the same seed gives the same order whatever ran before, its
// answers are the harness's cleaned ones, and another seed gives another order.
func TestGPQAOrder(t *testing.T) {
	task, _ := tasks.Named("gpqa")
	ordered := read(t, task, "gpqa-ordered.jsonl", "gpqa")
	moved := false
	for i, item := range read(t, task, "gpqa.jsonl", "gpqa") {
		if a, b := answers(item), answers(ordered[i]); !slices.Equal(a, b) {
			t.Errorf("%s: answers %q, want %q", item.At, a, b)
		}
		if a, b := right(item), right(ordered[i]); a != b {
			t.Errorf("%s: the right answer is %q, want %q", item.At, a, b)
		}
		moved = moved || item.Question != ordered[i].Question
	}
	if !moved {
		t.Error("every order is the harness's: the test shows nothing")
	}
}

// lines are the lettered ones.
func lines(i tasks.Item) []string {
	all := strings.Split(strings.SplitN(i.Question, "\nChoices:\n", 2)[1], "\n")
	return all[:4]
}

func answers(i tasks.Item) []string {
	out := lines(i)
	for k := range out {
		out[k] = out[k][4:]
	}
	slices.Sort(out)
	return out
}

func right(i tasks.Item) string { return lines(i)[i.Gold][4:] }

// TestSplit: white space goes over, and an empty context has a token.
func TestSplit(t *testing.T) {
	encode := func(s string) (out []int32) { // a token a byte, but two spaces are one
		for s != "" {
			if rest, ok := strings.CutPrefix(s, "  "); ok {
				out, s = append(out, 1), rest
			} else {
				out, s = append(out, int32(s[0])), s[1:]
			}
		}
		return out
	}
	tests := []struct {
		context, continuation string
		before, behind        []int32
	}{
		{"a:", " b", []int32{'a', ':'}, []int32{' ', 'b'}},
		{"a: ", " b", []int32{'a', ':'}, []int32{1, 'b'}},
		{"a\n\n", "b", []int32{'a'}, []int32{'\n', '\n', 'b'}},
		{"", "b", []int32{9}, []int32{'b'}},
		{"", "\tb", []int32{9}, []int32{'b'}},
	}
	for _, tt := range tests {
		before, behind := tasks.Split(encode, []int{9}, tt.context, tt.continuation)
		if !slices.Equal(before, tt.before) || !slices.Equal(behind, tt.behind) {
			t.Errorf("%q + %q: got %v and %v, want %v and %v", tt.context, tt.continuation, before, behind, tt.before, tt.behind)
		}
	}
}

// TestGroups: sets weigh by their size, and the error is pooled over them.
func TestGroups(t *testing.T) {
	task, _ := tasks.Named("musr")
	sets := []tasks.Set{{Task: task, Subset: "a", Items: make([]tasks.Item, 3)}, {Task: task, Subset: "b", Items: make([]tasks.Item, 2)}}
	var outcomes []tasks.Outcome
	for i, v := range []float64{1, 1, 0, 0, 1} {
		outcomes = append(outcomes, tasks.Outcome{Set: i / 3, Item: i % 3, Values: map[string]float64{"acc_norm": v}})
	}
	r, _ := task.Result(sets, outcomes, 0)
	// lm_eval's pooled_sample_stderr([sqrt(1/9), 0.5], [3, 2]).
	if m := r.Metrics["acc_norm"]; m.Value != 0.6 || math.Abs(m.SE-math.Sqrt((2*3./9+1*2./4)/3/5)) > 1e-12 || m.N != 5 {
		t.Errorf("acc_norm: got %+v", m)
	}
	if m := r.Metrics["b/acc_norm"]; m.Value != 0.5 || math.Abs(m.SE-0.5) > 1e-12 {
		t.Errorf("b/acc_norm: got %+v", m)
	}
}

// TestNamed takes the harness's names for tasks that ask alike, and no others.
func TestNamed(t *testing.T) {
	for name, want := range map[string]string{
		"arc": "arc", "arc_challenge": "arc", "arc_easy": "arc", "truthfulqa_mc2": "truthfulqa", "gsm8k_cot": "gsm8k-cot",
		"leaderboard_gpqa_diamond": "gpqa", "leaderboard_musr": "musr", "leaderboard_bbh_snarks": "bbh",
		"arc_challenge_chat": "", "gsm8k_cot_zeroshot": "", "leaderboard_bbh_object": "", "truthfulqa_mc1": "",
	} {
		if got, err := tasks.Named(name); got.Name != want || (err == nil) != (want != "") {
			t.Errorf("%s: got %q, %v, want %q", name, got.Name, err, want)
		}
	}
	part, err := tasks.Named("leaderboard_bbh_snarks")
	if err != nil {
		t.Fatal(err)
	}
	if got, err := part.Subset("rows"); got != "snarks" || err != nil {
		t.Errorf("the subset of leaderboard_bbh_snarks is %q, %v", got, err)
	}
}

// TestNoAnswer: an example without an answer is a question alone, as in the
// harness, where whatever follows stands right behind it.
func TestNoAnswer(t *testing.T) {
	task, err := tasks.Named("gsm8k-cot")
	if err != nil {
		t.Fatal(err)
	}
	s := tasks.Set{Task: task}
	shown := []tasks.Item{{Question: "Q: a\nA:"}, {Question: "Q: b\nA:", Answer: "2"}}
	last := tasks.Item{Question: "Q: c\nA:"}
	if got, want := s.Context("", shown, last), "Q: a\nA:Q: b\nA: 2\n\nQ: c\nA:"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	roles := ""
	for _, m := range s.Messages("", shown, last) {
		roles += m.Role[:1]
	}
	if roles != "uuau" {
		t.Errorf("got roles %s", roles)
	}
}
