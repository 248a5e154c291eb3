package eval

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// ArenaRules are a version's of Arena-Hard: how verdicts are read and scored.
// Scores of the versions are not comparable.
type ArenaRules string

const (
	ArenaV01 ArenaRules = "v0.1" // April 2024
	ArenaV2  ArenaRules = "v2"   // April 2025
)

// Shapes of Arena-Hard's files, for messages.
const (
	ArenaQuestionShape = `{"uid": "…", "category": "…", "prompt": "…"}, or {"question_id": "…", "category": "…", "turns": [{"content": "…"}]}, as Arena-Hard's question.jsonl`
	ArenaAnswerShape   = `{"uid": "…", "model": "…", "messages": [{"role": "user", "content": "…"}, {"role": "assistant", "content": {"answer": "…"}}]}, or ` +
		`{"question_id": "…", "model_id": "…", "choices": [{"turns": [{"content": "…"}]}]}, as Arena-Hard's model_answer/*.jsonl`
	ArenaJudgmentShape = `{"uid": "…", "model": "…", "judge": "…", "games": [{"score": "A>B"}, {"score": "B>A"}]}, as Arena-Hard's model_judgment/JUDGE/*.jsonl`
)

// A content is text by itself, or in an object: {"answer"}, {"content"}.
type content string

func (c *content) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '{' {
		return json.Unmarshal(b, (*string)(c))
	}
	var o struct {
		Answer  *string `json:"answer"`
		Content *string `json:"content"`
	}
	err := json.Unmarshal(b, &o)
	switch {
	case err != nil:
		return err
	case o.Answer != nil:
		*c = content(*o.Answer)
	case o.Content != nil:
		*c = content(*o.Content)
	}
	return nil
}

// An ArenaQuestion is a line of question.jsonl, of either year.
type ArenaQuestion struct {
	UID         ID        `json:"uid"`
	QuestionID  ID        `json:"question_id"` // of 2024
	Category    string    `json:"category"`
	Subcategory string    `json:"subcategory"` // of v2
	Prompt      string    `json:"prompt"`
	Turns       []content `json:"turns"` // of 2024: one
}

// Key is the question's name.
func (q ArenaQuestion) Key() string { return either(q.UID, q.QuestionID) }

// Text is what is asked.
func (q ArenaQuestion) Text() string {
	if q.Prompt == "" && len(q.Turns) > 0 {
		return string(q.Turns[0])
	}
	return q.Prompt
}

func either(a, b ID) string {
	if a != "" {
		return string(a)
	}
	return string(b)
}

// Check reports what a question lacks.
func (q ArenaQuestion) Check() error {
	if err := named("uid", q.Key()); err != nil {
		return err
	}
	switch {
	case q.Text() == "":
		return errors.New("prompt: is missing")
	case len(q.Turns) > 1:
		return fmt.Errorf("turns: got %d, want one", len(q.Turns))
	}
	return nil
}

// An ArenaAnswer is a line of model_answer/*.jsonl, of either year.
type ArenaAnswer struct {
	UID          ID     `json:"uid"`
	QuestionID   ID     `json:"question_id"`
	Model        string `json:"model"`
	ModelID      string `json:"model_id"`
	Messages     []struct{ Content content }
	Choices      []struct{ Turns []content }
	Metadata     *ArenaStyle `json:"metadata"`
	ConvMetadata *ArenaStyle `json:"conv_metadata"`
}

// NewArenaAnswer is a model's answer to a question.
func NewArenaAnswer(question, model, text string) ArenaAnswer {
	return ArenaAnswer{UID: ID(question), Model: model, Messages: []struct{ Content content }{{content(text)}}}
}

// Key is the question's name.
func (a ArenaAnswer) Key() string { return either(a.UID, a.QuestionID) }

// Who is the model that answered.
func (a ArenaAnswer) Who() string { return either(ID(a.Model), ID(a.ModelID)) }

// Text is the answer.
func (a ArenaAnswer) Text() string {
	if n := len(a.Messages); n > 0 {
		return string(a.Messages[n-1].Content)
	}
	return string(a.Choices[0].Turns[0])
}

// Style is what the file says of the answer's; nil: nothing.
func (a ArenaAnswer) Style() *ArenaStyle {
	if a.Metadata != nil {
		return a.Metadata
	}
	return a.ConvMetadata
}

// Check reports what an answer lacks.
func (a ArenaAnswer) Check() error {
	if err := cmp.Or(named("uid", a.Key()), named("model", a.Who())); err != nil {
		return err
	}
	switch {
	case len(a.Messages) == 0 && (len(a.Choices) == 0 || len(a.Choices[0].Turns) == 0):
		return errors.New("messages: want the user's and the assistant's")
	}
	return nil
}

