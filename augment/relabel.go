package augment

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/table"
)

// Relabel reads prompts, plain pairs, other scores of their responses on 1–10
// and the policy's folder, and writes the pairs conditioned on those scores.
// Which response is the better one of a pair follows the new scores too.
var Relabel = flow.Kind[Config]{Name: "relabel", Version: 2, Run: runRelabel}

func runRelabel(ctx context.Context, c Config, in flow.In, out *flow.Out) error {
	prompts, err := readPrompts(in.At(0))
	if err != nil {
		return err
	}
	pairs, err := table.Open[table.Pair](in.At(1))
	if err != nil {
		return err
	}
	scores, err := table.ReadAll[table.Score](in.At(2))
	if err != nil {
		return err
	}
	render, err := prompter(c, in.At(3))
	if err != nil {
		return err
	}
	w, err := c.newWriter(out.Dir(), nil)
	if err != nil {
		return err
	}
	counts, err := Relabelled(c.Augment, c.Iteration, prompts, pairs.Rows(), scores, render, func(p table.Pair) error {
		return errors.Join(ctx.Err(), w.add(p))
	})
	counts.Cut = render.Cut
	return w.finish(ctx, counts, err)
}

// A sampleKey says which response a score is of.
type sampleKey struct {
	prompt string
	sample int32
}

// Relabelled writes the training rows that pairs become under scores, in their
// order. A pair of which a response has no score is dropped and counted.
func Relabelled(c configs.Augment, iteration int, prompts map[string]table.Prompt, pairs iter.Seq2[table.Pair, error], scores []table.Score,
	render Renderer, emit func(table.Pair) error) (Counts, error) {
	var counts Counts
	byKey := map[sampleKey]table.Score{}
	for _, s := range scores {
		byKey[sampleKey{s.PromptID, s.Sample}] = s
	}
	seen := map[string]bool{}
	for row, err := range pairs {
		if err != nil {
			return counts, fmt.Errorf("augment: pairs: %w", err)
		}
		prompt, ok := prompts[row.PromptID]
		if !ok {
			return counts, fmt.Errorf("augment: pair %s: its prompt is not in the prompts table, which must be the one that was sampled", row.ID)
		}
		seen[row.PromptID] = true
		p, ok := rescored(row, byKey, &counts)
		if !ok || !p.teaches(c, &counts) {
			continue
		}
		if err := p.write(c, Group{Prompt: prompt}, iteration, render, &counts, emit); err != nil {
			return counts, err
		}
	}
	counts.Prompts = len(seen)
	return counts, nil
}

// rescored is the pair of a row by other scores; false where one is missing.
func rescored(row table.Pair, scores map[sampleKey]table.Score, counts *Counts) (pair, bool) {
	sides := make([]response, 2)
	complete := true
	for i, s := range []table.Sample{
		{PromptID: row.PromptID, Sample: row.ChosenSample, ResponseIDs: row.ChosenIDs, Text: row.Chosen},
		{PromptID: row.PromptID, Sample: row.RejectedSample, ResponseIDs: row.RejectedIDs, Text: row.Rejected},
	} {
		score, ok := scores[sampleKey{s.PromptID, s.Sample}]
		sides[i] = response{sample: &s, score: &score}
		counts.Responses++
		if !ok || sides[i].unscored() {
			counts.Unscored++
			complete = false
		}
	}
	if !complete {
		counts.TooFew++
		return pair{}, false
	}
	if sides[0].score.Raw < sides[1].score.Raw {
		counts.Turned++
	}
	judge(sides)
	return pair{sides[0], sides[1]}, true
}

// readPrompts is a prompts table by id.
func readPrompts(dir string) (map[string]table.Prompt, error) {
	all, err := table.ReadAll[table.Prompt](dir)
	if err != nil {
		return nil, err
	}
	prompts := make(map[string]table.Prompt, len(all))
	for _, p := range all {
		prompts[p.ID] = p
	}
	return prompts, nil
}
