package augment

import (
	"context"
	"fmt"
	"math"
	"slices"

	"radpo/internal/table"
)

// A Survey is what training on an iteration's rows would see, without training.
type Survey struct {
	Counts Counts `json:"counts"`

	// Goals counts the numbers asked for by equal parts of the scale, the lowest
	// first.
	Goals         [GoalParts]int `json:"goals"`
	Contradictory int            `json:"contradictory"` // pairs of rows that ask one prompt for one goal and prefer opposite responses
	Margin        Margin         `json:"margin"`
	Tokens        int64          `json:"tokens"` // of all rows, each prompt counted once with its two responses
}

// GoalParts is how many parts of the scale goals are counted by: on 1–10 they
// are 1 to 2, 2 to 3 and so on.
const GoalParts = 9

// A Margin is how far apart the scores of a row's responses lie on 1–10.
type Margin struct {
	Mean   float64 `json:"mean"`
	Low    float64 `json:"p05"`
	Median float64 `json:"p50"`
	High   float64 `json:"p95"`
}

// WhatIf surveys the rows that each configuration would make of the same
// tables, and writes none.
func WhatIf(ctx context.Context, configs []Config, prompts, samples, scores, policy string, low, high float64) ([]Survey, error) {
	surveys := make([]Survey, len(configs))
	for i, c := range configs {
		in, render, err := c.load(prompts, samples, scores, policy)
		if err != nil {
			return nil, err
		}
		s := surveyor{low: low, high: high}
		counts, err := Rows(c.Augment, c.Seed, c.Iteration, in, render, func(p table.Pair) error {
			s.add(p)
			return ctx.Err()
		})
		if err != nil {
			return nil, err
		}
		counts.Cut = render.Cut
		surveys[i] = s.survey(counts)
	}
	return surveys, nil
}

// A surveyor sees rows go by. The rows of a prompt come together.
type surveyor struct {
	Survey
	low, high float64
	margins   []float64
	prompt    string
	rows      map[string]bool // of this prompt: goal and who is preferred
}

func (s *surveyor) add(p table.Pair) {
	if p.PromptID != s.prompt || s.rows == nil {
		s.prompt, s.rows = p.PromptID, map[string]bool{}
	}
	row := func(chosen, rejected int32) string { return fmt.Sprint(p.Goal, chosen, rejected) }
	if s.rows[row(p.RejectedSample, p.ChosenSample)] {
		s.Contradictory++
	}
	s.rows[row(p.ChosenSample, p.RejectedSample)] = true
	for _, g := range p.Goal {
		part := int((g - s.low) / (s.high - s.low) * GoalParts)
		s.Goals[min(max(part, 0), GoalParts-1)]++
	}
	s.margins = append(s.margins, math.Abs(p.RewardChosen-p.RewardRejected))
	s.Tokens += int64(len(p.PromptIDs) + len(p.ChosenIDs) + len(p.RejectedIDs))
}

func (s *surveyor) survey(counts Counts) Survey {
	s.Counts = counts
	n := len(s.margins)
	if n == 0 {
		return s.Survey
	}
	slices.Sort(s.margins)
	for _, m := range s.margins {
		s.Margin.Mean += m / float64(n)
	}
	at := func(p float64) float64 { return s.margins[int(math.Round(p*float64(n-1)))] }
	s.Margin.Low, s.Margin.Median, s.Margin.High = at(0.05), at(0.5), at(0.95)
	return s.Survey
}
