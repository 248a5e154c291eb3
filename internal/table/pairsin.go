package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math"
	"os"
	"path/filepath"
	"strconv"
)

// pairColumns are what a file of training pairs may have.
var pairColumns = columns{
	need: []string{"chosen_ids", "chosen"},
	also: []string{
		"prompt_ids", "rejected_ids", "reward_chosen", "reward_rejected", "win_chosen", "win_rejected",
		"prompt", "rejected", "score_chosen", "score_rejected", "pair_id", "prompt_id", "kind", "goal",
		"overall_score_chosen", "overall_score_rejected", "chosen_probs_win", "chosen_probs_lose",
	},
}

// ReadPairs yields training pairs in the file's order: from a pairs table of
// this package, or from a JSONL file, JSON array, Parquet or Arrow file or
// datasets folder in one of two layouts.
//
//   - {prompt_ids, chosen_ids, rejected_ids} with token ids;
//   - {prompt, chosen, rejected} as TRL has them, each a text or a list of
//     messages. Messages, Chosen and Rejected are filled and the ids are left
//     empty for the caller to make. A prompt may be missing, or repeated at the
//     front of both lists, when chosen and rejected are conversations: it is
//     what they share.
//
// reward_, score_ or overall_score_ with chosen and rejected fill the rewards,
// win_chosen and win_rejected, or SPPO's chosen_probs_win and chosen_probs_lose,
// the probabilities of being preferred; without them these are NaN. A row whose
// kind is goal_chosen or goal_rejected has its goal in goal, a number or a list;
// any other is plain. A pair without pair_id takes its row's number. Errors are
// as those of [PromptReader.Rows].
func ReadPairs(path string) iter.Seq2[Pair, error] {
	if isPairTable(path) {
		return readPairTable(path)
	}
	return func(yield func(Pair, error) bool) {
		n := 0
		for row, err := range readForeign(path, pairColumns) {
			var p Pair
			if err == nil {
				if p, err = parsePair(row.cols); err != nil {
					err = row.fault(path, err)
				}
			}
			if err != nil {
				p, err = Pair{}, fmt.Errorf("pairs: %w", err)
			} else if p.ID == "" {
				p.ID = strconv.Itoa(n)
			}
			n++
			if !yield(p, err) {
				return
			}
		}
	}
}

// isPairTable reports whether path is a folder that [Create] made of pairs.
func isPairTable(path string) bool {
	if _, err := os.Stat(filepath.Join(path, stateFile)); err != nil {
		return false
	}
	_, err := Open[Pair](path)
	return err == nil
}

func readPairTable(dir string) iter.Seq2[Pair, error] {
	return func(yield func(Pair, error) bool) {
		t, err := Open[Pair](dir)
		if err != nil {
			yield(Pair{}, err)
			return
		}
		t.Rows()(yield)
	}
}

// parsePair reads one row of either layout.
func parsePair(cols map[string]any) (Pair, error) {
	p := Pair{Kind: KindPlain, ID: idOf(cols["pair_id"]), PromptID: idOf(cols["prompt_id"])}
	var err error
	if p.RewardChosen, err = reward(cols, "reward_chosen", "score_chosen", "overall_score_chosen"); err != nil {
		return p, err
	}
	if p.RewardRejected, err = reward(cols, "reward_rejected", "score_rejected", "overall_score_rejected"); err != nil {
		return p, err
	}
	p.RawChosen, p.RawRejected = p.RewardChosen, p.RewardRejected
	if p.WinChosen, err = reward(cols, "win_chosen", "chosen_probs_win"); err != nil {
		return p, err
	}
	if p.WinRejected, err = reward(cols, "win_rejected", "chosen_probs_lose"); err != nil {
		return p, err
	}
	if err = p.parseGoal(cols); err != nil {
		return p, err
	}
	if cols["chosen_ids"] == nil {
		return p, p.parseText(cols)
	}
	for name, ids := range map[string]*[]int32{"prompt_ids": &p.PromptIDs, "chosen_ids": &p.ChosenIDs, "rejected_ids": &p.RejectedIDs} {
		if *ids, err = parseIDs(cols[name]); err != nil {
			return p, fmt.Errorf("%s: %w", name, err)
		}
	}
	return p, nil
}

