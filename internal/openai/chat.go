package openai

import (
	"cmp"
	"encoding/json"
	"net/http"
	"strings"

	"radpo/internal/chat"
	"radpo/internal/web"
)

// A conversation is a request for the assistant's next turn.
type conversation struct {
	sampling
	Messages      []turn          `json:"messages"`
	MaxCompletion *int            `json:"max_completion_tokens"`
	Logprobs      bool            `json:"logprobs"`
	TopLogprobs   int             `json:"top_logprobs"`
	Echo          bool            `json:"echo"`
	Goal          json.RawMessage `json:"goal"`
}

// A turn's content is a text, or a list of parts that are texts.
type turn struct {
	Role    string   `json:"role"`
	Content *content `json:"content"`
}

type content string

// UnmarshalJSON implements json.Unmarshaler.
func (c *content) UnmarshalJSON(b []byte) error {
	if len(b) == 0 || b[0] != '[' {
		return json.Unmarshal(b, (*string)(c))
	}
	var parts []struct{ Type, Text string }
	if err := json.Unmarshal(b, &parts); err != nil {
		return err
	}
	var all []string
	for _, p := range parts {
		if p.Type != "text" {
			return web.Of("messages", "content of type %.50q is not supported: want text", p.Type)
		}
		all = append(all, p.Text)
	}
	*c = content(strings.Join(all, "\n"))
	return nil
}

func (v *Server) chat(w http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	var q conversation
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	if err := v.named(q.Model); err != nil {
		return nil, err
	}
	if err := supported(body); err != nil {
		return nil, err
	}
	a := &answer{Server: v, sampling: &q.sampling, chatting: true}
	switch {
	case q.Echo:
		return nil, web.Of("echo", "a chat has none: use /v1/completions")
	case q.TopLogprobs < 0 || q.TopLogprobs > maxTop:
		return nil, web.Of("top_logprobs", "want 0 to %d", maxTop)
	case q.TopLogprobs > 0 && !q.Logprobs:
		return nil, web.Of("top_logprobs", "it wants logprobs: true")
	case q.Logprobs:
		a.top = &q.TopLogprobs
	}
	goal, err := v.goal(q.Goal)
	if err != nil {
		return nil, err
	}
	prompt, err := v.render(q.Messages, goal, true)
	if err != nil {
		return nil, err
	}
	a.prompts = [][]int32{prompt}
	asked := cmp.Or(q.MaxCompletion, q.MaxTokens)
	if or(asked, 1) < 1 {
		return nil, web.Of("max_tokens", "want 1 or more")
	}
	limit, err := v.fits(a.prompts, asked, v.Window, "messages")
	if err != nil {
		return nil, err
	}
	if a.all, err = v.generation(&q.sampling, limit); err != nil {
		return nil, err
	}
	a.all.Top = q.TopLogprobs
	if err := a.begin("chatcmpl-"); err != nil {
		return nil, err
	}
	return a.write(w, r)
}

// render is a conversation with its goal as ids; with generation they end where
// the assistant's turn begins. Special tokens in it stay text.
func (v *Server) render(turns []turn, goal []float64, generation bool) ([]int32, error) {
	if v.Template == nil {
		return nil, errNoChat
	}
	messages, err := messagesOf(turns)
	if err != nil {
		return nil, err
	}
	if len(goal) > 0 {
		messages = v.Template.WithGoal(messages, v.Wording.Text(goal))
	}
	ids, err := v.Template.Encode(v.Tokens, messages, generation, false)
	if err != nil {
		return nil, web.Of("messages", "%w", err)
	}
	return ids, nil
}

func messagesOf(turns []turn) ([]chat.Message, error) {
	if len(turns) == 0 {
		return nil, web.Of("messages", "want at least one")
	}
	out := make([]chat.Message, len(turns))
	for i, t := range turns {
		switch t.Role {
		case "system", "user", "assistant", "tool":
		case "developer": // OpenAI's newer name
			t.Role = "system"
		default:
			return nil, web.Of("messages", "message %d: role %.50q is none of system, user, assistant, tool", i, t.Role)
		}
		if t.Content == nil && t.Role != "assistant" { // whose calls of tools have none
			return nil, web.Of("messages", "message %d: its content is missing", i)
		}
		out[i] = chat.Message{Role: t.Role, Content: string(or(t.Content, ""))}
	}
	return out, nil
}
