package eval

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"unicode/utf8"
)

// An ID is a question's: files write it as a number or as text.
type ID string

// UnmarshalJSON takes either.
func (i *ID) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		return json.Unmarshal(b, (*string)(i))
	}
	var n json.Number
	err := json.Unmarshal(b, &n)
	*i = ID(n)
	return err
}

// MarshalJSON writes a whole number as one.
func (i ID) MarshalJSON() ([]byte, error) {
	if n, err := strconv.ParseInt(string(i), 10, 64); err == nil && strconv.FormatInt(n, 10) == string(i) {
		return []byte(i), nil
	}
	return json.Marshal(string(i))
}

// named checks a member that names something.
func named(member, name string) error {
	switch {
	case name == "":
		return fmt.Errorf("%s: is missing", member)
	case len(name) > 1000:
		return fmt.Errorf("%s: got %d bytes, want a name", member, len(name))
	}
	return nil
}

// An MTQuestion is a line of FastChat's question.jsonl.
type MTQuestion struct {
	ID       ID       `json:"question_id"`
	Category string   `json:"category"`
	Turns    []string `json:"turns"` // the user's
}

// Shapes of MT-Bench's files, for messages.
const (
	MTQuestionShape = `{"question_id": 81, "category": "writing", "turns": ["…", "…"]}, as FastChat's question.jsonl`
	MTAnswerShape   = `{"question_id": 81, "model_id": "…", "choices": [{"turns": ["…", "…"]}]}, as FastChat's model_answer/*.jsonl`
	MTJudgmentShape = `{"question_id": 81, "model": "…", "judge": ["…", "single-v1"], "judgment": "…", "score": 7, "turn": 1}, as FastChat's model_judgment/*_single.jsonl`
	MTPromptShape   = `{"name": "single-v1", "type": "single", "system_prompt": "…", "prompt_template": "…"}, as FastChat's judge_prompts.jsonl`
)

// Check reports what a question lacks.
func (q MTQuestion) Check() error {
	if err := cmp.Or(named("question_id", string(q.ID)), named("category", q.Category)); err != nil {
		return err
	}
	switch {
	case len(q.Turns) < 1 || len(q.Turns) > 2:
		return fmt.Errorf("turns: got %d, want one or two", len(q.Turns))
	}
	return nil
}

// Temperature is that at which FastChat has models answer; below 1e-4, greedy.
func (q MTQuestion) Temperature() float64 {
	switch q.Category {
	case "extraction", "math", "coding", "reasoning":
		return 0
	case "stem", "humanities":
		return 0.1
	}
	return 0.7
}

// NeedsReference reports whether the judge sees a reference answer.
func (q MTQuestion) NeedsReference() bool {
	return q.Category == "math" || q.Category == "reasoning" || q.Category == "coding"
}

// An MTAnswer is a line of FastChat's model_answer and reference_answer files.
type MTAnswer struct {
	ID       ID         `json:"question_id"`
	AnswerID string     `json:"answer_id"`
	Model    string     `json:"model_id"`
	Choices  []MTChoice `json:"choices"` // of which the first counts
	Time     float64    `json:"tstamp"`  // seconds
}

// Key is the question's name.
func (a MTAnswer) Key() string { return string(a.ID) }

// Who is the model that answered.
func (a MTAnswer) Who() string { return a.Model }

// An MTChoice is one try at a conversation.
type MTChoice struct {
	Index int      `json:"index"`
	Turns []string `json:"turns"`
}

// Check reports what an answer lacks.
func (a MTAnswer) Check() error {
	if err := cmp.Or(named("question_id", string(a.ID)), named("model_id", a.Model)); err != nil {
		return err
	}
	switch {
	case len(a.Choices) == 0 || len(a.Choices[0].Turns) == 0:
		return errors.New("choices: want one with the answers as turns")
	}
	return nil
}

