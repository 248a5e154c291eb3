package pipeline

import (
	"context"
	"errors"
	"io"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/torch"
)

type logprobsRow struct {
	Prompt   []int32 `json:"prompt_ids"`
	Response []int32 `json:"response_ids"`
}

type logprobs struct {
	Logprobs []float32 `json:"logprobs"` // nats, one a response id, temperature 1
	Sum      float64   `json:"sum"`
}

// maxTokens is how many padded tokens a batch of the verbs may have.
const maxTokens = 16384

// Logprobs reads rows of {prompt_ids, response_ids} and writes {logprobs, sum}.
func Logprobs(ctx context.Context, m Model, in Lines, out io.Writer) error {
	return m.with(func(f *hf.Folder, d torch.DType) error {
		c, err := f.Config()
		if err != nil {
			return &InputError{err}
		}
		rows, err := readLines(in, func(r logprobsRow) error {
			switch {
			case len(r.Prompt) == 0:
				return errors.New("prompt_ids: want at least one token id")
			case r.Response == nil:
				return errors.New("response_ids is missing")
			}
			return errors.Join(checkIDs("prompt_ids", r.Prompt, c.VocabSize), checkIDs("response_ids", r.Response, c.VocabSize))
		})
		if err != nil {
			return err
		}
		w := newLineWriter(out)
		return m.runPolicy(ctx, f, d, func(s *torch.Scope, p model.Policy) error {
			bar := progress.Start(ctx, int64(len(rows)), "rows")
			defer bar.Done()
			return windowed(rows, window, func(rows []line[logprobsRow]) error {
				results, err := logprobsOf(ctx, s, p, rows)
				if err != nil {
					return err
				}
				for _, r := range results {
					if err := w.write(r); err != nil {
						return err
					}
				}
				bar.Add(int64(len(rows)))
				return w.flush()
			})
		})
	})
}

// logprobsOf computes rows in batches of similar length.
func logprobsOf(ctx context.Context, s *torch.Scope, p model.Policy, rows []line[logprobsRow]) ([]logprobs, error) {
	out := make([]logprobs, len(rows))
	forks := func(i int) []model.Fork {
		return []model.Fork{{Prompt: rows[i].row.Prompt, Responses: [][]int32{rows[i].row.Response}}}
	}
	err := model.Logps(ctx, s, p, len(rows), maxTokens, forks, func(i int, logps [][]float32) {
		out[i].Logprobs = logps[0]
		for _, x := range logps[0] {
			out[i].Sum += float64(x)
		}
	})
	return out, err
}
