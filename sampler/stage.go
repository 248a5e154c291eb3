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

// segment is how many prompts one committed part holds, and atOnce how many
// parts are under way at most: what a kill loses. Small parts of which several
// are under way keep the engine full while the last long answers of one finish.
const (
	segment = 8
	atOnce  = 64 / segment
)

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
		if err := w.remotely(ctx, in, questions, out); err != nil {
			return err
		}
		return w.fleetGap(ctx, f, out.Dir())
	}
	return w.here(ctx, f, questions, out)
}

// here answers with the policy in f on the device of the configuration.
func (w *worker) here(ctx context.Context, f *hf.Folder, questions []question, out *flow.Out) error {
	c := w.config
	memory, err := configs.Bytes(c.Memory)
	if err != nil {
		return err
	}
	device, err := torch.OpenDevice(c.Device)
	if err != nil {
		return err
	}
	all, err := table.Create[table.Sample](out.Dir(), map[string]string{promptsCut: strconv.Itoa(w.prompter.Cut)})
	if err != nil {
		return err
	}
	set := Settings{Rows: c.Batch, Memory: memory}
	if len(c.StopStrings) > 0 {
		set.Tokens = w.tokens // text is needed on the way
	}
	return torch.Run(ctx, device, func(s *torch.Scope) error {
		p, err := model.OpenPolicy(s, f, w.dtype, false)
		if err != nil {
			return err
		}
		s.Each(func(s *torch.Scope) { // the cache is gone before the gap is measured
			var e *Engine
			if e, err = NewEngine(s, p, set); err == nil {
				err = w.segments(ctx, e, questions, out, all)
			}
		})
		if err == nil {
			err = all.Close()
		}
		if err != nil {
			return err
		}
		return w.gap(ctx, s, p, out.Dir())
	})
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
	if w.stop, err = Stops(f, w.prompter.Template, w.tokens); err != nil {
		return nil, err
	}
	for _, id := range c.StopIDs {
		if id >= w.vocabulary {
			return nil, fmt.Errorf("sampler.stop_ids: the model has no token %d; its vocabulary is %d", id, w.vocabulary)
		}
	}
	w.stop = slices.Concat(c.StopIDs, w.stop) // the end of turn stays last
	return w, nil
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

// segments samples what earlier runs have not and writes every row to all, in
// the order of the questions. Parts are committed as they are done.
func (w *worker) segments(ctx context.Context, e *Engine, questions []question, out *flow.Out, all *table.Writer[table.Sample]) error {
	bar := progress.Start(ctx, int64(len(questions)*w.config.N), "responses")
	defer bar.Done()
	var parts []*piece
	for own := range slices.Chunk(questions, segment*len(w.config.Goals)) {
		parts = append(parts, &piece{name: fmt.Sprintf("segment-%06d", len(parts)), questions: own})
	}
	waiting, written := parts, 0
	var under []*piece // way
	for {
		for len(waiting) > 0 && len(under) < atOnce {
			p := waiting[0]
			waiting = waiting[1:]
			if _, old := out.Part(p.name); old {
				bar.Skip(int64(len(p.questions) * w.config.N))
			} else if err := w.ask(e, p, bar); err != nil {
				return err
			} else {
				under = append(under, p)
			}
		}
		for ; written < len(parts); written++ {
			dir, done := out.Part(parts[written].name)
			if !done {
				break
			}
			if err := all.Append(dir); err != nil {
				return err
			}
		}
		if written == len(parts) {
			break
		}
		err := e.Step(ctx)
		if err != nil {
			return err
		}
		under = slices.DeleteFunc(under, func(p *piece) bool {
			if p.left > 0 || err != nil {
				return false
			}
			err = p.commit(out)
			return true
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// A piece is a part under way: some questions, and the rows of their answers in order.
type piece struct {
	name      string
	questions []question
	rows      []table.Sample
	left      int // responses that have not ended
	failure   error
}

// commit makes p's rows survive a kill.
func (p *piece) commit(out *flow.Out) error {
	if p.failure != nil {
		return p.failure
	}
	rows := p.rows
	p.rows = nil
	return out.Commit(p.name, func(dir string) error { return table.WriteAll(dir, nil, rows) })
}

// ask submits p's questions.
func (w *worker) ask(e *Engine, p *piece, bar *progress.Bar) error {
	c := w.config
	o := Options{
		Temperature: c.Temperature, TopP: c.TopP, TopK: c.TopK, MinP: c.MinP, RepetitionPenalty: c.RepetitionPenalty,
		MaxTokens: c.MaxTokens, Stop: w.stop, StopStrings: c.StopStrings, Seed: c.Seed,
	}
	p.left = len(p.questions) * c.N
	p.rows = make([]table.Sample, p.left)
	for i, q := range p.questions {
		responses := make([]Response, q.N)
		sink := func(ev Event) {
			k := ev.Sample - q.First
			if responses[k].add(ev); ev.Finish == "" && ev.Err == nil {
				return
			}
			p.rows[i*c.N+k] = w.row(q, k, responses[k])
			responses[k] = Response{}
			p.left--
			bar.Add(1)
			if ev.Err != nil {
				p.left, p.failure = 0, ev.Err
			}
		}
		if _, err := e.Submit(q.Request, o, sink); err != nil {
			return err
		}
	}
	return nil
}

// row is sample k of q. Its text is that of all its ids, or what comes before a
// stop string.
func (w *worker) row(q question, k int, r Response) table.Sample {
	text := w.tokens.Decode(r.IDs, true)
	at, _ := first(text, w.config.StopStrings)
	finish := table.FinishLength
	if r.Stopped {
		finish = table.FinishStop
	}
	return table.Sample{
		PromptID: q.id, Sample: int32(q.First + k), Goal: q.goal, PromptIDs: q.Prompt, ResponseIDs: r.IDs,
		Logprobs: r.Logprobs, Text: text[:at], Finish: finish, Seed: w.config.Seed,
	}
}
