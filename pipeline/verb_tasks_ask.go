package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"github.com/rs/zerolog"

	"radpo/eval/tasks"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/tokenizer"
	"radpo/internal/torch"
	"radpo/sampler"
)

// An examiner asks the questions of an exam.
type examiner struct {
	Exam
	task      tasks.Task
	sets      []tasks.Set
	questions []question
	policy    model.Policy
	tokens    *tokenizer.Tokenizer
	render    func(s tasks.Set, shown []tasks.Item, i tasks.Item) (string, error)
	prefix    []int // ids of which the first stands for an empty context
	stop      []int // ids that end an answer
	window    int   // tokens
	cut       int   // prompts that lost their beginning
}

// examiner opens what is needed and makes the prompts of all items.
func (e Exam) examiner(f *hf.Folder, t tasks.Task, sets []tasks.Set) (*examiner, error) {
	c, err := f.Config()
	if err != nil {
		return nil, &InputError{err}
	}
	generation, err := f.GenerationConfig()
	if err != nil {
		return nil, &InputError{err}
	}
	x := &examiner{Exam: e, task: t, sets: sets, stop: generation.EOS, window: cmp.Or(e.MaxLength, c.MaxPositionEmbeddings)}
	if x.window > c.MaxPositionEmbeddings {
		return nil, inputError("a length of %d tokens: the model's window has %d", x.window, c.MaxPositionEmbeddings)
	}
	words := &text{folder: f}
	if x.tokens, err = words.tokenizer(); err != nil {
		return nil, err
	}
	x.render = func(s tasks.Set, shown []tasks.Item, i tasks.Item) (string, error) {
		return s.Context(e.System, shown, i), nil
	}
	if e.Chat {
		template, tokens, err := words.chat()
		if err != nil {
			return nil, err
		}
		if id, ok := template.EndOfTurn(tokens); ok {
			x.stop = append(x.stop, int(id))
		}
		x.render = func(s tasks.Set, shown []tasks.Item, i tasks.Item) (string, error) {
			return template.Render(s.Messages(e.System, shown, i), true)
		}
	}
	x.prefix = append(slices.Clone(generation.BOS), generation.EOS...)
	return x, x.prepare()
}

// prepare makes the prompts of all items.
func (x *examiner) prepare() error {
	for n, s := range x.sets {
		shown, err := s.Shown(x.Shots, uint32(x.Seed))
		if err != nil {
			return &InputError{err}
		}
		for k, i := range s.Items {
			q := question{set: n, item: k}
			if q.context, err = x.render(s, shown[k], i); err == nil {
				err = x.tokenize(&q, i)
			}
			if err != nil {
				return inputError("%s: %w", i.At, err)
			}
			x.questions = append(x.questions, q)
		}
	}
	return nil
}

// tokenize fills in the ids of a question's context and continuations.
func (x *examiner) tokenize(q *question, i tasks.Item) error {
	if x.task.Generates() {
		q.ids = x.encode(q.context)
		if room := x.window - x.MaxTokens; room < 1 {
			return fmt.Errorf("an answer of %d tokens leaves no room for a question in %d: lower --max-tokens", x.MaxTokens, x.window)
		} else if over := len(q.ids) - room; over > 0 {
			q.ids = q.ids[over:]
			x.cut++
		}
		return nil
	}
	most := 0 // tokens that are too many
	for k, text := range i.Continuations(x.Chat) {
		var ids []int32
		q.ids, ids = tasks.Split(x.encode, x.prefix, q.context, text)
		q.continuations = append(q.continuations, ids)
		over := len(q.ids) + len(ids) - x.window
		if len(q.ids) == 0 || over >= len(q.ids) {
			return fmt.Errorf("choice %d has %d tokens, its context %d: the model reads %d, of which one has to be the context's", k+1, len(ids), len(q.ids), x.window)
		}
		most = max(most, over)
	}
	if most > 0 {
		x.cut++
	}
	return nil
}

// encode parses special tokens in a text, and adds them if asked to.
func (x *examiner) encode(text string) []int32 {
	if x.BOS {
		return x.tokens.Encode(text)
	}
	return x.tokens.AppendIDs(nil, text, true)
}

