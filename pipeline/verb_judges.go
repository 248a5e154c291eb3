package pipeline

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"

	"radpo/configs"
	"radpo/eval"
	"radpo/internal/progress"
	"radpo/ranker"
)

// A Benchmark is what MT-Bench and Arena-Hard have in common: questions of
// the user's, answers given or made here, and a judge that is asked or was.
type Benchmark struct {
	Questions string   // file
	Answers   string   // file of the model's answers; or empty
	Model     string   // folder of a policy, or a run, that answers here; or empty
	Prompt    string   // file of the judge's prompts
	Judgments []string // files of judgments made before, in place of answers and judge
	Out       string   // folder for answers, judgments and result
	Result    string   // file for the result; empty: in Out, if there is one

	// Offer says how the model is asked; its Sets override ranker.remote and
	// ranker.judge too, which say who judges.
	Offer
	DType     string
	Device    string
	MaxTokens int // of an answer
	Seed      int64

	config configs.Ranker // of the judge
}

// settle makes the settings of the judge, whose replies have maxTokens unless an
// override says otherwise; its answers are kept in Out.
func (b *Benchmark) settle(maxTokens int) error {
	if len(b.Judgments) > 0 {
		_, err := Settings("", b.Sets)
		return err
	}
	c, err := Settings("", append([]string{"ranker.kind=judge", fmt.Sprint("ranker.judge.max_tokens=", maxTokens)}, b.Sets...))
	if err != nil {
		return err
	}
	if b.config = c.Ranker; b.config.Remote.Cache == "" {
		b.config.Remote.Cache = filepath.Join(b.Out, "answers")
	}
	if err := ranker.CheckAsks(b.config); err != nil {
		return &InputError{err}
	}
	return nil
}

// ask has the judge reply to talks.
func (b Benchmark) ask(ctx context.Context, talks []ranker.Talk) ([]string, error) {
	bar := progress.Start(ctx, int64(len(talks)), "judgements")
	defer bar.Done()
	return ranker.Replies(ctx, b.config, talks, func() { bar.Add(1) })
}

// settings are what a result says of how it came about.
func (b Benchmark) settings(more map[string]any) map[string]any {
	if len(b.Judgments) == 0 {
		more["judge_temperature"], more["judge_max_tokens"] = b.config.Judge.Temperature, b.config.Judge.MaxTokens
	}
	if b.Model != "" {
		more["goal"], more["max_tokens"], more["answer_seed"] = b.Goal, b.MaxTokens, b.Seed
	}
	return more
}

// write writes one result to w, to its file, and more than one to w alone.
func (b Benchmark) write(w io.Writer, results []eval.Result, items [][]eval.Item) error {
	path := b.Result
	if path == "" && b.Out != "" {
		path = filepath.Join(b.Out, "result.json")
	}
	if path != "" && len(results) > 1 {
		return inputError("%s: there are judgments of %d models: a result is of one", path, len(results))
	}
	if path != "" {
		if err := results[0].Write(path, items[0]); err != nil {
			return &InputError{err}
		}
	}
	texts := make([]json.RawMessage, len(results))
	for i, r := range results {
		var err error
		if texts[i], err = r.Text(); err != nil {
			return err
		}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	if len(texts) == 1 {
		return wrapWrite(enc.Encode(texts[0]))
	}
	return wrapWrite(enc.Encode(texts))
}
