package pipeline

import (
	"context"
	"errors"
	"io"

	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
	"radpo/sampler"
)

// Sampling says how Generate draws.
type Sampling struct {
	N           int     // samples a row
	Temperature float64 // 0: greedy
	TopP        float64 // 1: off
	TopK        int     // 0: off
	MaxTokens   int     // limit of a response
	Seed        int64
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
	ResponseIDs []int32   `json:"response_ids"` // with the stop token, if one ended it
	Text        *string   `json:"text"`         // without special tokens; null when the folder has no tokenizer
	Logprobs    []float32 `json:"logprobs"`     // nats, the model's own at temperature 1
	Finish      string    `json:"finish"`       // stop or length
}

// Generate reads rows of {prompt_ids} or {messages} and writes N rows of
// {response_ids, text, logprobs, finish} for each, in order. A draw depends on
// the prompt's ids, the sample's number and the seed alone. Stop ids are those
// of generation_config.json, or config.json; messages add the end of turn of
// the template that renders them.
func Generate(ctx context.Context, m Model, o Sampling, in Lines, out io.Writer) error {
	return m.with(func(f *hf.Folder, d torch.DType) error {
		generation, err := f.GenerationConfig()
		if err != nil {
			return &InputError{err}
		}
		t := &text{folder: f}
		prompts, err := t.prompts(in)
		if err != nil {
			return err
		}
		tokens, err := t.optional()
		if err != nil {
			return err
		}
		opts := sampler.Options{
			Temperature: o.Temperature, TopP: o.TopP, TopK: o.TopK, MaxTokens: o.MaxTokens, Stop: generation.EOS, Seed: o.Seed,
		}
		w := newLineWriter(out)
		return m.runPolicy(ctx, f, d, func(s *torch.Scope, p model.Policy) error {
			bar := progress.Start(ctx, int64(len(prompts)), "prompts")
			defer bar.Done()
			for len(prompts) > 0 {
				n := min(window, len(prompts))
				results, err := generateAll(ctx, s, p, prompts[:n], o.N, opts)
				if err != nil {
					return err
				}
				for _, r := range results {
					if err := w.write(r.row(tokens)); err != nil {
						return err
					}
				}
				prompts = prompts[n:]
				bar.Add(int64(n))
				if err := w.flush(); err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// prompts reads every row as a request for one response.
func (t *text) prompts(in Lines) ([]sampler.Request, error) {
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
		out[i] = sampler.Request{Prompt: l.row.Prompt}
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

// A response is what one sample came to.
type response sampler.Response

func (r response) row(tokens *tokenizer.Tokenizer) generated {
	g := generated{ResponseIDs: r.IDs, Logprobs: r.Logprobs, Finish: table.FinishLength}
	said := r.IDs
	if r.Stopped {
		g.Finish, said = table.FinishStop, said[:len(said)-1] // a stop id need not be a special token
	}
	if tokens != nil {
		decoded := tokens.Decode(said, true)
		g.Text = &decoded
	}
	return g
}

// together is how many samples of one prompt are decoded in one batch at most.
const together = 64

// generateAll draws n samples of each prompt, prompts of similar length
// together, and returns them in order.
func generateAll(ctx context.Context, s *torch.Scope, p model.Policy, prompts []sampler.Request, n int, o sampler.Options) ([]response, error) {
	out := make([]response, len(prompts)*n)
	for first := 0; first < n; first += together {
		count := min(together, n-first)
		cost := func(i int) int { return (len(prompts[i].Prompt) + o.MaxTokens) * count }
		for _, batch := range model.Batches(len(prompts), 4*maxTokens, cost) {
			var requests []sampler.Request
			for _, i := range batch {
				r := prompts[i]
				r.N, r.First = count, first
				requests = append(requests, r)
			}
			results, err := sampler.Generate(ctx, s, p, requests, o)
			if err != nil {
				return nil, err
			}
			for at, i := range batch {
				for k, r := range results[at] {
					out[i*n+first+k] = response(r)
				}
			}
		}
	}
	return out, nil
}