// answers has the policy answer all questions.
func (x *examiner) answers(ctx context.Context, s *torch.Scope) ([]examRow, error) {
	bar := progress.Start(ctx, int64(len(x.questions)), "questions")
	defer bar.Done()
	if x.cut > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d prompts are longer than %d tokens and lost their beginning", x.cut, x.window)
	}
	rows := make([]examRow, len(x.questions))
	for i, q := range x.questions {
		item := x.sets[q.set].Items[q.item]
		rows[i] = examRow{Subset: x.sets[q.set].Subset, DocID: q.item, Context: q.context, Choices: item.Choices, Target: item.Answer}
	}
	if x.task.Generates() {
		return rows, x.generate(ctx, s, rows, bar)
	}
	return rows, x.rank(ctx, s, rows, bar)
}

// forks are a question's choices behind its context. A choice for which there is
// no room cuts its context's beginning, and so is a fork of its own.
func (x *examiner) forks(q question) []model.Fork {
	var out []model.Fork
	for _, ids := range q.continuations {
		if len(ids) == 0 {
			continue
		}
		prompt := q.ids[max(0, len(q.ids)+len(ids)-x.window):]
		if n := len(out); n > 0 && len(out[n-1].Prompt) == len(prompt) {
			out[n-1].Responses = append(out[n-1].Responses, ids)
		} else {
			out = append(out, model.Fork{Prompt: prompt, Responses: [][]int32{ids}})
		}
	}
	return out
}

// rank fills in rows of log-likelihoods. The choices of a question share its
// context's work.
func (x *examiner) rank(ctx context.Context, s *torch.Scope, rows []examRow, bar *progress.Bar) error {
	forks := func(i int) []model.Fork { return x.forks(x.questions[i]) }
	return model.Logps(ctx, s, x.policy, len(rows), maxTokens, forks, func(i int, logps [][]float32) {
		x.mark(&rows[i], x.questions[i], logps)
		bar.Add(1)
	})
}

// mark fills in a row with its continuations' log-probabilities; one without a
// token has none, and no list.
func (x *examiner) mark(r *examRow, q question, logps [][]float32) {
	for _, ids := range q.continuations {
		sum := 0.0
		if len(ids) > 0 {
			for _, p := range logps[0] {
				sum += float64(p)
			}
			logps = logps[1:]
		}
		r.Loglikelihoods = append(r.Loglikelihoods, sum)
	}
	item := x.sets[q.set].Items[q.item]
	ranking := item.Rank(r.Loglikelihoods)
	r.Pick, r.PickNorm, r.Gold, r.Values = &ranking.Pick, &ranking.PickNorm, &item.Gold, ranking.Values
}

// generate fills in rows of generated answers, each the likeliest token by
// token up to a stop.
func (x *examiner) generate(ctx context.Context, s *torch.Scope, rows []examRow, bar *progress.Bar) (err error) {
	s.Each(func(s *torch.Scope) {
		var e *sampler.Engine
		if e, err = sampler.NewEngine(s, x.policy, sampler.Settings{Tokens: x.tokens}); err == nil {
			err = x.hear(ctx, e, rows, bar)
		}
	})
	return err
}

// hear has an engine answer, some questions at a time.
func (x *examiner) hear(ctx context.Context, e *sampler.Engine, rows []examRow, bar *progress.Bar) error {
	o := sampler.Options{MaxTokens: x.MaxTokens, Stop: x.stop, StopStrings: x.task.Until}
	for first := 0; first < len(rows); first += window {
		part := x.questions[first:min(first+window, len(rows))]
		requests := make([]sampler.Request, len(part))
		for i, q := range part {
			requests[i] = sampler.Request{Name: x.sets[q.set].Items[q.item].At, Prompt: q.ids, N: 1}
		}
		answers, err := e.Generate(ctx, requests, o)
		if err != nil {
			return err
		}
		for i, q := range part {
			r, text := &rows[first+i], answers[i][0].Text
			m := x.task.Mark(x.sets[q.set].Items[q.item], text)
			r.Text, r.Strict, r.Flexible, r.Values = &text, m.Strict, m.Flexible, m.Values
		}
		bar.Add(int64(len(part)))
	}
	return nil
}
