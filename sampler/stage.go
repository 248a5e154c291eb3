package sampler

import (
	"context"
	"fmt"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
)

// Stage reads prompts and a policy and writes a samples table.
var Stage = flow.Kind[Config]{Name: "sample", Version: 1, Run: run}

// A Config is what a samples table depends on besides prompts and policy.
type Config struct {
	configs.Sampler `json:"sampler"`
	Split           string      `json:"split"`   // which prompts
	Goals           [][]float64 `json:"goals"`   // each asked of every prompt, N responses each; an empty one asks for none
	Wording         chat.Goal   `json:"wording"` // of goals
	MaxPrompt       int         `json:"prompts.max_tokens"`
	Seed            int64       `json:"seed"`
	DType           string      `json:"dtype"`
	Device          string      `json:"device"`
}

// segment is how many prompts one committed part holds: what a kill loses.
const segment = 64

func run(ctx context.Context, c Config, in flow.In, out *flow.Out) error {
	prompts, err := choose(in.At(0), c.Split)
	if err != nil {
		return err
	}
	f, err := hf.Open(in.At(1))
	if err != nil {
		return err
	}
	defer f.Close()
	w, err := newWorker(c, f)
	if err != nil {
		return err
	}
	device, err := torch.OpenDevice(c.Device)
	if err != nil {
		return err
	}
	err = torch.Run(ctx, device, func(s *torch.Scope) error { return w.segments(ctx, s, f, prompts, out) })
	if err != nil {
		return err
	}
	return w.join(out)
}

// choose is the prompts of a split, in their table's order.
func choose(dir, split string) ([]table.Prompt, error) {
	t, err := table.Open[table.Prompt](dir)
	if err != nil {
		return nil, err
	}
	var prompts []table.Prompt
	for p, err := range t.Rows() {
		if err != nil {
			return nil, err
		}
		if p.Split == split {
			prompts = append(prompts, p)
		}
	}
	if len(prompts) == 0 {
		return nil, fmt.Errorf("no prompt is of split %q", split)
	}
	return prompts, nil
}

// A worker turns prompts into rows of the samples table.
type worker struct {
	config   Config
	dtype    torch.DType
	prompter chat.Prompter
	tokens   *tokenizer.Tokenizer
	stop     []int
}

func newWorker(c Config, f *hf.Folder) (*worker, error) {
	w := &worker{config: c}
	generation, err := f.GenerationConfig()
	if err != nil {
		return nil, err
	}
	if w.stop = generation.EOS; len(w.stop) == 0 {
		return nil, fmt.Errorf("%s: neither generation_config.json nor config.json names an eos_token_id: no response could end", f.Name())
	}
	if w.dtype, err = model.DType(c.DType); err != nil {
		return nil, err
	}
	if w.tokens, err = tokenizer.Load(f.FS()); err != nil {
		return nil, err
	}
	w.prompter = chat.Prompter{Tokens: w.tokens, Goal: c.Wording, MaxTokens: c.MaxPrompt}
	w.prompter.Template, err = chat.Load(f.FS())
	return w, err
}

func part(i int) string { return fmt.Sprintf("segment-%06d", i) }

// segments samples what earlier runs have not.
func (w *worker) segments(ctx context.Context, s *torch.Scope, f *hf.Folder, prompts []table.Prompt, out *flow.Out) error {
	p, err := model.OpenPolicy(s, f, w.dtype, false)
	if err != nil {
		return err
	}
	if have, size := w.tokens.Size(), p.Config().VocabSize; have > size {
		return fmt.Errorf("%s: the tokenizer has %d tokens, the model %d: they are not of one model", f.Name(), have, size)
	}
	bar := progress.Start(ctx, int64(len(prompts)), "prompts")
	defer bar.Done()
	for i := 0; i*segment < len(prompts); i++ {
		own := prompts[i*segment : min((i+1)*segment, len(prompts))]
		if _, ok := out.Part(part(i)); ok {
			bar.Skip(int64(len(own)))
			continue
		}
		rows, err := w.sample(ctx, s, p, own, bar)
		if err != nil {
			return err
		}
		if err := out.Commit(part(i), func(dir string) error { return write(dir, rows) }); err != nil {
			return err
		}
	}
	return nil
}

// sample answers prompts at every goal, a batch of whole prompts at a time.
func (w *worker) sample(ctx context.Context, s *torch.Scope, p model.Policy, prompts []table.Prompt, bar *progress.Bar) ([]table.Sample, error) {
	c := w.config
	o := Options{Temperature: c.Temperature, TopP: c.TopP, TopK: c.TopK, MaxTokens: c.MaxTokens, Stop: w.stop, Seed: c.Seed}
	each := len(c.Goals) * c.N
	size := max(1, c.Batch/each)
	var rows []table.Sample
	for len(prompts) > 0 {
		batch := prompts[:min(size, len(prompts))]
		prompts = prompts[len(batch):]
		requests, err := w.requests(batch)
		if err != nil {
			return nil, err
		}
		responses, err := Generate(ctx, s, p, requests, o)
		if err != nil {
			return nil, err
		}
		for i, list := range responses {
			for k, r := range list {
				rows = append(rows, w.row(batch[i/len(c.Goals)], c.Goals[i%len(c.Goals)], requests[i], k, r))
			}
		}
		bar.Add(int64(len(batch)))
	}
	return rows, nil
}

// requests are one a prompt and goal. Samples are numbered through the goals
// of their prompt.
func (w *worker) requests(prompts []table.Prompt) ([]Request, error) {
	var out []Request
	for _, p := range prompts {
		for g, goal := range w.config.Goals {
			_, ids, err := w.prompter.Prompt(p.Messages, goal)
			if err != nil {
				return nil, fmt.Errorf("prompt %s (%s): %w", p.ID, p.Source, err)
			}
			out = append(out, Request{Prompt: ids, N: w.config.N, First: g * w.config.N})
		}
	}
	return out, nil
}

func (w *worker) row(p table.Prompt, goal []float64, q Request, k int, r Response) table.Sample {
	finish := table.FinishLength
	if r.Stopped {
		finish = table.FinishStop
	}
	return table.Sample{
		PromptID: p.ID, Sample: int32(q.First + k), Goal: goal, PromptIDs: q.Prompt, ResponseIDs: r.IDs,
		Logprobs: r.Logprobs, Text: w.tokens.Decode(r.IDs, true), Finish: finish, Seed: w.config.Seed,
	}
}

func write(dir string, rows []table.Sample) error {
	w, err := table.Create[table.Sample](dir, nil)
	if err != nil {
		return err
	}
	if err := w.Write(rows...); err != nil {
		return err
	}
	return w.Close()
}

// join makes one table of the parts.
func (w *worker) join(out *flow.Out) error {
	all, err := table.Create[table.Sample](out.Dir(), nil)
	if err != nil {
		return err
	}
	for i := range out.Parts() {
		dir, ok := out.Part(part(i))
		if !ok {
			return fmt.Errorf("%s is missing", part(i))
		}
		rows, err := table.ReadAll[table.Sample](dir)
		if err != nil {
			return err
		}
		if err := all.Write(rows...); err != nil {
			return err
		}
	}
	return all.Close()
}
