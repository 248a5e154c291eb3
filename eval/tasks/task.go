package tasks

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	"radpo/internal/table"
)

// Harness is the version of lm-evaluation-harness whose prompts and marks these
// are.
const Harness = "0.4.13"

// A Task is a benchmark.
type Task struct {
	Name      string
	Version   string   // of the harness's task
	Shots     int      // examples before the question, by default
	First     bool     // examples are the first ones; else they are drawn anew for each question
	Metric    string   // that papers report
	Until     []string // strings that end an answer; none: choices are ranked
	Shuffles  bool     // the order of choices is drawn, and not the harness's
	shape     string   // of a row
	columns   []string // of a row, the first of which must be there
	parse     func(r table.Record, subset string, seed int64) (Item, error)
	describes func(subset string) string // of what stands before all examples
	subsets   []string                   // that there are; none: any
	part      string                     // the one subset that the harness's name is of; or empty
	examples  string                     // where they are from
	strict    string                     // expression of the answer's number
}

// An Item is a question.
type Item struct {
	At       string   // file:line
	Question string   // up to where the answer begins
	Answer   string   // as an example shows it, or as a generated one is marked by
	Choices  []string // to be ranked; none: the answer is generated
	Gold     int      // number of the right choice; −1: it is none of them
	True     []bool   // of each choice, where several may be right (TruthfulQA)
}

// tasks are all there are.
var tasks = map[string]Task{
	"arc": {
		Version: "1.0", Metric: "acc_norm", parse: parseARC,
		columns: []string{"question", "choices", "answerKey"},
		shape:   `{question, choices: {text: [texts], label: [texts]}, answerKey}, as the data set allenai/ai2_arc`,
	},
	"truthfulqa": {
		Version: "3.0", Metric: "mc2", parse: parseTruthfulQA,
		columns: []string{"question", "mc2_targets"},
		shape:   `{question, mc2_targets: {choices: [texts], labels: [0 or 1]}}, as truthfulqa/truthful_qa, multiple_choice`,
	},
	"gsm8k": {
		Version: "3.0", Shots: 5, Metric: "exact_match/strict-match", parse: parseGSM8K,
		columns: []string{"question", "answer"},
		shape:   `{question, answer: "… #### 42"}, as openai/gsm8k`,
		Until:   []string{"Question:", "</s>", "<|im_end|>"},
		strict:  `#### (\-?[0-9\.\,]+)`, examples: "rows of openai/gsm8k's split train, {question, answer}",
	},
	"gsm8k-cot": {
		Version: "3.0", Shots: 8, First: true, Metric: "exact_match/strict-match", parse: parseGSM8KCoT,
		columns: []string{"question", "answer", "target"},
		shape:   `{question, answer: "… #### 42"}, as openai/gsm8k, or {question, target} for examples`,
		Until:   []string{"Q:", "</s>", "<|im_end|>"},
		strict:  `The answer is (\-?[0-9\.\,]+).`, examples: "the harness's lm_eval/tasks/gsm8k/gsm8k-cot.yaml, or rows {question, target}",
	},
	"gpqa": {
		Version: "1.0", First: true, Metric: "acc_norm", parse: parseGPQA, Shuffles: true,
		columns: []string{"Question", "Correct Answer", "Incorrect Answer 1", "Incorrect Answer 2", "Incorrect Answer 3", "choice1", "choice2", "choice3", "choice4", "answer"},
		shape:   `{"Question", "Correct Answer", "Incorrect Answer 1", …, "Incorrect Answer 3"}, as Idavidrein/gpqa, or with choice1 … choice4 and answer "(A)" in an order of its own`,
	},
	"musr": {
		Version: "1.0", Metric: "acc_norm", parse: parseMuSR,
		columns: []string{"narrative", "question", "choices", "answer_index", "answer_choice"},
		shape:   `{narrative, question, choices: "['a', 'b']", answer_index, answer_choice}, as TAUR-Lab/MuSR`,
	},
	"bbh": {
		Version: "1.0", Shots: 3, First: true, Metric: "acc_norm", parse: parseBBH, describes: describeBBH,
		columns: []string{"input", "target"}, subsets: slices.Sorted(maps.Keys(bbh)),
		shape: `{input, target}, as SaylorTwift/bbh`, examples: "the harness's folder lm_eval/tasks/leaderboard/bbh_mc, or one of SUBSET.jsonl with rows {input, target}",
	},
}

