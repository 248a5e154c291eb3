package table

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// A layout is a shape in which scored responses are published.
type layout struct {
	name  string
	need  []string // columns; of "a|b" one is enough
	also  []string
	parse func(cols map[string]any, s *Scored) error
}

// layouts are tried in this order: a file that has the columns of several is of
// the first, which says more than the later ones do.
var layouts = []layout{
	{"radpo", []string{"messages", "responses", "scores"}, []string{"attributes", "attribute_names"}, parseOwn},
	{"ultrafeedback", []string{"instruction", "completions"}, nil, parseUltraFeedback},
	{"sppo", []string{"generate_0", "rm_scores|probability"}, append(generations(), "prompt"), parseSPPO},
	{"princeton-nlp", []string{"prompt", "all_generated_responses", "all_rm_scores"}, nil, listed("all_generated_responses", "all_rm_scores")},
	{"rlhflow", []string{"prompt|context_messages", "responses", "rewards"}, nil, listed("responses", "rewards")},
	{preprocessedLayout, []string{"chosen", "rejected", "overall_score_chosen", "overall_score_rejected"},
		[]string{"prompt", "fine_grain_score_chosen", "fine_grain_score_rejected"}, parsePreprocessed},
	{scoredPairLayout, []string{"chosen", "rejected", "score_chosen|reward_chosen", "score_rejected|reward_rejected"}, []string{"prompt"}, parseScoredPair},
	{TRLLayout, []string{"chosen", "rejected"}, []string{"prompt", "score_chosen", "reward_chosen", "score_rejected", "reward_rejected"}, parseScoredPair},
}

// TRLLayout is the layout of pairs without scores.
const TRLLayout = "trl"

const (
	preprocessedLayout = "ultrafeedback-preprocessed"
	scoredPairLayout   = "trl-scored"
)

// layoutIn is the layout of a file by its columns.
func layoutIn(f source, path string) (layout, error) {
	have, err := f.names()
	if err != nil {
		return layout{}, err
	}
	has := func(column string) bool {
		return slices.ContainsFunc(strings.Split(column, "|"), func(name string) bool { return slices.Contains(have, name) })
	}
	for _, l := range layouts {
		if !slices.ContainsFunc(l.need, func(column string) bool { return !has(column) }) {
			return l, nil
		}
	}
	var known strings.Builder
	for _, l := range layouts {
		fmt.Fprintf(&known, "\n  %s: %s", l.name, strings.ReplaceAll(strings.Join(l.need, ", "), "|", " or "))
	}
	return layout{}, fmt.Errorf("%s: its columns are of no layout of responses that is known here: it has %s; known are%s",
		path, strings.Join(have[:min(len(have), 50)], ", "), known.String())
}

// columns are what a reader of the layout looks for.
func (l layout) columns() columns {
	var all []string
	for _, column := range l.need {
		all = append(all, strings.Split(column, "|")...)
	}
	return columns{need: all, also: append(slices.Clone(l.also), "prompt_id")}
}

// parseOwn reads what import writes.
func parseOwn(cols map[string]any, s *Scored) (err error) {
	if s.Messages, err = promptMessages(cols["messages"]); err != nil {
		return fmt.Errorf("messages: %w", err)
	}
	if err := s.parseLists(cols, "responses", "scores"); err != nil {
		return err
	}
	if s.Names, err = texts(cols["attribute_names"]); err != nil {
		return fmt.Errorf("attribute_names: %w", err)
	}
	rows, _ := cols["attributes"].([]any)
	for i, row := range rows {
		values, err := numbers(row)
		if err != nil {
			return fmt.Errorf("attributes: element %d: %w", i, err)
		}
		s.Attributes = append(s.Attributes, values)
	}
	return nil
}

// RatedAttributes are those that UltraFeedback rates, in the order of the
// released preprocessing's fine_grain_score lists.
var RatedAttributes = []string{"helpfulness", "honesty", "instruction_following", "truthfulness"}

