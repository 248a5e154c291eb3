package pipeline

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/ranker"
)

// givenSamples reads a file of scored responses, the prompts table that is made
// of it and the policy's folder, and writes iteration 1's responses as samples
// with ids of that policy.
var givenSamples = flow.Kind[givenConfig]{Name: "given", Version: 1, Run: runGivenSamples}

// givenScores reads the same file, prompts and samples, and writes their raw
// scores.
var givenScores = flow.Kind[givenConfig]{Name: "given-scores", Version: 1, Run: runGivenScores}

type givenConfig struct {
	Split     string `json:"split"`
	MaxPrompt int    `json:"prompts.max_tokens"`
}

// given adds them and the map of the scores.
func (l *loop) given(prompts, policy string) (samples, scores string) {
	c := givenConfig{split(l.Prompts, 1), l.Prompts.MaxTokens}
	samples = l.add(givenSamples.With(c, "samples-1", "prompts-file", prompts, policy))
	raw := l.add(givenScores.With(c, "raw-1", "prompts-file", prompts, samples))
	return samples, l.add(ranker.Scale.With(ranker.ScaleConfig{
		Scale: l.Scale, Ranker: ranker.ByData, NonFinite: "drop", Attributes: l.Augment.Attributes,
	}, "scores-1", raw, ""))
}

// each calls fn with the rows of the file that gave the split its prompts, in
// their order.
func (c givenConfig) each(in flow.In, fn func(table.Scored) error) error {
	asked, err := table.Open[table.Prompt](in.At(1))
	if err != nil {
		return err
	}
	from := map[string]bool{}
	for p, err := range asked.Rows() {
		if err != nil {
			return err
		}
		if p.Split == c.Split {
			from[p.Source] = true
		}
	}
	for s, err := range sound(table.ReadScored(in.At(0)), nil) {
		if err == nil && from[s.Source] {
			err = fn(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func runGivenSamples(ctx context.Context, c givenConfig, in flow.In, out *flow.Out) error {
	f, err := hf.Open(in.At(2))
	if err != nil {
		return err
	}
	defer f.Close()
	text := text{folder: f}
	template, tokens, err := text.chat()
	if err != nil {
		return err
	}
	prompter := chat.Prompter{Template: template, Tokens: tokens, MaxTokens: c.MaxPrompt}
	w, err := table.Create[table.Sample](out.Dir(), nil)
	if err != nil {
		return err
	}
	err = c.each(in, func(s table.Scored) error {
		asked, prompt, err := prompter.Prompt(s.Messages, nil)
		if err != nil {
			return fmt.Errorf("%s: %w", s.Source, err)
		}
		for i, answer := range s.Responses {
			ids, err := template.Answer(tokens, asked, answer)
			if err != nil {
				return fmt.Errorf("%s: response %d: %w", s.Source, i, err)
			}
			sample := table.Sample{PromptID: s.PromptID, Sample: int32(i), PromptIDs: prompt, ResponseIDs: ids, Text: answer, Finish: table.FinishStop}
			if err := errors.Join(ctx.Err(), w.Write(sample)); err != nil {
				return err
			}
		}
		return nil
	})
	return errors.Join(err, w.Close())
}

func runGivenScores(ctx context.Context, c givenConfig, in flow.In, out *flow.Out) error {
	var rows []table.Score
	var names []string
	err := c.each(in, func(s table.Scored) error {
		if names == nil {
			names = s.Names
		}
		if !slices.Equal(names, s.Names) {
			return fmt.Errorf("%s: the attributes are %v, those before it %v", s.Source, s.Names, names)
		}
		rows = append(rows, scoresOf(s)...)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	samples, err := table.ReadAll[table.Sample](in.At(2))
	if err != nil {
		return err
	}
	meta, err := ranker.Origin{Ranker: ranker.ByData, Samples: table.SamplesDigest(samples), Attributes: names}.Meta()
	if err != nil {
		return err
	}
	return table.WriteAll(out.Dir(), meta, rows)
}
