package sampler

import (
	"context"
	"fmt"
	"slices"
	"strconv"

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

// Stage reads prompts, a policy and, where goals are of attributes that only
// they name, scores, and writes a samples table, in the order of the prompts,
// their goals and the samples' numbers.
var Stage = flow.Kind[Config]{Name: "sample", Version: 4, Run: run}

// A Config is what a samples table depends on besides prompts and policy.
type Config struct {
	configs.Sampler `json:"sampler"`
	Split           string      `json:"split"`   // which prompts
	Goals           [][]float64 `json:"goals"`   // each asked of every prompt, N responses each; an empty one, or none at all, asks for none
	Wording         chat.Goal   `json:"wording"` // of goals
	MaxPrompt       int         `json:"prompts.max_tokens"`
	Seed            int64       `json:"seed"`
	DType           string      `json:"dtype"`
	Device          string      `json:"device"`
	Answers         string      `json:"-"` // folder in which answers of servers are kept until they are rows
}

// promptsCut is where a table's metadata counts the prompts, one a goal, that
// lost the middle of their text to prompts.max_tokens.
const promptsCut = "prompts_cut"

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
	if scores := in.At(2); scores != "" {
		if c.Wording.Names, err = table.ReadLevelNames(scores); err != nil {
			return err
		}
	}
	w, err := newWorker(c, f)
	if err != nil {
		return err
	}
	questions, err := w.questions(prompts)
	if err != nil {
		return err
	}
	if c.Backend == "openai" {
		return w.remotely(ctx, in, questions, out)
	}
	device, err := torch.OpenDevice(c.Device)
	if err != nil {
		return err
	}
	all, err := table.Create[table.Sample](out.Dir(), map[string]string{promptsCut: strconv.Itoa(w.prompter.Cut)})
	if err != nil {
		return err
	}
	err = torch.Run(ctx, device, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, w.dtype, false)
		if err != nil {
			return err
		}
		e, err := NewEngine(s, p, Settings{Rows: c.Batch, Tokens: w.tokens})
		if err != nil {
			return err
		}
		return w.segments(ctx, e, questions, out, all)
	})
	if err != nil {
		return err
	}
	return all.Close()
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
	config     Config
	dtype      torch.DType
	window     int // tokens of prompt and response together
	vocabulary int
	prompter   chat.Prompter
	tokens     *tokenizer.Tokenizer
	stop       []int
}

func newWorker(c Config, f *hf.Folder) (*worker, error) {
	if len(c.Goals) == 0 {
		c.Goals = [][]float64{nil}
	}
	w := &worker{config: c}
	var err error
	if w.dtype, err = model.DType(c.DType); err != nil {
		return nil, err
	}
	if w.tokens, err = tokenizer.Load(f.FS()); err != nil {
		return nil, err
	}
	of, err := f.Config()
	if err != nil {
		return nil, err
	}
	if err := w.tokens.Fits(of.VocabSize); err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	w.window, w.vocabulary = of.MaxPositionEmbeddings, of.VocabSize
	w.prompter = chat.Prompter{Tokens: w.tokens, Goal: c.Wording, MaxTokens: c.MaxPrompt}
	if w.prompter.Template, err = chat.Load(f.FS()); err != nil {
		return nil, err
	}
	w.stop, err = Stops(f, w.prompter.Template, w.tokens)
	return w, err
}

// Stops are the ids that end a response: those of generation_config.json, or
// config.json, and the template's end of turn. Fine-tunes often name only the
// base model's end of text, and would then never stop.
func Stops(f *hf.Folder, t *chat.Template, tokens *tokenizer.Tokenizer) ([]int, error) {
	generation, err := f.GenerationConfig()
	if err != nil {
		return nil, err
	}
	ids := generation.EOS
	if id, ok := t.EndOfTurn(tokens); ok {
		ids = append(ids, int(id))
	}
	if len(ids) == 0 {
		return nil, fmt.Errorf("%s: no response could end: neither generation_config.json nor config.json names an eos_token_id, "+
			"and the chat template ends no turn with a special token", f.Name())
	}
	return ids, nil
}

// segments samples what earlier runs have not and writes every row to all.
func (w *worker) segments(ctx context.Context, e *Engine, questions []question, out *flow.Out, all *table.Writer[table.Sample]) error {
	bar := progress.Start(ctx, int64(len(questions)*w.config.N), "responses")
	defer bar.Done()
	i := 0
	for own := range slices.Chunk(questions, segment*len(w.config.Goals)) {
		part := fmt.Sprintf("segment-%06d", i)
		dir, old, err := out.Ensure(part, func(dir string) error {
			rows, err := w.sample(ctx, e, own, bar)
			if err != nil {
				return err
			}
			return table.WriteAll(dir, nil, rows)
		})
		if err != nil {
			return err
		}
		if old {
			bar.Skip(int64(len(own) * w.config.N))
		}
		if err := all.Append(dir); err != nil {
			return err
		}
		i++
	}
	return nil
}

// sample answers questions.
func (w *worker) sample(ctx context.Context, e *Engine, questions []question, bar *progress.Bar) ([]table.Sample, error) {
	c := w.config
	o := Options{Temperature: c.Temperature, TopP: c.TopP, TopK: c.TopK, MaxTokens: c.MaxTokens, Stop: w.stop, Seed: c.Seed}
	requests := make([]Request, len(questions))
	for i, q := range questions {
		requests[i] = q.Request
	}
	responses, err := e.Generate(ctx, requests, o)
	if err != nil {
		return nil, err
	}
	var rows []table.Sample
	for i, list := range responses {
		for k, r := range list {
			rows = append(rows, w.row(questions[i], k, r))
		}
		bar.Add(int64(len(list)))
	}
	return rows, nil
}

func (w *worker) row(q question, k int, r Response) table.Sample {
	finish := table.FinishLength
	if r.Stopped {
		finish = table.FinishStop
	}
	return table.Sample{
		PromptID: q.id, Sample: int32(q.First + k), Goal: q.goal, PromptIDs: q.Prompt, ResponseIDs: r.IDs,
		Logprobs: r.Logprobs, Text: w.tokens.Decode(r.IDs, true), Finish: finish, Seed: w.config.Seed,
	}
}