// parseUltraFeedback reads openbmb/UltraFeedback. A completion of which an
// attribute is rated N/A has no score, as the released preprocessing drops it.
func parseUltraFeedback(cols map[string]any, s *Scored) (err error) {
	if s.Messages, err = promptMessages(cols["instruction"]); err != nil {
		return fmt.Errorf("instruction: %w", err)
	}
	list, ok := zipped(cols["completions"]).([]any)
	if !ok {
		return fmt.Errorf("completions: got %s, want a list of objects", kindOf(cols["completions"]))
	}
	s.Names = RatedAttributes
	for i, v := range list {
		if err := s.completion(v); err != nil {
			return fmt.Errorf("completions: element %d: %w", i, err)
		}
	}
	return nil
}

func (s *Scored) completion(v any) error {
	c, ok := v.(map[string]any)
	if !ok {
		return fmt.Errorf("got %s, want an object", kindOf(v))
	}
	text, ok := c["response"].(string)
	if !ok {
		return fmt.Errorf("response: got %s, want text", kindOf(c["response"]))
	}
	score, err := scoreOf(c["overall_score"])
	if err != nil {
		return fmt.Errorf("overall_score: %w", err)
	}
	annotations, _ := c["annotations"].(map[string]any)
	ratings := make([]float64, len(RatedAttributes))
	for k, name := range RatedAttributes {
		a, _ := annotations[name].(map[string]any)
		if ratings[k], err = scoreOf(a["Rating"]); err != nil {
			return fmt.Errorf("annotations: %s: Rating: %w", name, err)
		}
		if annotations != nil && math.IsNaN(ratings[k]) {
			score = math.NaN()
		}
	}
	s.Responses, s.Scores, s.Attributes = append(s.Responses, text), append(s.Scores, score), append(s.Attributes, ratings)
	return nil
}

// generations are the columns of SPPO's responses behind the first.
func generations() []string {
	var names []string
	for i := 1; i < 32; i++ {
		names = append(names, fmt.Sprint("generate_", i))
	}
	return names
}