// An ArenaGame is the judge's word on two answers: in the first game A is the
// baseline's, in the second the model's.
type ArenaGame struct {
	Score    *string `json:"score"` // the label; nil: the judge gave none
	Judgment content `json:"judgment"`
}

// Counts reports whether the game has a verdict: files also have labels such as
// [[A]], which are none.
func (r ArenaRules) Counts(g *ArenaGame) bool {
	return g != nil && g.Score != nil && r.known(*g.Score) != ""
}

// An ArenaJudgment is a line of model_judgment/JUDGE/*.jsonl, of either year.
type ArenaJudgment struct {
	UID        ID           `json:"uid"`
	QuestionID ID           `json:"question_id"`
	Category   string       `json:"category"`
	Judge      string       `json:"judge"`
	Model      string       `json:"model"`
	Baseline   string       `json:"baseline"`
	Games      []*ArenaGame `json:"games"`
}

// Key is the question's name.
func (j ArenaJudgment) Key() string { return either(j.UID, j.QuestionID) }

// Check reports what a judgment lacks.
func (j ArenaJudgment) Check() error {
	if err := cmp.Or(named("uid", j.Key()), named("model", j.Model)); err != nil {
		return err
	}
	switch {
	case len(j.Games) != 2:
		return fmt.Errorf("games: got %d, want two, the second with the answers in the other order", len(j.Games))
	}
	for i, g := range j.Games {
		if g != nil && g.Score != nil && strings.Trim(*g.Score, "AB<>=") != "" {
			return fmt.Errorf("games: %d: score: got %q, want one of A>>B, A>B, A=B, B>A, B>>A, or null", i+1, *g.Score)
		}
	}
	return nil
}

// A verdict is what a label says of A: 1 better, 0 worse, and how often it
// counts.
type verdict struct{ score, weight float64 }

// much is how often a label with >> counts.
const much = 3

var labels = map[string]verdict{
	"A>>B": {1, much}, "A>B": {1, 1}, "A=B": {0.5, 1}, "B>A": {0, 1}, "B>>A": {0, much},
	"B<<A": {1, much}, "B<A": {1, 1}, "B=A": {0.5, 1}, "A<B": {0, 1}, "A<<B": {0, much},
}

var bracketed = []*regexp.Regexp{regexp.MustCompile(`\[\[([AB<>=]+)\]\]`), regexp.MustCompile(`\[([AB<>=]+)\]`)}

// Verdict reads a judge's reply. In v2 the last label in double brackets
// counts, else the last in single ones. In v0.1 all in double brackets must
// agree; where there are none, again says that the judge is worth asking once
// more. An empty label is no verdict.
func (r ArenaRules) Verdict(reply string) (label string, again bool) {
	if r == ArenaV01 {
		all := found(bracketed[0], reply)
		slices.Sort(all)
		if all = slices.Compact(all); len(all) == 1 {
			return r.known(all[0]), false
		}
		return "", len(all) == 0
	}
	for _, pattern := range bracketed {
		if all := found(pattern, strings.ToUpper(reply)); len(all) > 0 {
			return r.known(all[len(all)-1]), false
		}
	}
	return "", false
}

func found(pattern *regexp.Regexp, reply string) []string {
	var out []string
	for _, m := range pattern.FindAllStringSubmatch(reply, -1) {
		out = append(out, m[1])
	}
	return out
}

// known is a label that counts; others, such as [[A]], are none. The labels that
// the judge is told of count in either version, their mirror images in v2 alone.
func (r ArenaRules) known(label string) string {
	mirrored := strings.Contains(label, "<") || label == "B=A"
	if labels[label] == (verdict{}) || mirrored && r == ArenaV01 {
		return ""
	}
	return label
}

// A battle is one game as it counts for the model.
type battle struct {
	question string
	model    string
	score    float64 // 1: the model won
	weight   float64
	style    []float64 // differences of style; nil: none are controlled for
}

// battles are a judgment's games that count: v2 leaves a question out when
// either game has no verdict, v0.1 only that game.
func (r ArenaRules) battles(j ArenaJudgment) []battle {
	out := r.decided(j)
	if r == ArenaV2 && len(out) < len(j.Games) {
		return nil
	}
	return out
}

// decided are a judgment's games that have a verdict.
func (r ArenaRules) decided(j ArenaJudgment) []battle {
	var out []battle
	for i, g := range j.Games {
		if !r.Counts(g) {
			continue
		}
		v := labels[*g.Score]
		if i == 0 {
			v.score = 1 - v.score
		}
		out = append(out, battle{question: j.Key(), model: j.Model, score: v.score, weight: v.weight})
	}
	return out
}
