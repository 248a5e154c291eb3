package pipeline

import (
	"context"
	"io"

	"github.com/rs/zerolog"

	"radpo/eval/tasks"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/torch"
)

// An Exam has a policy answer an academic benchmark.
type Exam struct {
	Model
	Task      string   // a name of the tasks package
	Data      []string // files, one a subset, or folders of them
	Examples  string   // file, or folder of files named by subset
	Limit     int      // rows of each file, from the first on; 0: all
	Shots     int      // examples a question; negative: the task's own number
	Seed      int64    // of the examples' draw, an order of choices and the bootstrap
	Chat      bool     // ask through the chat template
	System    string   // text before all else
	BOS       bool     // let the tokenizer add its special tokens to contexts
	MaxLength int      // tokens of a context and what continues it; 0: the model's window
	MaxTokens int      // of a generated answer
	Result    string   // file for the result, or empty
}

// A question is an item as a model is asked.
type question struct {
	set, item     int
	context       string
	ids           []int32   // of the context
	continuations [][]int32 // of each choice
}

// An examRow is what an item came to, as lm-evaluation-harness logs it in
// doc_id, resps and filtered_resps.
type examRow struct {
	Subset         string             `json:"subset"`
	DocID          int                `json:"doc_id"`
	Context        string             `json:"context"`
	Choices        []string           `json:"choices,omitempty"`
	Loglikelihoods []float64          `json:"loglikelihoods,omitempty"` // nats
	Pick           *int               `json:"pick,omitempty"`
	PickNorm       *int               `json:"pick_norm,omitempty"`
	Gold           *int               `json:"gold,omitempty"`
	Text           *string            `json:"text,omitempty"`
	Strict         string             `json:"strict,omitempty"`
	Flexible       string             `json:"flexible,omitempty"`
	Target         string             `json:"target"`
	Values         map[string]float64 `json:"values"`
}

// Do asks the questions, writes a row an item to items, and the result to w as
// one JSON object.
func (e Exam) Do(ctx context.Context, items, w io.Writer) error {
	t, err := tasks.Named(e.Task)
	if err != nil {
		return &InputError{err}
	}
	if e.Shots < 0 {
		e.Shots = t.Shots
	}
	sets, err := e.sets(ctx, t)
	if err != nil {
		return err
	}
	var rows []examRow
	var outcomes []tasks.Outcome
	err = e.with(func(f *hf.Folder, d torch.DType) error {
		x, err := e.examiner(f, t, sets)
		if err != nil {
			return err
		}
		return e.runPolicy(ctx, f, d, func(s *torch.Scope, p model.Policy) error {
			x.policy = p
			if rows, err = x.answers(ctx, s); err != nil {
				return err
			}
			for i, q := range x.questions {
				outcomes = append(outcomes, tasks.Outcome{Set: q.set, Item: q.item, Values: rows[i].Values})
			}
			return nil
		})
	})
	if err != nil {
		return err
	}
	lines := newLineWriter(items)
	for _, r := range rows {
		if err := lines.write(r); err != nil {
			return err
		}
	}
	if err := lines.flush(); err != nil {
		return err
	}
	return e.report(ctx, t, sets, outcomes, w)
}

// report writes the result.
func (e Exam) report(ctx context.Context, t tasks.Task, sets []tasks.Set, outcomes []tasks.Outcome, w io.Writer) error {
	r, lines := t.Result(sets, outcomes, e.Seed)
	r.Model = e.Dir
	settings := map[string]any{
		"harness": tasks.Harness, "shots": e.Shots, "chat": e.Chat, "system": e.System, "add_bos_token": e.BOS, "max_length": e.MaxLength,
	}
	if e.Limit > 0 {
		settings["limit"] = e.Limit
	}
	if t.Generates() {
		settings["max_tokens"] = e.MaxTokens
	}
	if t.Shuffles {
		settings["order"] = "not order-identical: the harness's order of choices depends on what ran before"
	}
	r.Settings = settings
	if e.Result != "" {
		if err := r.Write(e.Result, lines); err != nil {
			return &InputError{err}
		}
	}
	if m, ok := r.Metrics[t.Metric]; ok {
		zerolog.Ctx(ctx).Info().Msgf("%s, %d shots: %s %.4f ± %.4f over %d questions", t.Name, e.Shots, t.Metric, m.Value, m.SE, m.N)
	}
	text, err := r.Text()
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return wrapWrite(err)
}
