package table

import (
	"encoding/json"
	"errors"
	"fmt"
	"iter"
)

// promptColumns are where a prompt may be, the first present counts.
var promptColumns = []string{"prompt", "instruction", "messages", "conversations", "question"}

// PromptOptions say how a file of prompts is read.
type PromptOptions struct {
	Column string // holds the prompt; empty: the first there is of prompt, instruction, messages, conversations, question
}

// A PromptReader reads prompts out of a file that others wrote.
type PromptReader struct {
	path       string
	columns    []string
	duplicates int
}

// ReadPrompts reads a JSONL file, a JSON array, a Parquet file, an Arrow
// stream or file, or a datasets folder; content, not the name, tells which.
//
// A prompt is a text, or a list of messages as {role, content} or {from,
// value}, which is cut behind the last user's turn. A text "instruction" takes
// a text "input" in after a line break, as Alpaca's data have it. PromptID is
// the file's prompt_id or else [PromptID]; Source is the file and line or row.
// The bytes are taken for hostile: whatever they are, reading them does not
// panic and holds at most a few times one row or one record batch.
func ReadPrompts(path string, opts PromptOptions) *PromptReader {
	r := &PromptReader{path: path, columns: promptColumns}
	if opts.Column != "" {
		r.columns = []string{opts.Column}
	}
	return r
}

// Rows yields the prompts in order, without those whose messages came before.
// The error of a row names it as file:line, or as file and row, and the rows
// after it follow, so that a caller can list several; an error of the file
// ends the sequence.
func (r *PromptReader) Rows() iter.Seq2[Prompt, error] {
	return func(yield func(Prompt, error) bool) {
		r.duplicates = 0
		seen := map[string]bool{}    // messages, by hash
		given := map[string]string{} // the file's own ids, with the hash each stands for
		want := columns{need: r.columns, also: []string{"prompt_id", "input"}}
		for row, err := range readForeign(r.path, want) {
			if err != nil {
				if !yield(Prompt{}, fmt.Errorf("prompts: %w", err)) {
					return
				}
				continue
			}
			p, err := parsePrompt(row.cols, r.columns)
			hash := PromptID(p.Messages)
			if err == nil && seen[hash] {
				r.duplicates++
				continue
			}
			if err == nil {
				err = name(&p, hash, given)
			}
			if err != nil {
				p, err = Prompt{}, fmt.Errorf("prompts: %w", row.fault(r.path, err))
			} else {
				seen[hash] = true
				p.Source = sourceOf(r.path, row)
			}
			if !yield(p, err) {
				return
			}
		}
	}
}

// Duplicates is the number of prompts dropped by the last walk over Rows.
func (r *PromptReader) Duplicates() int { return r.duplicates }

// name gives p an id: its own, which must not stand for another prompt, or hash.
func name(p *Prompt, hash string, given map[string]string) error {
	if p.ID == "" {
		p.ID = hash
	}
	if other, ok := given[p.ID]; ok && other != hash {
		return fmt.Errorf("prompt_id %q is another prompt's", p.ID)
	}
	given[p.ID] = hash
	return nil
}

// parsePrompt takes the prompt out of a row.
func parsePrompt(cols map[string]any, columns []string) (Prompt, error) {
	for _, c := range columns {
		v, ok := cols[c]
		if !ok || v == nil {
			continue
		}
		if input, ok := cols["input"].(string); ok && input != "" && c == "instruction" {
			if text, ok := v.(string); ok {
				v = text + "\n" + input
			}
		}
		messages, err := promptMessages(v)
		if err != nil {
			return Prompt{}, fmt.Errorf("%s: %w", c, err)
		}
		return Prompt{ID: idOf(cols["prompt_id"]), Messages: messages}, nil
	}
	if len(columns) == 1 {
		return Prompt{}, fmt.Errorf("there is no %s", columns[0])
	}
	return Prompt{}, errors.New("there is none of prompt, instruction, messages, conversations, question; name the column with prompts.column")
}

// idOf is a file's own id, a text or a number, or empty.
func idOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int64, json.Number:
		return fmt.Sprint(v)
	}
	return ""
}

// promptMessages reads a text or a list of messages up to the last user's turn.
func promptMessages(v any) ([]Message, error) {
	switch v := zipped(v).(type) {
	case string:
		return lastUser([]Message{{"user", v}})
	case []any:
		messages, err := parseMessages(v)
		if err != nil {
			return nil, err
		}
		return lastUser(messages)
	}
	return nil, fmt.Errorf("got %s, want a text or a list of messages", kindOf(v))
}
