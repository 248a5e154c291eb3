package augment

import (
	"context"
	"fmt"

	"radpo/internal/chat"
	"radpo/internal/flow"
	"radpo/internal/table"
)

// At reads plain pairs and a policy's folder and writes the same pairs with
// their prompts conditioned on a goal: what a policy is asked for, whichever of
// the responses it is held to.
var At = flow.Kind[AtConfig]{Name: "at", Version: 1, Run: runAt}

// An AtConfig says which goal.
type AtConfig struct {
	Wording   chat.Goal `json:"wording"`
	MaxPrompt int       `json:"prompts.max_tokens"`
	Goal      []float64 `json:"goal"` // empty: the rejected response's own score
}

func runAt(ctx context.Context, c AtConfig, in flow.In, out *flow.Out) error {
	pairs, err := table.Open[table.Pair](in.At(0))
	if err != nil {
		return err
	}
	render, err := prompter(Config{Wording: c.Wording, MaxPrompt: c.MaxPrompt}, in.At(1))
	if err != nil {
		return err
	}
	w, err := table.Create[table.Pair](out.Dir(), nil)
	if err != nil {
		return err
	}
	for p, err := range pairs.Rows() {
		if err != nil {
			return fmt.Errorf("augment: pairs: %w", err)
		}
		if p.Goal = c.Goal; len(p.Goal) == 0 {
			p.Goal = []float64{p.RewardRejected}
		}
		if p.Messages, p.PromptIDs, err = render.Prompt(p.Messages, p.Goal); err != nil {
			return fmt.Errorf("augment: pair %s: %w", p.ID, err)
		}
		if err := w.Write(p); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return w.Close()
}
