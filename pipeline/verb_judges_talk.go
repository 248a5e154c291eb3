package pipeline

import (
	"context"
	"strings"

	"github.com/rs/zerolog"

	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/progress"
	"radpo/internal/table"
	"radpo/internal/torch"
	"radpo/sampler"
)

// A conversation is what a policy is asked turn by turn; its own answers stay in
// its context.
type conversation struct {
	name        string // for errors
	asks        []string
	temperature float64
	answers     []string
}

// converse has the policy answer all conversations, and returns the name it
// goes by.
func (b Benchmark) converse(ctx context.Context, all []*conversation) (name string, err error) {
	m := Model{DType: b.DType, Device: b.Device}
	if m.Dir, err = policyDir(b.Model); err != nil {
		return "", err
	}
	return name, m.with(func(f *hf.Folder, d torch.DType) error {
		p, err := b.policy(f)
		if err != nil {
			return err
		}
		if name = p.Name; p.Template == nil {
			return inputError("%s has no chat template, without which it answers no questions", f.Name())
		}
		prompter := &chat.Prompter{Template: p.Template, Tokens: p.Tokens, Goal: p.Wording}
		if p.Window > b.MaxTokens {
			prompter.MaxTokens = p.Window - b.MaxTokens
		}
		o := sampler.Options{TopP: 1, MaxTokens: b.MaxTokens, Stop: p.Stop, Seed: b.Seed}
		return m.runPolicy(ctx, f, d, func(s *torch.Scope, policy model.Policy) error {
			bar := progress.Start(ctx, int64(len(all)), "conversations")
			defer bar.Done()
			for len(all) > 0 {
				part := all[:min(window, len(all))]
				all = all[len(part):]
				if err := answerTurns(part, func(temperature float64, turn []*conversation) error {
					requests := make([]sampler.Request, len(turn))
					for i, c := range turn {
						var err error
						requests[i].N = 1
						if _, requests[i].Prompt, err = prompter.Prompt(c.messages(), p.Goal); err != nil {
							return inputError("%s: %w", c.name, err)
						}
					}
					o.Temperature = temperature
					drawn, err := sampler.Generate(ctx, s, policy, requests, o)
					if err != nil {
						return err
					}
					for i, c := range turn {
						c.answers = append(c.answers, strings.TrimSpace(p.Tokens.Decode(drawn[i][0].IDs, true)))
					}
					return nil
				}); err != nil {
					return err
				}
				bar.Add(int64(len(part)))
			}
			if prompter.Cut > 0 {
				zerolog.Ctx(ctx).Warn().Msgf("%d conversations were longer than the model's context: their middle was cut out", prompter.Cut)
			}
			return nil
		})
	})
}

// answerTurns calls answer with the conversations that have a turn to be
// answered at one temperature, first turns first.
func answerTurns(all []*conversation, answer func(temperature float64, turn []*conversation) error) error {
	for done := 0; ; done++ {
		groups := map[float64][]*conversation{}
		var order []float64
		for _, c := range all {
			if done < len(c.asks) {
				if groups[c.temperature] == nil {
					order = append(order, c.temperature)
				}
				groups[c.temperature] = append(groups[c.temperature], c)
			}
		}
		if len(order) == 0 {
			return nil
		}
		for _, t := range order {
			if err := answer(t, groups[t]); err != nil {
				return err
			}
		}
	}
}

// messages are those up to the turn that is to be answered.
func (c *conversation) messages() []table.Message {
	var out []table.Message
	for i, ask := range c.asks[:len(c.answers)+1] {
		out = append(out, table.Message{Role: "user", Content: ask})
		if i < len(c.answers) {
			out = append(out, table.Message{Role: "assistant", Content: c.answers[i]})
		}
	}
	return out
}
