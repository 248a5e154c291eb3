package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
	"radpo/ranker"
)

type scoreRow struct {
	Messages  []turn   `json:"messages"`
	Responses []string `json:"responses"`
}

func (r scoreRow) check() error {
	switch {
	case len(r.Messages) == 0:
		return errors.New("messages: want a conversation that ends with the user's turn")
	case r.Messages[len(r.Messages)-1].Role != "user":
		return fmt.Errorf("messages: the last turn is the %s's, want the user's", r.Messages[len(r.Messages)-1].Role)
	case len(r.Responses) == 0:
		return errors.New("responses: want at least one")
	}
	return checkTurns(r.Messages)
}

// A scored row has null for what its ranker does not say.
type scored struct {
	Scores     []*float64  `json:"scores"`     // one a response; null: the ranker has none to give
	Attributes [][]float64 `json:"attributes"` // raw rewards of each response
	Gating     [][]float64 `json:"gating"`     // coefficients of them
	Pairwise   [][]float64 `json:"pairwise"`   // logits of one response against another
}

// Score reads rows of {messages, responses} and writes {scores, attributes,
// gating, pairwise}, by the ranker that the folder is for, or by the servers
// that c says to ask.
func Score(ctx context.Context, m Model, c configs.Ranker, in Lines, out io.Writer) error {
	if c.Asks() {
		return scoreAsking(ctx, c, in, out)
	}
	return m.with(func(f *hf.Folder, d torch.DType) error {
		kind, err := ranker.KindOf(f)
		if err != nil {
			return &InputError{err}
		}
		rows, err := scoreRows(f, kind, in)
		if err != nil {
			return err
		}
		return m.run(ctx, func(s *torch.Scope) error {
			c.Kind = kind
			r, err := ranker.Open(s, c, f, d)
			if err != nil {
				return &InputError{err}
			}
			return writeScores(ctx, s, c, r, rows, out)
		})
	})
}

// scoreRows reads the rows. An encoder has no template.
func scoreRows(f *hf.Folder, kind string, in Lines) ([]line[scoreRow], error) {
	if kind == "pairrm" || model.IsEncoder(f) {
		return readLines(in, scoreRow.check)
	}
	t := &text{folder: f}
	return t.conversations(in)
}

// writeScores writes what r says of each row. A response without a score is an
// error unless c drops such.
func writeScores(ctx context.Context, s *torch.Scope, c configs.Ranker, r ranker.Ranker, rows []line[scoreRow], out io.Writer) error {
	w := newLineWriter(out)
	bar := progress.Start(ctx, int64(len(rows)), "rows")
	defer bar.Done()
	return windowed(rows, window, func(rows []line[scoreRow]) error {
		ratings, err := r.Rank(ctx, s, requests(rows))
		if err != nil {
			return err
		}
		for i, list := range ratings {
			row := scoredOf(list)
			if k := slices.Index(row.Scores, nil); k >= 0 && c.NonFinite != "drop" {
				return fmt.Errorf("%s: response %d has the score %v: the ranker is at fault; --set ranker.non_finite=drop gives null", rows[i].at, k+1, list[k].Score)
			}
			if err := w.write(row); err != nil {
				return err
			}
		}
		bar.Add(int64(len(rows)))
		return w.flush()
	})
}

// scoreAsking has rows scored by servers; nothing is computed here.
func scoreAsking(ctx context.Context, c configs.Ranker, in Lines, out io.Writer) error {
	c, err := resolveAsking(c, "")
	if err != nil {
		return &InputError{err}
	}
	rows, err := readLines(in, scoreRow.check)
	if err != nil {
		return err
	}
	var f *hf.Folder
	if c.Model != "" {
		if f, err = hf.Open(c.Model); err != nil {
			return &InputError{err}
		}
		defer f.Close()
	}
	r, err := ranker.Open(nil, c, f, torch.Float)
	if err != nil {
		return &InputError{err}
	}
	return writeScores(ctx, nil, c, r, rows, out)
}

// conversations reads the rows and holds each to the model's template, so that
// one that it refuses is named by its line.
func (t *text) conversations(in Lines) ([]line[scoreRow], error) {
	rows, err := readLines(in, scoreRow.check)
	if err != nil {
		return nil, err
	}
	template, _, err := t.chat()
	if err != nil {
		return nil, err
	}
	for _, l := range rows {
		turns := append(messages(l.row.Messages), table.Message{Role: "assistant", Content: l.row.Responses[0]})
		if _, err := template.Render(turns, false); err != nil {
			return nil, l.fault(err)
		}
	}
	return rows, nil
}

func requests(rows []line[scoreRow]) []ranker.Request {
	out := make([]ranker.Request, len(rows))
	for i, l := range rows {
		out[i] = ranker.Request{Name: l.at, Messages: messages(l.row.Messages), Responses: l.row.Responses}
	}
	return out
}

func scoredOf(list []ranker.Rating) scored {
	var out scored
	for _, r := range list {
		score := &r.Score
		if !torch.Finite(r.Score) {
			score = nil
		}
		out.Scores = append(out.Scores, score)
		if r.Pairwise != nil {
			out.Pairwise = append(out.Pairwise, r.Pairwise)
		}
		if r.Attributes != nil {
			out.Attributes, out.Gating = append(out.Attributes, r.Attributes), append(out.Gating, r.Gating)
		}
	}
	return out
}
