package pipeline

import (
	"context"
	"errors"
	"io"

	"radpo/internal/hf"
)

type tokenizeRow struct {
	Text     *string `json:"text"`
	Messages []turn  `json:"messages"`
	IDs      []int32 `json:"ids"`
	Prompt   bool    `json:"add_generation_prompt"`
}

func (r tokenizeRow) check() error {
	have := 0
	for _, there := range []bool{r.Text != nil, r.Messages != nil, r.IDs != nil} {
		if there {
			have++
		}
	}
	if have != 1 {
		return errors.New("want one of text, messages and ids")
	}
	return checkTurns(r.Messages)
}

// Tokenize reads rows of {text}, {messages, add_generation_prompt} or {ids}
// and writes {ids, text}, or {text} for ids. Special tokens in a text are
// parsed and none are added; a conversation begins with exactly one BOS. Of
// the model folder only the tokenizer's files are needed.
func Tokenize(ctx context.Context, m Model, in Lines, out io.Writer) error {
	f, err := hf.OpenAdapted(m.Dir, m.Adapter)
	if err != nil {
		return &InputError{err}
	}
	defer f.Close()
	rows, err := readLines(in, tokenizeRow.check)
	if err != nil {
		return err
	}
	t := &text{folder: f}
	w := newLineWriter(out)
	for _, l := range rows {
		if err := ctx.Err(); err != nil {
			return err
		}
		result, err := t.tokenize(l.row)
		if bad := (*InputError)(nil); err != nil && !errors.As(err, &bad) {
			err = l.fault(err)
		}
		if err != nil {
			return err
		}
		if err := w.write(result); err != nil {
			return err
		}
	}
	return w.flush()
}

type tokenized struct {
	IDs  []int32 `json:"ids,omitzero"`
	Text string  `json:"text"`
}

func (t *text) tokenize(r tokenizeRow) (tokenized, error) {
	tokens, err := t.tokenizer()
	if err != nil {
		return tokenized{}, err
	}
	switch {
	case r.IDs != nil:
		if err := checkIDs("ids", r.IDs, tokens.Size()); err != nil {
			return tokenized{}, err
		}
		return tokenized{Text: tokens.Decode(r.IDs, false)}, nil
	case r.Text != nil:
		return tokenized{IDs: tokens.AppendIDs([]int32{}, *r.Text, true), Text: *r.Text}, nil
	}
	template, _, err := t.chat()
	if err != nil {
		return tokenized{}, err
	}
	turns := messages(r.Messages)
	whole, err := template.Render(turns, r.Prompt)
	if err != nil {
		return tokenized{}, err
	}
	ids, err := template.Encode(tokens, turns, r.Prompt, true)
	return tokenized{IDs: ids, Text: whole}, err
}
