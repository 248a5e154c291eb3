package augment

import (
	"fmt"
	"iter"

	"radpo/internal/table"
)

// Join makes groups of three tables. Scores are in the order of the samples,
// and the samples of a prompt stand together; joining by order alone is not
// trusted: ids must agree. It holds one group, as long as samples stand in the
// order of their prompts.
func Join(prompts iter.Seq2[table.Prompt, error], samples iter.Seq2[table.Sample, error], scores iter.Seq2[table.Score, error]) iter.Seq2[Group, error] {
	return func(yield func(Group, error) bool) {
		shelf := newShelf(prompts)
		defer shelf.stop()
		var g Group
		for r, err := range scored(samples, scores) {
			if err == nil && (len(g.Samples) == 0 || g.Prompt.ID != r.sample.PromptID) {
				if len(g.Samples) > 0 && !yield(g, nil) {
					return
				}
				g = Group{}
				g.Prompt, err = shelf.take(r.sample.PromptID)
			}
			if err != nil {
				yield(Group{}, err)
				return
			}
			g.Samples, g.Scores = append(g.Samples, *r.sample), append(g.Scores, *r.score)
		}
		if len(g.Samples) > 0 {
			yield(g, nil)
		}
	}
}

// scored pairs each sample with its score.
func scored(samples iter.Seq2[table.Sample, error], scores iter.Seq2[table.Score, error]) iter.Seq2[response, error] {
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
			if !yield(response{sample: &sample, score: &score}, err) || err != nil {
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
