package augment

import (
	"cmp"
	"fmt"
	"iter"
	"math"
	"slices"
	"strconv"

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

// A Group is a prompt with its responses and their scores, one each.
type Group struct {
	Key     string // stands for the group in its rows' ids; empty: the prompt's id
	Prompt  table.Prompt
	Samples []table.Sample
	Scores  []table.Score
}

// Rows writes the training rows of an iteration, prompt by prompt in the order
// of groups, of which it holds one; method half-ra walks over them twice. An
// error of emit ends the work and is returned as it is.
func Rows(c configs.Augment, seed int64, iteration int, groups iter.Seq2[Group, error], render Renderer, emit func(table.Pair) error) (Counts, error) {
	var counts Counts
	last := math.MaxInt
	if c.Method == "half-ra" {
		n := 0
		for range groups {
			n++
		}
		last = (n + 1) / 2
	}
	for g, err := range groups {
		if err != nil {
			return counts, fmt.Errorf("augment: %w", err)
		}
		all, err := g.responses(c)
		if err != nil {
			return counts, fmt.Errorf("augment: prompt %s: %w", g.Prompt.ID, err)
		}
		counts.Prompts++
		counts.Responses += len(all)
		if counts.Prompts > last {
			counts.OtherHalf++
			continue
		}
		for _, p := range choose(c, all, drawFrom(seed, iteration, g.Prompt.ID), &counts) {
			if !p.teaches(c, &counts) {
				continue
			}
			if err := p.write(c, g, iteration, render, &counts, emit); err != nil {
				return counts, err
			}
		}
	}
	return counts, nil
}

// write emits the rows that p becomes.
func (p pair) write(c configs.Augment, g Group, iteration int, render Renderer, counts *Counts, emit func(table.Pair) error) error {
	for _, v := range variants(c, p) {
		row, err := v.row(g, iteration, render)
		if err != nil {
			return fmt.Errorf("augment: prompt %s: %w", g.Prompt.ID, err)
		}
		if err := emit(row); err != nil {
			return err
		}
		counts.Rows++
	}
	return nil
}

// row writes v out.
func (v variant) row(g Group, iteration int, render Renderer) (table.Pair, error) {
	messages, ids, err := render.Prompt(g.Prompt.Messages, v.goal)
	if err != nil {
		return table.Pair{}, err
	}
	return table.Pair{
		ID:             v.name(g, iteration),
		PromptID:       g.Prompt.ID,
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

// name is the row's id.
func (v variant) name(g Group, iteration int) string {
	sample := func(r response) string { return strconv.Itoa(int(r.sample.Sample)) }
	return strconv.Itoa(iteration) + "-" + cmp.Or(g.Key, g.Prompt.ID) + "-" + sample(v.chosen) + "-" + sample(v.rejected) + "-" + v.kind
}

// responses are the group's, unless they would be paired wrongly.
func (g Group) responses(c configs.Augment) ([]response, error) {
	all := make([]response, len(g.Samples))
	for i, s := range g.Samples {
		switch r := g.Scores[i]; {
		case slices.ContainsFunc(g.Samples[:i], func(o table.Sample) bool { return o.Sample == s.Sample }):
			return nil, fmt.Errorf("sample %d comes twice", s.Sample)
		case len(c.Attributes) > 0 && len(r.Levels) != len(c.Attributes):
			return nil, fmt.Errorf("sample %d: has %d levels for the %d of augment.attributes; rank again", s.Sample, len(r.Levels), len(c.Attributes))
		default:
			all[i] = response{sample: &g.Samples[i], score: &g.Scores[i]}
		}
	}
	return all, nil
}