// Names are those of all tasks, sorted.
func Names() []string { return slices.Sorted(maps.Keys(tasks)) }

// harness are the names that lm-evaluation-harness has for them; BBH's subsets
// have each their own besides.
var harness = map[string]string{
	"arc_challenge": "arc", "arc_easy": "arc", "truthfulqa_mc2": "truthfulqa", "gsm8k_cot": "gsm8k-cot",
	"leaderboard_gpqa": "gpqa", "leaderboard_gpqa_main": "gpqa", "leaderboard_gpqa_diamond": "gpqa", "leaderboard_gpqa_extended": "gpqa",
	"leaderboard_musr": "musr", "leaderboard_musr_murder_mysteries": "musr", "leaderboard_musr_object_placements": "musr", "leaderboard_musr_team_allocation": "musr",
	"leaderboard_bbh": "bbh",
}

// Named is the task of a name, ours or the harness's.
func Named(name string) (Task, error) {
	own, part := name, ""
	if of, ok := harness[name]; ok {
		own = of
	} else if rest, ok := strings.CutPrefix(name, "leaderboard_bbh_"); ok && slices.Contains(tasks["bbh"].subsets, rest) {
		own, part = "bbh", rest
	}
	t, ok := tasks[own]
	if !ok {
		return t, fmt.Errorf("there is no task %q, only %s, or as the harness says %s, leaderboard_bbh_SUBSET",
			name, strings.Join(Names(), ", "), strings.Join(slices.Sorted(maps.Keys(harness)), ", "))
	}
	t.Name, t.part = own, part
	return t, nil
}

// ExamplesFrom says where a task's examples are from, which are not ours to give.
func (t Task) ExamplesFrom() string {
	return cmp.Or(t.examples, "rows as the questions', of another split")
}

// Generates says whether an answer is generated, in place of ranking choices.
func (t Task) Generates() bool { return t.Until != nil }

// Read yields the items of a file of a subset. Seed is of an order of choices
// that the file leaves open. The error of a row names it and the shape that it
// should have, and the rows after it follow.
func (t Task) Read(path, subset string, seed int64) iter.Seq2[Item, error] {
	return func(yield func(Item, error) bool) {
		for r, err := range table.ReadRecords(path, t.columns...) {
			var i Item
			switch {
			case err == nil:
				i, err = t.item(r, subset, seed)
			case !errors.As(err, new(*fs.PathError)):
				err = fmt.Errorf("%w; want a row %s", err, t.shape)
			}
			if !yield(i, err) {
				return
			}
		}
	}
}

// item is a row as an item.
func (t Task) item(r table.Record, subset string, seed int64) (Item, error) {
	i, err := t.parse(r, subset, seed)
	if err == nil && slices.Contains(i.Choices, "") {
		err = errors.New("a choice is empty")
	}
	if err != nil {
		return Item{}, fmt.Errorf("%s: %w; want a row %s", r.At, err, t.shape)
	}
	i.At = r.At
	return i, nil
}

// Subset is the task's own, or that of a file's name, which has it whole or at
// its end.
func (t Task) Subset(name string) (string, error) {
	if t.part != "" {
		return t.part, nil
	}
	if t.subsets == nil {
		return name, nil
	}
	for _, s := range t.subsets {
		if name == s || strings.HasSuffix(name, "_"+s) {
			return s, nil
		}
	}
	return "", fmt.Errorf("%s: the name is of no subset of %s: name the file by one of %s", name, t.Name, strings.Join(t.subsets, ", "))
}
