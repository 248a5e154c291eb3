package openai

import (
	"encoding/json"
	"net/http"

	"radpo/internal/web"
)

// tokenize answers as vLLM's: {prompt, add_special_tokens} or {messages,
// add_generation_prompt} -> {tokens, count, max_model_len}.
func (v *Server) tokenize(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var q struct {
		Model         string          `json:"model"`
		Prompt        *string         `json:"prompt"`
		Messages      []turn          `json:"messages"`
		AddSpecial    *bool           `json:"add_special_tokens"`
		AddGeneration *bool           `json:"add_generation_prompt"`
		ReturnStrings bool            `json:"return_token_strs"`
		Goal          json.RawMessage `json:"goal"`
	}
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	if err := v.named(q.Model); err != nil {
		return nil, err
	}
	var ids []int32
	switch {
	case (q.Prompt == nil) == (q.Messages == nil):
		return nil, web.BadRequest("want one of prompt and messages")
	case q.Prompt != nil:
		ids = v.encode(*q.Prompt, or(q.AddSpecial, true))
	default:
		goal, err := v.goal(q.Goal)
		if err != nil {
			return nil, err
		}
		if ids, err = v.render(q.Messages, goal, or(q.AddGeneration, true)); err != nil {
			return nil, err
		}
	}
	out := map[string]any{"tokens": ids, "count": len(ids), "max_model_len": v.Window}
	if q.ReturnStrings {
		strings := []string{}
		for _, id := range ids {
			strings = append(strings, v.Tokens.Token(id))
		}
		out["token_strs"] = strings
	}
	return out, nil
}

// detokenize answers as vLLM's: {tokens} -> {prompt}.
func (v *Server) detokenize(_ http.ResponseWriter, _ *http.Request, body []byte) (any, error) {
	var q struct {
		Model  string  `json:"model"`
		Tokens []int32 `json:"tokens"`
	}
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	if err := v.named(q.Model); err != nil {
		return nil, err
	}
	if err := v.known(q.Tokens); err != nil {
		return nil, web.Of("tokens", "%w", err)
	}
	return map[string]any{"prompt": v.Tokens.Decode(q.Tokens, false)}, nil
}
