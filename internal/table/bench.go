package table

import (
	"errors"
	"fmt"
	"iter"
	"math"
)

// A BenchItem is one question of RewardBench with its answers, the correct ones
// first, or with their scores.
type BenchItem struct {
	At       string // file:line, or file and row
	ID       string
	Subset   string
	Version  int       // 1: one answer against another (arXiv:2403.13787); 2: lists of them (arXiv:2506.01937)
	Correct  int       // how many of the answers are, from the first on
	Messages []Message // ends with the user's turn
	Answers  []string
	Scores   []float64 // one an answer, finite
}

// maxAnswers bounds the answers to one question; the published ones have under
// a hundred.
const maxAnswers = 10_000

var benchColumns = columns{need: []string{"chosen"}, also: []string{"prompt", "rejected", "subset", "id", "num_correct", "total_completions"}}

// ReadBench yields the questions of a file of RewardBench, in any of the
// formats of [ReadPrompts]. Rows have prompt, subset and maybe id, and chosen
// and rejected as texts (version 1) or as lists of them (version 2), where
// num_correct and total_completions, if there, must agree with the lists.
// Errors are as those of [PromptReader.Rows].
func ReadBench(path string) iter.Seq2[BenchItem, error] {
	return readItems(path, benchColumns, parseQuestion)
}

var benchScoreColumns = columns{need: []string{"scores", "scores_chosen"}, also: []string{"scores_rejected", "subset", "id", "num_correct"}}

// ReadBenchScores yields the scores of such a file's answers: {subset, scores}
// and maybe id, the correct answers' scores first. Rows with num_correct are of
// version 2; of version 1 scores_chosen and scores_rejected do as well.
func ReadBenchScores(path string) iter.Seq2[BenchItem, error] {
	return readItems(path, benchScoreColumns, parseScores)
}

func readItems(path string, want columns, parse func(cols map[string]any, b *BenchItem) error) iter.Seq2[BenchItem, error] {
	return func(yield func(BenchItem, error) bool) {
		for row, err := range readForeign(path, want) {
			var b BenchItem
			if err == nil {
				b = BenchItem{At: path + row.at, ID: idOf(row.cols["id"])}
				if err = parse(row.cols, &b); err == nil {
					err = b.check(row.cols)
				}
				if err != nil {
					b, err = BenchItem{}, row.fault(path, err)
				}
			}
			if err != nil {
				err = fmt.Errorf("rewardbench: %w", err)
			}
			if !yield(b, err) {
				return
			}
		}
	}
}

// check reads the subset and holds counts to what there is.
func (b *BenchItem) check(cols map[string]any) error {
	var ok bool
	if b.Subset, ok = cols["subset"].(string); !ok || b.Subset == "" {
		return fmt.Errorf("subset: got %s, want text", kindOf(cols["subset"]))
	}
	n := max(len(b.Answers), len(b.Scores))
	if b.Correct < 1 || b.Correct >= n || n > maxAnswers {
		return fmt.Errorf("%d answers of which %d are correct: want some of each, and %d at most", n, b.Correct, maxAnswers)
	}
	return nil
}

func parseQuestion(cols map[string]any, b *BenchItem) error {
	var err error
	if b.Messages, err = promptTurns(cols["prompt"]); err != nil {
		return fmt.Errorf("prompt: %w", err)
	}
	if n := len(b.Messages); n == 0 || b.Messages[n-1].Role != "user" {
		return errors.New("prompt: want a conversation that ends with the user's turn")
	}
	chosen, version, err := answersOf(cols, "chosen")
	if err != nil {
		return err
	}
	rejected, other, err := answersOf(cols, "rejected")
	if err != nil {
		return err
	}
	if version != other {
		return fmt.Errorf("chosen is %s and rejected %s: want two texts, or two lists of them", kindOf(cols["chosen"]), kindOf(cols["rejected"]))
	}
	b.Version, b.Correct, b.Answers = version, len(chosen), append(chosen, rejected...)
	if err := agrees(cols, "num_correct", len(chosen)); err != nil {
		return err
	}
	return agrees(cols, "total_completions", len(b.Answers))
}

// agrees holds a count, if there is one, to what the lists have.
func agrees(cols map[string]any, name string, have int) error {
	v := cols[name]
	if v == nil {
		return nil
	}
	if n, err := numberOf(v); err != nil || n != float64(have) {
		return fmt.Errorf("%s is %v, the lists have %d", name, v, have)
	}
	return nil
}

// answersOf reads one text, of version 1, or a list of them, of version 2.
func answersOf(cols map[string]any, name string) (texts []string, version int, err error) {
	switch v := cols[name].(type) {
	case string:
		return []string{v}, 1, nil
	case []any:
		for i, x := range v {
			text, ok := x.(string)
			if !ok {
				return nil, 0, fmt.Errorf("%s: element %d: got %s, want text", name, i, kindOf(x))
			}
			texts = append(texts, text)
		}
		return texts, 2, nil
	}
	return nil, 0, fmt.Errorf("%s: got %s, want a text or a list of texts", name, kindOf(cols[name]))
}

func parseScores(cols map[string]any, b *BenchItem) error {
	list, ok := cols["scores"].([]any)
	switch {
	case ok:
	case cols["scores"] != nil:
		return fmt.Errorf("scores: got %s, want a list of numbers", kindOf(cols["scores"]))
	default:
		list = []any{cols["scores_chosen"], cols["scores_rejected"]}
	}
	for i, v := range list {
		if one, ok := v.([]any); ok && len(one) == 1 { // as a classifier with one label gives it
			v = one[0]
		}
		x, err := numberOf(v)
		if err == nil && (math.IsNaN(x) || math.IsInf(x, 0)) {
			err = fmt.Errorf("%v is not finite", x)
		}
		if err != nil {
			return fmt.Errorf("score %d: %w", i+1, err)
		}
		b.Scores = append(b.Scores, x)
	}
	b.Version, b.Correct = 1, 1
	if v := cols["num_correct"]; v != nil {
		n, err := numberOf(v)
		if err != nil || n != math.Trunc(n) || math.Abs(n) > maxAnswers {
			return fmt.Errorf("num_correct: got %v, want a number of answers", v)
		}
		b.Version, b.Correct = 2, int(n)
	} else if len(b.Scores) != 2 {
		return fmt.Errorf("%d scores: want two, or num_correct beside them", len(b.Scores))
	}
	return nil
}