// parseSPPO reads what SPPO ranks: conversations and the ranker's scores, or
// else each response's mean probability of being preferred. Of more scores than
// responses the last count.
func parseSPPO(cols map[string]any, s *Scored) (err error) {
	for i := 0; cols[fmt.Sprint("generate_", i)] != nil; i++ {
		name := fmt.Sprint("generate_", i)
		before, text, err := answerOf(cols[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if i == 0 {
			s.Messages = before
		}
		s.Responses = append(s.Responses, text)
	}
	if p := cols["prompt"]; p != nil {
		s.Messages, err = promptMessages(p)
	} else {
		s.Messages, err = lastUser(s.Messages)
	}
	if err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	if cols["rm_scores"] == nil {
		s.Scores, err = means(cols["probability"])
		return err
	}
	if s.Scores, err = numbers(cols["rm_scores"]); err != nil {
		return fmt.Errorf("rm_scores: %w", err)
	}
	s.Scores = s.Scores[max(0, len(s.Scores)-len(s.Responses)):]
	return nil
}

// means is the mean of each list of a list.
func means(v any) ([]float64, error) {
	rows, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("probability: got %s, want a list of lists of numbers", kindOf(v))
	}
	var out []float64
	for i, row := range rows {
		values, err := numbers(row)
		if err != nil || len(values) == 0 {
			return nil, fmt.Errorf("probability: element %d: %w", i, errors.Join(err, errors.New("want a list of numbers")))
		}
		sum := 0.0
		for _, p := range values {
			sum += p
		}
		out = append(out, sum/float64(len(values)))
	}
	return out, nil
}

// listed reads a prompt with a list of responses and one of their scores.
func listed(responses, scores string) func(cols map[string]any, s *Scored) error {
	return func(cols map[string]any, s *Scored) (err error) {
		name := "prompt"
		if cols[name] == nil {
			name = "context_messages"
		}
		if s.Messages, err = promptMessages(cols[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		return s.parseLists(cols, responses, scores)
	}
}

func (s *Scored) parseLists(cols map[string]any, responses, scores string) (err error) {
	list, ok := cols[responses].([]any)
	if !ok {
		return fmt.Errorf("%s: got %s, want a list", responses, kindOf(cols[responses]))
	}
	for i, v := range list {
		_, text, err := answerOf(v)
		if err != nil {
			return fmt.Errorf("%s: element %d: %w", responses, i, err)
		}
		s.Responses = append(s.Responses, text)
	}
	if s.Scores, err = numbers(cols[scores]); err != nil {
		return fmt.Errorf("%s: %w", scores, err)
	}
	return nil
}

// answerOf is a text, or the last turn of a conversation, which is the
// assistant's, with the turns before it.
func answerOf(v any) (before []Message, text string, err error) {
	switch v := zipped(v).(type) {
	case string:
		return nil, v, nil
	case []any:
		turns, err := parseMessages(v)
		if n := len(turns); err == nil && (n == 0 || turns[n-1].Role != "assistant") {
			err = errors.New("the last turn is not the assistant's")
		}
		if err != nil {
			return nil, "", err
		}
		return turns[:len(turns)-1], turns[len(turns)-1].Content, nil
	}
	return nil, "", fmt.Errorf("got %s, want a text or a list of messages", kindOf(v))
}

// parsePreprocessed reads what the paper's released preprocessing makes of
// UltraFeedback.
func parsePreprocessed(cols map[string]any, s *Scored) error {
	if err := s.parsePair(cols, "overall_score_chosen", "overall_score_rejected"); err != nil {
		return err
	}
	for _, name := range []string{"fine_grain_score_chosen", "fine_grain_score_rejected"} {
		if cols[name] == nil {
			s.Attributes = nil
			return nil
		}
		values, err := numbers(cols[name])
		if err != nil || len(values) != len(RatedAttributes) {
			return fmt.Errorf("%s: %w", name, errors.Join(err, fmt.Errorf("want %d numbers", len(RatedAttributes))))
		}
		s.Names, s.Attributes = RatedAttributes, append(s.Attributes, values)
	}
	return nil
}

// parseScoredPair reads TRL's columns and, where it is there, each side's score.
func parseScoredPair(cols map[string]any, s *Scored) error {
	chosen, rejected := "score_chosen", "score_rejected"
	if cols[chosen] == nil {
		chosen, rejected = "reward_chosen", "reward_rejected"
	}
	return s.parsePair(cols, chosen, rejected)
}

func (s *Scored) parsePair(cols map[string]any, chosen, rejected string) error {
	var p Pair
	if err := p.parseText(cols); err != nil {
		return err
	}
	s.Messages, s.Responses, s.Scores = p.Messages, []string{p.Chosen, p.Rejected}, make([]float64, 2)
	for i, name := range []string{chosen, rejected} {
		var err error
		if s.Scores[i], err = scoreOf(cols[name]); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// scoreOf is a number, or text of one; NaN for nothing and for N/A.
func scoreOf(v any) (float64, error) {
	text, ok := v.(string)
	switch {
	case v == nil, ok && strings.EqualFold(text, "n/a"):
		return math.NaN(), nil
	case ok:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return 0, fmt.Errorf("got the text %.40q, want a number", text)
		}
		return x, nil
	}
	return numberOf(v)
}

// numbers reads a list of scores.
func numbers(v any) ([]float64, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("got %s, want a list of numbers", kindOf(v))
	}
	out := make([]float64, len(list))
	for i, v := range list {
		var err error
		if out[i], err = scoreOf(v); err != nil {
			return nil, fmt.Errorf("element %d: %w", i, err)
		}
	}
	return out, nil
}

// texts reads a list of texts; nothing is none.
func texts(v any) ([]string, error) {
	list, ok := v.([]any)
	if v != nil && !ok {
		return nil, fmt.Errorf("got %s, want a list of texts", kindOf(v))
	}
	out := make([]string, len(list))
	for i, v := range list {
		if out[i], ok = v.(string); !ok {
			return nil, fmt.Errorf("element %d: got %s, want text", i, kindOf(v))
		}
	}
	return out, nil
}
