package chat

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"radpo/internal/chat/jinja"
	"radpo/internal/table"
)

// A Message is one turn of a conversation.
type Message = table.Message

// A Template renders conversations. It is safe for many goroutines.
type Template struct {
	source  *jinja.Template
	vars    map[string]string
	clock   time.Time
	postBOS bool // the tokenizer puts BOS in front of a text that has none

	probe  sync.Once
	system bool
}

// DefaultClock is what strftime_now reads unless At sets another: the day that
// the Llama-3.1 template names when it is given none. A template that printed
// today's date would make different data every day.
var DefaultClock = time.Date(2024, time.July, 26, 0, 0, 0, 0, time.UTC)

// New makes a template of Jinja source. vars are its variables beside the
// conversation, such as bos_token and eos_token. The tokenizer is taken to put
// BOS in front of a text that has none; Load finds out.
func New(source string, vars map[string]string) (*Template, error) {
	parsed, err := jinja.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("parse chat template: %w", err)
	}
	return &Template{source: parsed, vars: vars, clock: DefaultClock, postBOS: true}, nil
}

// At returns the template with another clock behind strftime_now.
func (t *Template) At(clock time.Time) *Template {
	return &Template{source: t.source, vars: t.vars, clock: clock, postBOS: t.postBOS}
}

// Render returns the conversation's text. With addGenerationPrompt it ends
// where the assistant's next turn begins.
func (t *Template) Render(messages []Message, addGenerationPrompt bool) (string, error) {
	list := jinja.NewList()
	for _, m := range messages {
		list.Items = append(list.Items, jinja.NewDict().Set("role", m.Role).Set("content", m.Content))
	}
	vars := map[string]jinja.Value{
		"messages":              list,
		"tools":                 nil,
		"documents":             nil,
		"add_generation_prompt": addGenerationPrompt,
	}
	for name, v := range t.vars {
		vars[name] = v
	}
	text, err := t.source.Render(vars, t.clock)
	if err != nil {
		return "", fmt.Errorf("render chat template: %w", err)
	}
	return text, nil
}

// SystemTurn says whether the template keeps a system message wherever the
// conversation ends. Templates that raise on one (Gemma-2, older Mistral) or
// drop it after an answer (newer Mistral) have none.
func (t *Template) SystemTurn() bool {
	t.probe.Do(func() { t.system = t.keepsSystem() })
	return t.system
}

func (t *Template) keepsSystem() bool {
	const mark = "radpo-probe-of-the-system-turn"
	turns := []Message{
		{Role: "system", Content: mark}, {Role: "user", Content: "a"},
		{Role: "assistant", Content: "b"}, {Role: "user", Content: "c"},
	}
	for n := 2; n <= len(turns); n++ {
		text, err := t.Render(turns[:n], n%2 == 0)
		if err != nil || !strings.Contains(text, mark) {
			return false
		}
	}
	return true
}

// EndOfTurn is the token by which the template ends the assistant's turn: the
// special token that stands behind the answer, blanks aside. There is none in
// a template that ends turns with ordinary text, or with nothing.
func (t *Template) EndOfTurn(tok Encoder) (id int32, ok bool) {
	const mark = "radpo-probe-of-the-answer"
	text, err := t.Render([]Message{{Role: "user", Content: "a"}, {Role: "assistant", Content: mark}}, false)
	at := strings.LastIndex(text, mark)
	if err != nil || at < 0 {
		return 0, false
	}
	g := guard{tok: tok}
	tail := strings.TrimSpace(text[at+len(mark):])
	start, end, ok := g.first(tail)
	if !ok || start > 0 {
		return 0, false
	}
	ids := g.ids(tail[:end], true)
	return ids[0], len(ids) == 1
}
