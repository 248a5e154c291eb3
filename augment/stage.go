package augment

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// Stage reads prompts, samples, their scores on 1–10 and the policy's folder,
// whose tokenizer and template render the prompts, and writes a pairs table.
var Stage = flow.Kind[Config]{Name: "augment", Version: 6, Run: run}

// A Config is what pairs depend on besides what the stage reads.
type Config struct {
	configs.Augment `json:"augment"`
	Wording         chat.Goal `json:"wording"`
	MaxPrompt       int       `json:"prompts.max_tokens"`
	Seed            int64     `json:"seed"`
	Iteration       int       `json:"iteration"`
}

func run(ctx context.Context, c Config, in flow.In, out *flow.Out) error {
	input, render, err := c.load(in.At(0), in.At(1), in.At(2), in.At(3))
	if err != nil {
		return err
	}
	// The counts are known only at the end and the table's metadata come first,
	// so rows go to memory; they are as many as the samples that came from it.
	var rows []table.Pair
	counts, err := Rows(c.Augment, c.Seed, c.Iteration, input, render, func(p table.Pair) error {
		rows = append(rows, p)
		return ctx.Err()
	})
	if err != nil {
		return err
	}
	counts.Cut = render.Cut
	return c.finish(ctx, out.Dir(), rows, counts)
}

// load readies what rows are made of, from the folders of tables and policy. c
// learns the attributes that only the scores name.
func (c *Config) load(prompts, samples, scores, policy string) (Input, *chat.Prompter, error) {
	known, err := readPrompts(prompts)
	if err != nil {
		return Input{}, nil, err
	}
	drawn, err := table.Open[table.Sample](samples)
	if err != nil {
		return Input{}, nil, err
	}
	scored, err := table.Open[table.Score](scores)
	if err != nil {
		return Input{}, nil, err
	}
	if c.AutoAttributes > 0 {
		if c.Attributes, err = table.ReadLevelNames(scores); err != nil {
			return Input{}, nil, err
		}
		c.Wording.Names = c.Attributes
	}
	render, err := prompter(*c, policy)
	return Input{
		Prompt:  func(id string) (table.Prompt, bool) { p, ok := known[id]; return p, ok },
		Samples: drawn.Rows(), Scores: scored.Rows(),
	}, render, err
}

// finish writes the table of rows with what was counted.
func (c Config) finish(ctx context.Context, dir string, rows []table.Pair, counts Counts) error {
	if len(rows) == 0 {
		return fmt.Errorf("no pair to train on: %v", counts)
	}
	zerolog.Ctx(ctx).Info().Msg(counts.String())
	if c.Released() { // all rows at the better one's score, then all others
		slices.SortStableFunc(rows, func(a, b table.Pair) int { return strings.Compare(a.Kind, b.Kind) })
	}
	return c.writePairs(dir, rows, counts)
}

// countsKey is where a pairs table's metadata keeps its Counts.
const countsKey = "counts"

// ReadCounts is the Counts of a pairs table.
func ReadCounts(meta map[string]string) (Counts, error) {
	var c Counts
	if err := json.Unmarshal([]byte(meta[countsKey]), &c); err != nil {
		return c, fmt.Errorf("the pairs table has no counts in its metadata: %w", err)
	}
	return c, nil
}

func (c Config) writePairs(dir string, rows []table.Pair, counts Counts) error {
	text, err := json.Marshal(counts)
	if err != nil {
		return err
	}
	meta := map[string]string{countsKey: string(text)}
	if len(c.Wording.Names) > 0 {
		names, err := json.Marshal(c.Wording.Names)
		if err != nil {
			return err
		}
		meta[table.GoalNames] = string(names)
	}
	return table.WriteAll(dir, meta, rows)
}

func prompter(c Config, dir string) (*chat.Prompter, error) {
	f, err := hf.Open(dir)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	tokens, err := tokenizer.Load(f.FS())
	if err != nil {
		return nil, err
	}
	template, err := chat.Load(f.FS())
	return &chat.Prompter{Template: template, Tokens: tokens, Goal: c.Wording, MaxTokens: c.MaxPrompt}, err
}
