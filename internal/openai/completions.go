package openai

import (
	"bytes"
	"encoding/json"
	"net/http"

	"radpo/internal/web"
)

// A completion is a request for what follows texts or ids.
type completion struct {
	sampling
	Prompt     json.RawMessage `json:"prompt"`
	Echo       bool            `json:"echo"`
	Logprobs   *int            `json:"logprobs"`
	AddSpecial *bool           `json:"add_special_tokens"` // to texts; else unless they are echoed
	Goal       json.RawMessage `json:"goal"`
}

// defaultLimit of a completion's tokens is OpenAI's.
const defaultLimit = 16

func (v *Server) completions(w http.ResponseWriter, r *http.Request, body []byte) (any, error) {
	var q completion
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	if err := v.named(q.Model); err != nil {
		return nil, err
	}
	if err := supported(body); err != nil {
		return nil, err
	}
	switch {
	case q.Logprobs != nil && (*q.Logprobs < 0 || *q.Logprobs > maxTop):
		return nil, web.Of("logprobs", "want 0 to %d", maxTop)
	case !isNull(q.Goal):
		return nil, web.Of("goal", "a completion has no chat template to put it in: use /v1/chat/completions")
	}
	a := &answer{Server: v, sampling: &q.sampling, top: q.Logprobs}
	prompts, err := a.read(q.Prompt, or(q.AddSpecial, !q.Echo))
	if err != nil {
		return nil, err
	}
	if q.Echo {
		a.echo = prompts
	}
	limit, err := v.fits(a.prompts, q.MaxTokens, defaultLimit, "prompt")
	if err != nil {
		return nil, err
	}
	if a.all, err = v.generation(&q.sampling, limit); err != nil {
		return nil, err
	}
	a.all.Top = or(q.Logprobs, 0)
	if err := a.begin("cmpl-"); err != nil {
		return nil, err
	}
	return a.write(w, r)
}

// read takes prompts in each of their forms: a text, texts, ids or lists of
// ids. It returns their texts.
func (a *answer) read(raw json.RawMessage, specials bool) ([]string, error) {
	if isNull(raw) {
		return nil, web.Of("prompt", "it is missing")
	}
	var out []string
	if lists, ok := listsOf(raw); ok {
		for i, ids := range lists {
			if err := a.known(ids); err != nil {
				return nil, web.Of("prompt", "prompt %d: %w", i, err)
			}
			out = append(out, a.Tokens.Decode(ids, false))
		}
		a.prompts = lists
	} else if err := json.Unmarshal(raw, (*texts)(&out)); err == nil {
		for _, text := range out {
			a.prompts = append(a.prompts, a.encode(text, specials))
		}
	} else {
		return nil, web.Of("prompt", "want a text, a list of texts, a list of token ids or a list of such lists")
	}
	if n := len(a.prompts); n == 0 || n > maxResponses {
		return nil, web.Of("prompt", "%d prompts: want 1 to %d", n, maxResponses)
	}
	return out, nil
}

// listsOf reads a list of ids, or several.
func listsOf(raw json.RawMessage) ([][]int32, bool) {
	var one []int32
	var many [][]int32
	switch {
	case bytes.Contains(raw, []byte("null")): // which would be read as 0
	case json.Unmarshal(raw, &one) == nil && len(one) > 0:
		return [][]int32{one}, true
	case json.Unmarshal(raw, &many) == nil && len(many) > 0:
		return many, true
	}
	return nil, false
}

// encode returns the tokens of a text, in which special ones are parsed, with those
// that the tokenizer adds or without.
func (v *Server) encode(text string, specials bool) []int32 {
	if specials {
		return v.Tokens.Encode(text)
	}
	return v.Tokens.AppendIDs([]int32{}, text, true)
}
