package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"path/filepath"
	"strings"

	"radpo/configs"
	"radpo/demo"
	"radpo/internal/flow"
	"radpo/internal/table"
)

// heldOut is the split that is evaluated on and never trained on.
const heldOut = "held-out"

// split is the name of iteration i's prompts: all of them in each, unless
// every iteration has its own.
func split(c configs.Prompts, i int) string {
	if c.PerIteration == 0 {
		return "train"
	}
	return fmt.Sprint("train-", i)
}

// promptStage reads a prompt file, or makes the built-in prompts, and writes
// the prompts table with its splits.
var promptStage = flow.Kind[promptConfig]{Name: "prompts", Version: 1, Run: runPrompts}

type promptConfig struct {
	Column       string `json:"prompts.column,omitempty"`
	HeldOut      int    `json:"prompts.held_out"`
	PerIteration int    `json:"prompts.per_iteration"`
	Iterations   int    `json:"iterations"`
	Seed         int64  `json:"seed"`
	Given        bool   `json:"prompts.given,omitempty"`
	SkipBad      bool   `json:"prompts.skip_bad,omitempty"`
}

func promptsOf(c configs.Config) promptConfig {
	return promptConfig{
		Column: c.Prompts.Column, HeldOut: c.Prompts.HeldOut, PerIteration: c.Prompts.PerIteration, Iterations: c.Iterations, Seed: c.Seed,
		Given: c.Prompts.Given(), SkipBad: c.Prompts.SkipBad,
	}
}

func runPrompts(ctx context.Context, c promptConfig, in flow.In, out *flow.Out) error {
	bad := &aside{path: filepath.Join(out.Dir(), badFile)}
	prompts, duplicates, err := c.read(in.At(0), bad)
	if err = errors.Join(err, bad.Close()); err != nil {
		return err
	}
	if err := c.assign(prompts); err != nil {
		return err
	}
	counts, err := json.Marshal(map[string]int{"prompts": len(prompts), "duplicates": duplicates})
	if err != nil {
		return err
	}
	return table.WriteAll(out.Dir(), map[string]string{"counts": string(counts)}, prompts)
}

// read reads the file at path, or the built-in world without one.
func (c promptConfig) read(path string, bad *aside) (prompts []table.Prompt, duplicates int, err error) {
	if path == "" {
		prompts, err = demo.Prompts()
		return prompts, 0, err
	}
	seen := map[string]bool{} // of prompts that are given with responses
	rows, own := promptRows(path, c.Column, c.Given)
	if c.SkipBad {
		rows = sound(rows, bad)
	}
	for p, err := range rows {
		switch {
		case err != nil:
			return nil, 0, err
		case c.Given && seen[p.ID]:
			duplicates++
			continue
		case c.Given:
			seen[p.ID] = true
		}
		prompts = append(prompts, p)
	}
	return prompts, duplicates + own(), nil
}

// promptRows are the prompts of a file, or of one that gives responses too, and
// how many of them the reader drops as duplicates.
func promptRows(path, column string, given bool) (rows iter.Seq2[table.Prompt, error], duplicates func() int) {
	if !given {
		r := table.ReadPrompts(path, table.PromptOptions{Column: column})
		return r.Rows(), r.Duplicates
	}
	return func(yield func(table.Prompt, error) bool) {
		for s, err := range table.ReadScored(path) {
			for i, m := range s.Messages { // which are kept; what they were read with need not be
				s.Messages[i].Content = strings.Clone(m.Content)
			}
			if !yield(table.Prompt{ID: s.PromptID, Messages: s.Messages, Source: s.Source}, err) {
				return
			}
		}
	}, func() int { return 0 }
}

// assign shuffles the prompts' splits: first those held out, then each
// iteration's. What no split needs stays in the table under "spare".
func (c promptConfig) assign(prompts []table.Prompt) error {
	need := c.HeldOut + max(1, c.PerIteration*c.Iterations)
	if len(prompts) < need {
		return inputError("%d prompts, and prompts.held_out %d with prompts.per_iteration %d over %d iterations need at least %d",
			len(prompts), c.HeldOut, c.PerIteration, c.Iterations, need)
	}
	order := rand.New(rand.NewPCG(uint64(c.Seed), 0x5eed)).Perm(len(prompts))
	for at, i := range order {
		switch at -= c.HeldOut; {
		case at < 0:
			prompts[i].Split = heldOut
		case c.PerIteration == 0:
			prompts[i].Split = "train"
		case at < c.PerIteration*c.Iterations:
			prompts[i].Split = fmt.Sprint("train-", at/c.PerIteration+1)
		default:
			prompts[i].Split = "spare"
		}
	}
	return nil
}
