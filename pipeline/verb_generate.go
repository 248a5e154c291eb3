package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
	"radpo/sampler"
)

// Sampling says how Generate draws.
type Sampling struct {
	N           int      // samples a row
	Temperature float64  // 0: greedy
	TopP        float64  // 1: off
	TopK        int      // 0: off
	MinP        float64  // 0: off
	Repetition  float64  // penalty of tokens that prompt or response have; 1: off
	MaxTokens   int      // limit of a response
	Stop        []string // strings that end a response
	Seed        int64
	StopIDs     []int // ids that end a response, besides the model's own
	Top         int   // how many of the likeliest tokens are told of at each place
}

type generateRow struct {
	Prompt   []int32 `json:"prompt_ids"`
	Messages []turn  `json:"messages"`
}

func (r generateRow) check() error {
	if (len(r.Prompt) == 0) == (len(r.Messages) == 0) {
		return errors.New("want one of prompt_ids and messages, not empty")
	}
	return checkTurns(r.Messages)
}

type generated struct {
	ResponseIDs []int32    `json:"response_ids"`           // with the stop token, if one ended it
	Text        *string    `json:"text"`                   // without special tokens, up to a stop string; null when the folder has no tokenizer
	Logprobs    []float32  `json:"logprobs"`               // nats, the model's own at temperature 1
	Finish      string     `json:"finish"`                 // stop or length
	Top         [][]likely `json:"top_logprobs,omitempty"` // of each response id the likeliest tokens there
}

type likely struct {
	ID      int32   `json:"id"`
	Logprob float32 `json:"logprob"`
}

// Generate reads rows of {prompt_ids} or {messages} and writes N rows of
// {response_ids, text, logprobs, finish}, and top_logprobs where they are asked
// for, for each, in order. A draw depends on
// the prompt's ids, the sample's number and the seed alone. Stop ids are those
// of generation_config.json, or config.json; messages add the end of turn of
// the template that renders them.
func Generate(ctx context.Context, m Model, o Sampling, in Lines, out io.Writer) error {
	return m.with(func(f *hf.Folder, d torch.DType) error {
		generation, err := f.GenerationConfig()
		if err != nil {
			return &InputError{err}
		}
		c, err := f.Config()
		if err != nil {
			return &InputError{err}
		}
		for _, id := range o.StopIDs {
			if id >= c.VocabSize {
				return inputError("--stop-id: the model has no token %d; its vocabulary is %d", id, c.VocabSize)
			}
		}
		t := &text{folder: f}
		prompts, err := t.prompts(in, o.N)
		if err != nil {
			return err
		}
		tokens, err := t.optional()
		if err != nil {
			return err
		}
		opts := sampler.Options{
			Temperature: o.Temperature, TopP: o.TopP, TopK: o.TopK, MinP: o.MinP, RepetitionPenalty: o.Repetition,
			MaxTokens: o.MaxTokens, Stop: slices.Concat(generation.EOS, o.StopIDs), StopStrings: o.Stop, Seed: o.Seed, Top: o.Top,
		}
		w := newLineWriter(out)
		return m.runPolicy(ctx, f, d, func(s *torch.Scope, p model.Policy) error {
			e, err := sampler.NewEngine(s, p, sampler.Settings{Tokens: tokens})
			if err != nil {
				return err
			}
			bar := progress.Start(ctx, int64(len(prompts)), "prompts")
			defer bar.Done()
			for some := range slices.Chunk(prompts, window) {
				results, err := e.Generate(ctx, some, opts)
				if err != nil {
					return fmt.Errorf("generate: %w", err)
				}
				for _, list := range results {
					for _, r := range list {
						if err := w.write(row(r, tokens != nil)); err != nil {
							return err
						}
					}
				}
				bar.Add(int64(len(some)))
				if err := w.flush(); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// prompts reads every row as a request for n responses.
func (t *text) prompts(in Lines, n int) ([]sampler.Request, error) {
	c, err := t.folder.Config()
	if err != nil {
		return nil, &InputError{err}
	}
	rows, err := readLines(in, generateRow.check)
	if err != nil {
		return nil, err
	}
	out := make([]sampler.Request, len(rows))
	for i, l := range rows {
		out[i] = sampler.Request{Prompt: l.row.Prompt, N: n}
		if l.row.Messages != nil {
			template, tokens, err := t.chat()
			if err != nil {
				return nil, err
			}
			if out[i].Prompt, err = template.Encode(tokens, messages(l.row.Messages), true, false); err != nil {
				return nil, l.fault(err)
			}
			if id, ok := template.EndOfTurn(tokens); ok {
				out[i].Stop = []int{int(id)}
			}
		}
		if err := checkIDs("prompt_ids", out[i].Prompt, c.VocabSize); err != nil {
			return nil, l.fault(err)
		}
	}
	return out, nil
}

// row is one sample as it is written; spoken says whether ids have a text.
func row(r sampler.Response, spoken bool) generated {
	g := generated{ResponseIDs: r.IDs, Logprobs: r.Logprobs, Finish: table.FinishLength}
	for _, some := range r.Top {
		place := make([]likely, len(some))
		for i, a := range some {
			place[i] = likely(a)
		}
		g.Top = append(g.Top, place)
	}
	if r.Stopped {
		g.Finish = table.FinishStop
	}
	if spoken {
		g.Text = &r.Text
	}
	return g
}
