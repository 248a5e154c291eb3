package chat

// A Prompter makes the prompt that a policy is asked, with or without a goal,
// as messages and as ids. Without a template there are no ids, and a goal is put
// in a system turn.
type Prompter struct {
	Template  *Template
	Tokens    Encoder
	Goal      Goal
	MaxTokens int // of a prompt; longer user text loses its middle; 0: no limit
	Cut       int // prompts that lost some so far
}

// Prompt returns the conversation with the goal in place, none for an empty
// one, and its ids up to where the assistant's turn begins. Special tokens in
// the messages stay text: a prompt cannot end its own turn.
func (p *Prompter) Prompt(messages []Message, goal []float64) ([]Message, []int32, error) {
	text := ""
	if len(goal) > 0 {
		text = p.Goal.Text(goal)
	}
	if p.Template == nil {
		return withGoal(messages, text, "system"), nil, nil
	}
	asked := p.Template.WithGoal(messages, text)
	ids, err := p.Template.Encode(p.Tokens, asked, true, false)
	if err != nil || p.MaxTokens <= 0 || len(ids) <= p.MaxTokens {
		return asked, ids, err
	}
	asked, _, err = p.Template.Truncate(p.Tokens, messages, text, p.MaxTokens, false)
	if err != nil {
		return nil, nil, err
	}
	p.Cut++
	ids, err = p.Template.Encode(p.Tokens, asked, true, false)
	return asked, ids, err
}
