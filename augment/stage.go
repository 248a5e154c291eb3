package augment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// Stage reads prompts, samples, their scores on 1–10 and the policy's folder,
// whose tokenizer and template render the prompts, and writes a pairs table.
var Stage = flow.Kind[Config]{Name: "augment", Version: 7, Run: run}

// A Config is what pairs depend on besides what the stage reads.
type Config struct {
	configs.Augment `json:"augment"`
	Wording         chat.Goal `json:"wording"`
	MaxPrompt       int       `json:"prompts.max_tokens"`
	Seed            int64     `json:"seed"`
	Iteration       int       `json:"iteration"`
}

func run(ctx context.Context, c Config, in flow.In, out *flow.Out) error {
	groups, render, err := c.load(in.At(0), in.At(1), in.At(2), in.At(3))
	if err != nil {
		return err
	}
	return c.Write(ctx, out.Dir(), nil, groups, render, func(*table.Pair) error { return nil })
}

// Write makes the pairs table of groups in dir, with metadata; last may change
// each row before it is written.
func (c Config) Write(ctx context.Context, dir string, meta map[string]string, groups iter.Seq2[Group, error], render *chat.Prompter, last func(*table.Pair) error) error {
	w, err := c.newWriter(dir, meta)
	if err != nil {
		return err
	}
	counts, err := c.rows(ctx, groups, render, last, w.add)
	return w.finish(ctx, counts, err)
}

// rows emits the rows of groups, each as last leaves it.
func (c Config) rows(ctx context.Context, groups iter.Seq2[Group, error], render *chat.Prompter, last func(*table.Pair) error, emit func(table.Pair) error) (Counts, error) {
	counts, err := Rows(c.Augment, c.Seed, c.Iteration, groups, render, func(p table.Pair) error {
		if err := errors.Join(ctx.Err(), last(&p)); err != nil {
			return err
		}
		return emit(p)
	})
	counts.Cut = render.Cut
	return counts, err
}

// load readies what rows are made of, from the folders of tables and policy. c
// learns the attributes that only the scores name.
func (c *Config) load(prompts, samples, scores, policy string) (iter.Seq2[Group, error], *chat.Prompter, error) {
	asked, err := table.Open[table.Prompt](prompts)
	if err != nil {
		return nil, nil, err
	}
	drawn, err := table.Open[table.Sample](samples)
	if err != nil {
		return nil, nil, err
	}
	scored, err := table.Open[table.Score](scores)
	if err != nil {
		return nil, nil, err
	}
	if c.AutoAttributes > 0 {
		if c.Attributes, err = table.ReadLevelNames(scores); err != nil {
			return nil, nil, err
		}
		c.Wording.Names = c.Attributes
	}
	render, err := prompter(*c, policy)
	return Join(asked.Rows(), table.Ahead(drawn.Rows()), scored.Rows()), render, err
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
