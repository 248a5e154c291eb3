package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"iter"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/eval"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
	"radpo/ranker"
)

// A Bench is a ranker, or the scores that one gave, to be measured on
// RewardBench.
type Bench struct {
	Config configs.Config // of kind remote or judge, who scores, unless Model is named
	Model  string         // reward model folder, or name in the cache; its architecture says which ranker it is
	Data   string         // file of questions and answers; with Scores, empty
	Scores string         // file of scores
	Result string         // file for the result, whose items lie beside it; or empty
}

// benchRow is a question as the ranker scored it. Version 1 has no num_correct.
type benchRow struct {
	ID      string    `json:"id"`
	Subset  string    `json:"subset"`
	Correct int       `json:"num_correct,omitempty"`
	Scores  []float64 `json:"scores"`
	Result  float64   `json:"result"`
}

// Do scores the answers, writes a row a question to items, which Scores can
// name later, and the report to w as one JSON object.
func (b Bench) Do(ctx context.Context, items, w io.Writer) error {
	scored, name, err := b.scored(ctx)
	if err != nil {
		return err
	}
	report, err := eval.RewardBench(scored)
	if err != nil {
		return &InputError{err}
	}
	lines := newLineWriter(items)
	for _, q := range scored {
		row := benchRow{ID: q.ID, Subset: q.Subset, Scores: q.Scores, Result: eval.BenchResult(q)}
		if q.Version == 2 {
			row.Correct = q.Correct
		}
		if err := lines.write(row); err != nil {
			return err
		}
	}
	if err := lines.flush(); err != nil {
		return err
	}
	if b.Result != "" {
		judge := b.Config.Ranker.Judge
		r, lines := report.Result(name, b.Config.Ranker.Kind, scored)
		r.Settings = map[string]any{"heads": b.Config.Ranker.Heads, "dtype": b.Config.DType, "judge": judge}
		if err := r.Write(b.Result, lines); err != nil {
			return &InputError{err}
		}
	}
	if s := report.Score; s != nil {
		zerolog.Ctx(ctx).Info().Msgf("RewardBench %d: %.1f [%.1f, %.1f] over %d questions", report.Version, 100*s.Value, 100*s.Lo, 100*s.Hi, s.N)
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return wrapWrite(enc.Encode(struct {
		Benchmark string `json:"benchmark"`
		Model     string `json:"model"`
		eval.BenchReport
	}{"RewardBench", name, report}))
}

// onceEach refuses a question that comes again, which would count twice.
func onceEach(items []table.BenchItem) error {
	first := map[[2]string]string{}
	for _, q := range items {
		name := [2]string{q.Subset, q.ID}
		if at, again := first[name]; again && q.ID != "" {
			return inputError("%s: question %s of subset %s again, as at %s: it would count twice", q.At, q.ID, q.Subset, at)
		}
		first[name] = q.At
	}
	return nil
}

// scored is the questions with the scores of their answers, and whose they are.
func (b Bench) scored(ctx context.Context) (items []table.BenchItem, name string, err error) {
	if b.Scores != "" {
		if items, err = gathered(b.Scores, scoresShape, table.ReadBenchScores(b.Scores)); err == nil {
			err = onceEach(items)
		}
		return items, filepath.Base(b.Scores), err
	}
	if items, err = gathered(b.Data, benchShape, table.ReadBench(b.Data)); err == nil {
		err = onceEach(items)
	}
	if err != nil {
		return nil, "", err
	}
	c := b.Config
	if b.Model != "" {
		c.Ranker.Kind, c.Ranker.Model = "", b.Model
	}
	err = withRanker(ctx, c, func(s *torch.Scope, r ranker.Ranker) error { return scoreBench(ctx, s, r, items) })
	if name = c.Ranker.Model; name == "" {
		name = c.Ranker.Kind
	}
	return items, name, err
}

// Shapes of RewardBench's files, for messages.
const (
	benchShape  = `{"id", "subset", "prompt", "chosen", "rejected"}, chosen and rejected texts (version 1) or lists of them (version 2), as RewardBench's`
	scoresShape = `{"id", "subset", "scores": [1.5, …]}, the correct answers' scores first, as --items writes, or {"subset", "scores_chosen", "scores_rejected"}`
)

// gathered is every row of a file, or the first of its faults with the shape that
// rows should have.
func gathered[R any](path, shape string, rows iter.Seq2[R, error]) ([]R, error) {
	err := badRows(path, rows)
	switch {
	case errors.As(err, new(*fs.PathError)), err != nil && shape == "":
		return nil, &InputError{err}
	case err != nil:
		return nil, inputError("%w; want rows of %s", err, shape)
	}
	var out []R
	for r, err := range rows {
		if err != nil {
			return nil, err // the file has changed meanwhile
		}
		out = append(out, r)
	}
	return out, nil
}

// withRanker opens the ranker of a configuration; an empty kind is that which
// its model folder is for. One that asks servers has no scope.
func withRanker(ctx context.Context, c configs.Config, fn func(*torch.Scope, ranker.Ranker) error) error {
	var f *hf.Folder
	if c.Ranker.Model != "" {
		var err error
		if f, err = hf.Open(c.Ranker.Model); err != nil {
			return &InputError{err}
		}
		defer f.Close()
		if c.Ranker.Kind == "" {
			if c.Ranker.Kind, err = ranker.KindOf(f); err != nil {
				return &InputError{err}
			}
		}
	}
	var err error
	if c.Ranker, err = resolveAsking(c.Ranker, ""); err != nil {
		return &InputError{err}
	}
	d, err := model.DType(c.DType)
	if err != nil {
		return &InputError{err}
	}
	open := func(s *torch.Scope) error {
		r, err := ranker.Open(s, c.Ranker, f, d)
		if err != nil {
			return &InputError{err}
		}
		return fn(s, r)
	}
	if c.Ranker.Asks() {
		return open(nil)
	}
	return Model{Device: c.Device}.run(ctx, open)
}

// scoreBench fills in scores, some questions at a time, and counts what the
// model's window cuts.
func scoreBench(ctx context.Context, s *torch.Scope, r ranker.Ranker, items []table.BenchItem) error {
	bar := progress.Start(ctx, int64(len(items)), "questions")
	defer bar.Done()
	cut := 0
	for len(items) > 0 {
		part := items[:min(window, len(items))]
		items = items[len(part):]
		requests := make([]ranker.Request, len(part))
		for i, q := range part {
			requests[i] = ranker.Request{Name: q.At, Messages: q.Messages, Responses: q.Answers}
		}
		ratings, err := r.Rank(ctx, s, requests)
		if err != nil {
			return err
		}
		for i, list := range ratings {
			for k, rating := range list {
				if !torch.Finite(rating.Score) {
					return inputError("%s: the score of answer %d is %v: the ranker's weights or its dtype are at fault", part[i].At, k+1, rating.Score)
				}
				part[i].Scores = append(part[i].Scores, rating.Score)
				if rating.Cut != (ranker.Cut{}) {
					cut++
				}
			}
		}
		bar.Add(int64(len(part)))
	}
	if cut > 0 {
		zerolog.Ctx(ctx).Warn().Msgf("%d answers did not fit into the model's window whole", cut)
	}
	return nil
}
