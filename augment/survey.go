package augment

import (
	"context"
	"fmt"
	"iter"
	"math"
	"slices"

	"radpo/internal/chat"
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
		groups, render, err := c.load(prompts, samples, scores, policy)
		if err != nil {
			return nil, err
		}
		if surveys[i], err = c.Survey(ctx, groups, render, func(*table.Pair) error { return nil }, low, high); err != nil {
			return nil, err
		}
	}
	return surveys, nil
}

// Survey is of the rows that [Config.Write] would write, with scores from low
// to high.
func (c Config) Survey(ctx context.Context, groups iter.Seq2[Group, error], render *chat.Prompter, last func(*table.Pair) error, low, high float64) (Survey, error) {
	s := surveyor{low: low, high: high}
	counts, err := c.rows(ctx, groups, render, last, func(p table.Pair) error { s.add(p); return nil })
	return s.survey(counts), err
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
	chosen, rejected := fmt.Sprintf("%d %q", p.ChosenSample, p.Chosen), fmt.Sprintf("%d %q", p.RejectedSample, p.Rejected)
	if s.rows[fmt.Sprint(p.Goal, rejected, chosen)] {
		s.Contradictory++
	}
	s.rows[fmt.Sprint(p.Goal, chosen, rejected)] = true
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
