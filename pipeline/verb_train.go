package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"

	"github.com/rs/zerolog"

	"radpo/dpo"
	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/table"
	"radpo/internal/tokenizer"
)

// Train trains the model on the pairs at path and writes a model folder with
// its metrics.jsonl. The reference is the model itself unless named, or is known
// by a table of its log-probabilities, refs.
func (a Alone) Train(ctx context.Context, pairs, reference, refs string) error {
	return a.run(ctx, func(l *loop) (string, error) {
		policy, err := a.policy(l, model.CheckPolicy)
		if err != nil {
			return "", err
		}
		against := policy
		if reference != "" {
			p, err := resolveAdapted(reference, "", filepath.Join(workOf(a.Out), "builtin", "policy"), model.CheckPolicy)
			if err != nil {
				return "", err
			}
			against = l.model("reference", p)
		}
		if err := checkPairs(pairs, a.SkipBad); err != nil {
			return "", err
		}
		rows := l.add(pairsStage.With(pairsConfig{l.DPO.MaxPromptLength, a.SkipBad}, "pairs", l.source("pairs-file", pairs), policy))
		if refs == "" {
			refs = l.refs("refs", against, rows)
		} else if refs, err = tableSource[table.Ref](l, "refs", refs); err != nil {
			return "", err
		}
		return l.add(dpo.Train.With(l.training(), "policy", policy, refs, rows)), nil
	}, func(g *gallery) (string, error) {
		rows, err := dpo.ReadCounts(g.path("policy"))
		zerolog.Ctx(ctx).Info().Interface("pairs", rows).Msg("trained")
		return g.path("policy"), err
	})
}

// Replay takes the step again that a training kept at dir since it was not
// finite, and writes what it comes to.
func Replay(ctx context.Context, dir string, out io.Writer) error {
	m, err := dpo.Replay(ctx, dir)
	if err != nil {
		return err
	}
	return json.NewEncoder(out).Encode(m)
}

// checkPairs reads the whole file and lists its bad rows, unless they may be
// skipped.
func checkPairs(path string, skip bool) error {
	rows := table.ReadPairs(path)
	if skip {
		rows = sound(rows, nil)
	}
	return badRows(path, rows)
}

// pairsStage reads pairs in any layout and a model folder, and writes a pairs
// table with ids of that model.
var pairsStage = flow.Kind[pairsConfig]{Name: "pairs", Version: 2, Run: runPairs}

type pairsConfig struct {
	MaxPrompt int  `json:"dpo.max_prompt_length"`
	SkipBad   bool `json:"skip_bad,omitempty"`
}

func runPairs(ctx context.Context, c pairsConfig, in flow.In, out *flow.Out) error {
	f, err := hf.Open(in.At(1))
	if err != nil {
		return err
	}
	defer f.Close()
	config, err := f.Config()
	if err != nil {
		return err
	}
	enc := &pairEncoder{text: text{folder: f}, maxPrompt: c.MaxPrompt, plain: arePlain(in.At(0))}
	meta := map[string]string{}
	if t, err := table.Open[table.Pair](in.At(0)); err == nil && t.Meta()[table.GoalNames] != "" {
		meta[table.GoalNames] = t.Meta()[table.GoalNames]
	}
	w, err := table.Create[table.Pair](out.Dir(), meta)
	if err != nil {
		return err
	}
	bad := &aside{path: filepath.Join(out.Dir(), badFile)}
	rows := table.ReadPairs(in.At(0))
	if c.SkipBad {
		rows = sound(rows, bad)
	}
	for p, err := range rows {
		if err != nil {
			return &InputError{err}
		}
		if len(p.ChosenIDs) == 0 && len(p.RejectedIDs) == 0 {
			err = enc.encode(&p)
		}
		for name, ids := range map[string][]int32{"prompt_ids": p.PromptIDs, "chosen_ids": p.ChosenIDs, "rejected_ids": p.RejectedIDs} {
			err = errors.Join(err, checkIDs(name, ids, config.VocabSize))
		}
		if err != nil {
			return inputError("%s: pair %s: %w", in.At(0), p.ID, err)
		}
		if err := errors.Join(ctx.Err(), w.Write(p)); err != nil {
			return err
		}
	}
	return errors.Join(bad.Close(), w.Close())
}

// arePlain says whether the responses at path are plain texts, not
// conversations, as its first row has them. A prompt reader tells: it takes a
// text for a user's turn, and of a conversation what stands before the answer.
func arePlain(path string) bool {
	if _, err := table.Open[table.Pair](path); err == nil {
		return false // rows of ours have messages
	}
	for p, err := range sound(table.ReadPairs(path), nil) {
		if err != nil {
			return false
		}
		for q, err := range sound(table.ReadPrompts(path, table.PromptOptions{Column: "chosen"}).Rows(), nil) {
			return err == nil && len(q.Messages) == 1 && q.Messages[0].Content == p.Chosen
		}
	}
	return false
}

// A pairEncoder makes ids of pairs of text. Prompt and response are tokenised
// apart, as they are when the policy answers.
type pairEncoder struct {
	text
	maxPrompt int
	plain     bool // texts are taken as they are, without the chat template
	end       []int32
}

func (e *pairEncoder) encode(p *table.Pair) error {
	if e.plain {
		return e.encodePlain(p)
	}
	template, tokens, err := e.chat()
	if err != nil {
		return err
	}
	prompter := chat.Prompter{Template: template, Tokens: tokens, MaxTokens: e.maxPrompt}
	if p.Messages, p.PromptIDs, err = prompter.Prompt(p.Messages, nil); err != nil {
		return err
	}
	if p.ChosenIDs, err = template.Answer(tokens, p.Messages, p.Chosen); err != nil {
		return err
	}
	p.RejectedIDs, err = template.Answer(tokens, p.Messages, p.Rejected)
	return err
}

// encodePlain is TRL's standard format: the prompt with the special tokens that
// the tokenizer adds, and each response with an end token.
func (e *pairEncoder) encodePlain(p *table.Pair) error {
	if len(p.Messages) != 1 {
		return errors.New("the prompt is a list of messages and the responses are texts: give both as messages, or both as texts")
	}
	tokens, err := e.tokenizer()
	if err != nil {
		return err
	}
	if e.end == nil {
		if e.end, err = endToken(e.folder, tokens); err != nil {
			return err
		}
	}
	p.PromptIDs = tokens.Encode(p.Messages[0].Content)
	p.ChosenIDs = append(tokens.AppendIDs(nil, p.Chosen, true), e.end...)
	p.RejectedIDs = append(tokens.AppendIDs(nil, p.Rejected, true), e.end...)
	return nil
}

// endToken is the tokenizer's eos_token, else the model's eos_token_id.
func endToken(f *hf.Folder, tokens *tokenizer.Tokenizer) ([]int32, error) {
	var config struct {
		EOS json.RawMessage `json:"eos_token"`
	}
	text, err := fs.ReadFile(f.FS(), "tokenizer_config.json")
	if err == nil {
		err = json.Unmarshal(text, &config)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer_config.json: %w", err)
	}
	var name string
	var token struct{ Content string }
	if json.Unmarshal(config.EOS, &name) != nil && json.Unmarshal(config.EOS, &token) == nil {
		name = token.Content
	}
	if id, ok := tokens.ID(name); ok {
		return []int32{id}, nil
	}
	c, err := f.Config()
	if err != nil || len(c.EOS) == 0 {
		return nil, errors.Join(err, errors.New("neither tokenizer_config.json nor config.json names an end token"))
	}
	return []int32{int32(c.EOS[0])}, nil
}
