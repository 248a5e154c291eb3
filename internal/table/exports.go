package table

import (
	"errors"
	"fmt"
	"iter"
	"slices"
)

// An Export writes pairs in the columns that another trainer reads.
type Export struct {
	Note  string // how that trainer is told of them
	write func(path string, rows iter.Seq2[Pair, error]) error
}

// Write puts rows at path, in the format of [WriteRows].
func (e Export) Write(path string, rows iter.Seq2[Pair, error]) error { return e.write(path, rows) }

// Exports are the trainers by name.
var Exports = map[string]Export{
	"trl":                 {"TRL, conversational: DPOTrainer takes it as it is", exported(trlRow)},
	"trl-standard":        {"TRL, standard: texts without a template", exported(trlStandardRow)},
	"axolotl":             {"axolotl: rl: dpo, datasets: [{path: FILE, type: chat_template.default}]", exported(axolotlRow)},
	"llamafactory":        {"LLaMA-Factory: stage: dpo, dataset: the name in dataset_info.json", exported(shareGPTRow)},
	"llamafactory-alpaca": {"LLaMA-Factory: stage: dpo, dataset: the name in dataset_info.json", exported(alpacaRow)},
	"openrlhf":            {"OpenRLHF: --apply_chat_template --chosen_key chosen --rejected_key rejected", exported(openRLHFRow)},
}

// exported converts rows before it writes them. A row that cannot be converted
// is named by its id.
func exported[R any](convert func(Pair) (R, error)) func(string, iter.Seq2[Pair, error]) error {
	return func(path string, rows iter.Seq2[Pair, error]) error {
		return WriteRows(path, nil, func(yield func(R, error) bool) {
			for p, err := range rows {
				var r R
				if err == nil && len(p.Messages) == 0 {
					err = errors.New("it has ids and no text: nothing to export")
				}
				if err == nil {
					r, err = convert(p)
				}
				if err != nil && p.ID != "" {
					err = fmt.Errorf("pair %s: %w", p.ID, err)
				}
				if !yield(r, err) {
					return
				}
			}
		})
	}
}

type trlPair struct {
	Prompt        []Message `col:"prompt"`
	Chosen        []Message `col:"chosen"`
	Rejected      []Message `col:"rejected"`
	ScoreChosen   float64   `col:"score_chosen"`
	ScoreRejected float64   `col:"score_rejected"`
}

func trlRow(p Pair) (trlPair, error) {
	return trlPair{p.Messages, []Message{answer(p.Chosen)}, []Message{answer(p.Rejected)}, p.RewardChosen, p.RewardRejected}, nil
}

func answer(text string) Message { return Message{"assistant", text} }

type trlStandard struct {
	Prompt        string  `col:"prompt"`
	Chosen        string  `col:"chosen"`
	Rejected      string  `col:"rejected"`
	ScoreChosen   float64 `col:"score_chosen"`
	ScoreRejected float64 `col:"score_rejected"`
}

// trlStandardRow puts a system turn in front of the user's, as templates
// without one do.
func trlStandardRow(p Pair) (trlStandard, error) {
	m, system := p.Messages, ""
	if len(m) == 2 && m[0].Role == "system" {
		m, system = m[1:], m[0].Content+"\n\n"
	}
	if len(m) != 1 || m[0].Role != "user" {
		return trlStandard{}, fmt.Errorf("its prompt has %d turns, and plain text has none: export it as trl", len(p.Messages))
	}
	return trlStandard{system + m[0].Content, p.Chosen, p.Rejected, p.RewardChosen, p.RewardRejected}, nil
}

type axolotlPair struct {
	Messages []Message `col:"messages"`
	Chosen   Message   `col:"chosen"`
	Rejected Message   `col:"rejected"`
}

func axolotlRow(p Pair) (axolotlPair, error) {
	return axolotlPair{p.Messages, answer(p.Chosen), answer(p.Rejected)}, nil
}

type turn struct {
	From  string `col:"from"`
	Value string `col:"value"`
}

type shareGPTPair struct {
	Conversations []turn `col:"conversations"`
	Chosen        turn   `col:"chosen"`
	Rejected      turn   `col:"rejected"`
}

func shareGPTRow(p Pair) (shareGPTPair, error) {
	names := map[string]string{"system": "system", "user": "human", "assistant": "gpt"}
	row := shareGPTPair{Chosen: turn{"gpt", p.Chosen}, Rejected: turn{"gpt", p.Rejected}}
	for _, m := range p.Messages {
		row.Conversations = append(row.Conversations, turn{names[m.Role], m.Content})
	}
	return row, nil
}

type alpacaPair struct {
	Instruction string     `col:"instruction"`
	Input       string     `col:"input"`
	Chosen      string     `col:"chosen"`
	Rejected    string     `col:"rejected"`
	System      string     `col:"system"`
	History     [][]string `col:"history"` // user, assistant
}

func alpacaRow(p Pair) (alpacaPair, error) {
	row, m := alpacaPair{Chosen: p.Chosen, Rejected: p.Rejected}, p.Messages
	if m[0].Role == "system" {
		row.System, m = m[0].Content, m[1:]
	}
	for ; len(m) > 2 && m[0].Role == "user" && m[1].Role == "assistant"; m = m[2:] {
		row.History = append(row.History, []string{m[0].Content, m[1].Content})
	}
	if len(m) != 1 || m[0].Role != "user" {
		return row, errors.New("user and assistant do not take turns: export it as llamafactory")
	}
	row.Instruction = m[0].Content
	return row, nil
}

type openRLHFPair struct {
	Chosen   []Message `col:"chosen"`
	Rejected []Message `col:"rejected"`
}

func openRLHFRow(p Pair) (openRLHFPair, error) {
	with := func(text string) []Message { return append(slices.Clone(p.Messages), answer(text)) }
	return openRLHFPair{with(p.Chosen), with(p.Rejected)}, nil
}
