package pipeline

import (
	"strings"

	"github.com/goccy/go-yaml"

	"radpo/eval"
	"radpo/internal/table"
)

// An arenaPrompt is how the judge is asked, in YAML as Arena-Hard's config/*.yaml:
// system_prompt is a text, or one a category.
type arenaPrompt struct {
	System   any `yaml:"system_prompt"`
	Template any `yaml:"prompt_template"` // a text, or a list of one

	systems  map[string]string
	template string
}

const arenaPromptShape = "YAML with system_prompt, a text or {CATEGORY: text}, and prompt_template with {QUESTION}, {ANSWER_A} and {ANSWER_B}, or {question_1}, {answer_1} and {answer_2}, as Arena-Hard's config/*.yaml"

func readArenaPrompt(path string, questions []eval.ArenaQuestion) (*arenaPrompt, error) {
	text, err := readQuestion(path)
	if err != nil {
		return nil, inputError("%s: %w", path, err)
	}
	var p arenaPrompt
	if err := yaml.Unmarshal([]byte(text), &p); err != nil {
		return nil, inputError("%s: %w; want %s", path, err, arenaPromptShape)
	}
	if list, ok := p.Template.([]any); ok && len(list) == 1 {
		p.Template = list[0]
	}
	p.template, _ = p.Template.(string)
	for _, names := range [][2]string{{"{QUESTION}", "{question_1}"}, {"{ANSWER_A}", "{answer_1}"}, {"{ANSWER_B}", "{answer_2}"}} {
		if !strings.Contains(p.template, names[0]) && !strings.Contains(p.template, names[1]) {
			return nil, inputError("%s: prompt_template has no %s in it; want %s", path, names[0], arenaPromptShape)
		}
	}
	p.systems = map[string]string{}
	for _, q := range questions {
		system := p.System
		if by, ok := system.(map[string]any); ok {
			system = by[q.Category]
		}
		if p.systems[q.Category], _ = system.(string); p.systems[q.Category] == "" {
			return nil, inputError("%s: there is no system_prompt for category %q; want %s", path, q.Category, arenaPromptShape)
		}
	}
	return &p, nil
}

func (p *arenaPrompt) messages(q eval.ArenaQuestion, first, second string) []table.Message {
	return []table.Message{{Role: "system", Content: p.systems[q.Category]}, {Role: "user", Content: filled(p.template, map[string]string{
		"QUESTION": q.Text(), "ANSWER_A": first, "ANSWER_B": second, "question_1": q.Text(), "answer_1": first, "answer_2": second,
	})}}
}
