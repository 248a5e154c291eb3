package augment

import (
	"fmt"
	"iter"
	"math"

	"radpo/configs"
	"radpo/internal/table"
)

// A Renderer writes prompts. The tokens of a row are its prompt's, as rendered
// here, and its responses', as sampled.
type Renderer interface {
	// Prompt returns messages with the goal prompt in place, and their ids up to
	// where the response starts. An empty goal changes nothing.
	Prompt(messages []table.Message, goal []float64) (withGoal []table.Message, ids []int32, err error)
}

// Input is what an iteration has gathered. Scores are in the order of the
// samples, and the samples of a prompt stand together.
type Input struct {
	Prompt  func(id string) (table.Prompt, bool)
	Samples iter.Seq2[table.Sample, error]
	Scores  iter.Seq2[table.Score, error]
}

// Rows writes the training rows of an iteration, prompt by prompt in the order
// of the samples. Only the responses of one prompt, and the ids of those seen,
// are in memory. An error of emit ends the work and is returned as it is.
func Rows(c configs.Augment, seed int64, iteration int, in Input, render Renderer, emit func(table.Pair) error) (Counts, error) {
	var counts Counts
	seen := map[string]bool{}
	last := math.MaxInt
	if c.Method == "half-ra" {
		n, err := countPrompts(in.Samples)
		if err != nil {
			return counts, fmt.Errorf("augment: samples: %w", err)
		}
		last = (n + 1) / 2
	}
	for group, err := range groups(in.Samples, in.Scores) {
		if err != nil {
			return counts, fmt.Errorf("augment: %w", err)
		}
		id := group[0].sample.PromptID
		prompt, ok := in.Prompt(id)
		if err := check(c, group, ok, seen[id]); err != nil {
			return counts, fmt.Errorf("augment: prompt %s: %w", id, err)
		}
		seen[id] = true
		counts.Prompts++
		counts.Responses += len(group)
		if counts.Prompts > last {
			counts.OtherHalf++
			continue
		}
		for _, p := range choose(c, group, drawFrom(seed, iteration, id), &counts) {
			if !p.teaches(c, &counts) {
				continue
			}
			if err := p.write(c, prompt, iteration, render, &counts, emit); err != nil {
				return counts, err
			}
		}
	}
	return counts, nil
}

// write emits the rows that p becomes.
func (p pair) write(c configs.Augment, prompt table.Prompt, iteration int, render Renderer, counts *Counts, emit func(table.Pair) error) error {
	for _, v := range variants(c, p) {
		row, err := v.row(prompt, iteration, render)
		if err != nil {
			return fmt.Errorf("augment: prompt %s: %w", prompt.ID, err)
		}
		if err := emit(row); err != nil {
			return err
		}
		counts.Rows++
	}
	return nil
}

// row writes v out.
func (v variant) row(prompt table.Prompt, iteration int, render Renderer) (table.Pair, error) {
	messages, ids, err := render.Prompt(prompt.Messages, v.goal)
	if err != nil {
		return table.Pair{}, err
	}
	return table.Pair{
		ID:             fmt.Sprintf("%d-%s-%d-%d-%s", iteration, prompt.ID, v.chosen.sample.Sample, v.rejected.sample.Sample, v.kind),
		PromptID:       prompt.ID,
		Iteration:      int32(iteration),
		Kind:           v.kind,
		Goal:           v.goal,
		Messages:       messages,
		PromptIDs:      ids,
		ChosenIDs:      v.chosen.sample.ResponseIDs,
		RejectedIDs:    v.rejected.sample.ResponseIDs,
		Chosen:         v.chosen.sample.Text,
		Rejected:       v.rejected.sample.Text,
		ChosenSample:   v.chosen.sample.Sample,
		RejectedSample: v.rejected.sample.Sample,
		RawChosen:      v.chosen.score.Raw,
		RawRejected:    v.rejected.score.Raw,
		RewardChosen:   v.chosen.score.Score,
		RewardRejected: v.rejected.score.Score,
		WinChosen:      v.chosen.win,
		WinRejected:    v.rejected.win,
	}, nil
}

// countPrompts is how many prompts samples are of, which stand together.
func countPrompts(samples iter.Seq2[table.Sample, error]) (int, error) {
	n, last := 0, ""
	for s, err := range samples {
		if err != nil {
			return n, err
		}
		if n == 0 || s.PromptID != last {
			n, last = n+1, s.PromptID
		}
	}
	return n, nil
}

// check refuses what would pair responses wrongly.
func check(c configs.Augment, group []response, known, again bool) error {
	switch {
	case !known:
		return fmt.Errorf("is not in the prompts table, which must be the one that was sampled")
	case again:
		return fmt.Errorf("its samples stand in two places; sort the samples by prompt")
	}
	numbers := map[int32]bool{}
	for _, r := range group {
		n := r.sample.Sample
		switch {
		case numbers[n]:
			return fmt.Errorf("sample %d comes twice", n)
		case len(c.Attributes) > 0 && len(r.score.Levels) != len(c.Attributes):
			return fmt.Errorf("sample %d: has %d levels for the %d of augment.attributes; rank again", n, len(r.score.Levels), len(c.Attributes))
		}
		numbers[n] = true
	}
	return nil
}

// groups joins samples with their scores and yields the responses of one prompt
// after another. Joining by order alone is not trusted: ids must agree.
func groups(samples iter.Seq2[table.Sample, error], scores iter.Seq2[table.Score, error]) iter.Seq2[[]response, error] {
	return func(yield func([]response, error) bool) {
		var group []response
		for r, err := range join(samples, scores) {
			if err != nil {
				yield(nil, err)
				return
			}
			if len(group) > 0 && group[0].sample.PromptID != r.sample.PromptID {
				if !yield(group, nil) {
					return
				}
				group = nil
			}
			group = append(group, r)
		}
		if len(group) > 0 {
			yield(group, nil)
		}
	}
}

// join pairs each sample with its score.
func join(samples iter.Seq2[table.Sample, error], scores iter.Seq2[table.Score, error]) iter.Seq2[response, error] {
	return func(yield func(response, error) bool) {
		next, stop := iter.Pull2(scores)
		defer stop()
		row := 0
		for sample, err := range samples {
			if err != nil {
				yield(response{}, fmt.Errorf("samples: row %d: %w", row, err))
				return
			}
			score, err, ok := next()
			switch {
			case !ok:
				err = fmt.Errorf("row %d: sample %d of prompt %s has no score; rank again", row, sample.Sample, sample.PromptID)
			case err != nil:
				err = fmt.Errorf("scores: row %d: %w", row, err)
			case score.PromptID != sample.PromptID || score.Sample != sample.Sample:
				err = fmt.Errorf("row %d: the sample is %d of prompt %s, the score of %d of prompt %s: not of one run",
					row, sample.Sample, sample.PromptID, score.Sample, score.PromptID)
			}
			if !yield(response{sample: sample, score: score}, err) || err != nil {
				return
			}
			row++
		}
		if score, err, ok := next(); ok {
			if err == nil {
				err = fmt.Errorf("scores go on with sample %d of prompt %s after the last sample: not of one run", score.Sample, score.PromptID)
			}
			yield(response{}, fmt.Errorf("row %d: %w", row, err))
		}
	}
}