// An MTJudgment is a line of FastChat's model_judgment/JUDGE_single.jsonl.
type MTJudgment struct {
	ID       ID       `json:"question_id"`
	Model    string   `json:"model"`
	Judge    []string `json:"judge"` // the model and the name of the prompt
	Prompt   string   `json:"user_prompt"`
	Judgment string   `json:"judgment"`
	Score    *float64 `json:"score"` // −1: the judge gave none
	Turn     int      `json:"turn"`
	Time     float64  `json:"tstamp"`
}

// Check reports what a judgment lacks.
func (j MTJudgment) Check() error {
	if err := cmp.Or(named("question_id", string(j.ID)), named("model", j.Model)); err != nil {
		return err
	}
	switch {
	case len(j.Judge) == 0:
		return errors.New("judge: is missing")
	case j.Score == nil:
		return errors.New("score: is missing")
	case *j.Score != -1 && !(*j.Score >= 0): // a judge may well write [2023], which upstream takes too
		return fmt.Errorf("score: got %v, want a rating, or -1 where there is none", *j.Score)
	case j.Turn != 1 && j.Turn != 2:
		return fmt.Errorf("turn: got %d, want 1 or 2", j.Turn)
	}
	return nil
}

// An MTPrompt is a line of FastChat's judge_prompts.jsonl.
type MTPrompt struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	System   string `json:"system_prompt"`
	Template string `json:"prompt_template"`
}

// Check reports what a prompt lacks.
func (p MTPrompt) Check() error {
	if p.Name == "" || p.Template == "" {
		return errors.New("name, prompt_template: want both")
	}
	return nil
}

var ratings = []*regexp.Regexp{regexp.MustCompile(`\[\[(\d+\.?\d*)\]\]`), regexp.MustCompile(`\[(\d+\.?\d*)\]`)}

// MTScore is FastChat's reading of a judgment: the first number in double
// brackets, else the first in single ones, else −1.
func MTScore(judgment string) float64 {
	for _, pattern := range ratings {
		if m := pattern.FindStringSubmatch(judgment); m != nil {
			if v, err := strconv.ParseFloat(m[1], 64); err == nil {
				return v
			}
		}
	}
	return -1
}

// An MTBench is what MT-Bench measures one model by.
type MTBench struct {
	Questions []MTQuestion
	Judgments []MTJudgment
	Answers   []MTAnswer // for their lengths; nil: unknown
	Settings  map[string]any
}

// judgeSeed is of the bootstrap.
const judgeSeed = 42

// Result has average, over all valid judgments as upstream, turn_1, turn_2,
// category/NAME, failed (the share of judgments without a score) and length
// (characters of an answer), with an item a judgment: both turns of a question
// are one cluster.
func (b MTBench) Result() (Result, []Item, error) {
	if len(b.Judgments) == 0 {
		return Result{}, nil, errors.New("mt-bench: there are no judgments")
	}
	category := map[ID]string{}
	for _, q := range b.Questions {
		category[q.ID] = q.Category
	}
	answers := map[ID][]string{}
	for _, a := range b.Answers {
		answers[a.ID] = a.Choices[0].Turns
	}
	var items []Item
	ids := roll{}
	for _, j := range b.Judgments {
		of, known := category[j.ID]
		if !known {
			return Result{}, nil, fmt.Errorf("mt-bench: a judgment is of question %s, which the questions do not have", j.ID)
		}
		i := Item{ID: ids.once(fmt.Sprintf("%s/%d", j.ID, j.Turn)), Cluster: string(j.ID), Values: map[string]float64{"failed": 1}}
		if score := *j.Score; score != -1 {
			i.Values = map[string]float64{"failed": 0, "average": score, fmt.Sprintf("turn_%d", j.Turn): score, "category/" + of: score}
		}
		if turns := answers[j.ID]; len(turns) >= j.Turn {
			i.Values["length"] = float64(utf8.RuneCountInString(turns[j.Turn-1]))
		}
		items = append(items, i)
	}
	first := b.Judgments[0]
	return Result{
		Benchmark: "mt_bench", Version: "single", Model: first.Model, Judge: first.Judge[0], Seed: judgeSeed, Metrics: MetricsOf(items, judgeSeed), Settings: b.Settings,
	}, items, nil
}