// parseGoal reads the goal, a number or several, of a row that says to have one
// by its kind.
func (p *Pair) parseGoal(cols map[string]any) error {
	if kind := cols["kind"]; kind != KindGoalChosen && kind != KindGoalRejected {
		return nil
	}
	p.Kind = cols["kind"].(string)
	goal, ok := cols["goal"].([]any)
	if !ok {
		goal = []any{cols["goal"]}
	}
	for _, v := range goal {
		g, err := numberOf(v)
		if err != nil {
			return fmt.Errorf("goal: %w", err)
		}
		p.Goal = append(p.Goal, g)
	}
	return nil
}

// reward reads the first of the named columns that is there.
func reward(cols map[string]any, names ...string) (float64, error) {
	for _, name := range names {
		if v := cols[name]; v != nil {
			x, err := numberOf(v)
			if err != nil {
				return 0, fmt.Errorf("%s: %w", name, err)
			}
			return x, nil
		}
	}
	return math.NaN(), nil
}

// numberOf reads a number of any of the formats.
func numberOf(v any) (float64, error) {
	switch v := v.(type) {
	case float64:
		return v, nil
	case int64:
		return float64(v), nil
	case json.Number:
		f, err := v.Float64()
		if err != nil {
			return 0, fmt.Errorf("%s is too large", v)
		}
		return f, nil
	}
	return 0, fmt.Errorf("got %s, want a number", kindOf(v))
}

// parseIDs reads a list of token ids, which must not be empty.
func parseIDs(v any) ([]int32, error) {
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("got %s, want a list of token ids", kindOf(v))
	}
	if len(list) == 0 {
		return nil, errors.New("the list is empty: leave the row out, or give it tokens")
	}
	ids := make([]int32, len(list))
	for i, v := range list {
		n, ok := v.(int64)
		if num, isNum := v.(json.Number); isNum {
			var err error
			n, err = strconv.ParseInt(num.String(), 10, 32)
			ok = err == nil
		}
		if !ok || n < 0 || n > math.MaxInt32 {
			return nil, fmt.Errorf("element %d: %v is no token id", i, v)
		}
		ids[i] = int32(n)
	}
	return ids, nil
}

// parseText reads prompt, chosen and rejected in TRL's layouts.
func (p *Pair) parseText(cols map[string]any) error {
	chosen, err := responseOf(cols, "chosen")
	if err != nil {
		return err
	}
	rejected, err := responseOf(cols, "rejected")
	if err != nil {
		return err
	}
	var prompt []Message
	if v := cols["prompt"]; v != nil {
		if prompt, err = promptTurns(v); err != nil {
			return fmt.Errorf("prompt: %w", err)
		}
	}
	return p.setTurns(prompt, chosen, rejected)
}

// setTurns fills in the messages and texts of a prompt, or nil where it is what
// the responses share, and its responses.
func (p *Pair) setTurns(prompt, chosen, rejected []Message) (err error) {
	shared := sharedTurns(chosen, rejected)
	if p.Messages = prompt; prompt == nil {
		p.Messages = chosen[:shared]
	}
	if len(p.Messages) == 0 {
		return errors.New("there is no prompt, and chosen and rejected share none")
	}
	if p.Chosen, err = reply(chosen[shared:], "chosen"); err != nil {
		return err
	}
	p.Rejected, err = reply(rejected[shared:], "rejected")
	return err
}

// responseOf reads a response as messages; a text is one of the assistant's.
func responseOf(cols map[string]any, name string) ([]Message, error) {
	switch v := zipped(cols[name]).(type) {
	case string:
		return []Message{{"assistant", v}}, nil
	case []any:
		m, err := parseMessages(v)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return m, nil
	default:
		return nil, fmt.Errorf("%s: got %s, want a text, a list of messages, or %s_ids", name, kindOf(v), name)
	}
}

// promptTurns reads a prompt that is a text or messages.
func promptTurns(v any) ([]Message, error) {
	if list, ok := zipped(v).([]any); ok {
		return parseMessages(list)
	}
	return promptMessages(v)
}

// sharedTurns is how many messages both start with, the last turn of each
// excluded: what is left is the response, even if the two are equal.
func sharedTurns(a, b []Message) int {
	n := 0
	for n < min(len(a), len(b))-1 && a[n] == b[n] {
		n++
	}
	return n
}

// reply is the one assistant's turn that is left of a response.
func reply(m []Message, name string) (string, error) {
	if len(m) != 1 || m[0].Role != "assistant" {
		return "", fmt.Errorf("%s: got %d turns behind the shared ones, want one of the assistant's", name, len(m))
	}
	return m[0].Content, nil
}
