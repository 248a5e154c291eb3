package openai

import (
	"fmt"
	"math"
	"slices"
	"unicode/utf8"
)

// An envelope is an answer, or one event of a stream.
type envelope struct {
	ID        string       `json:"id"`
	Object    string       `json:"object"`
	Created   int64        `json:"created"`
	Model     string       `json:"model"`
	Choices   []choiceJSON `json:"choices"`
	Usage     any          `json:"usage,omitempty"` // a *usage, be it null
	PromptIDs []int32      `json:"prompt_token_ids,omitempty"`
}

// A choiceJSON is a choice, or what an event adds to it.
type choiceJSON struct {
	Index     int      `json:"index"`
	Text      *string  `json:"text,omitempty"`    // of a completion
	Message   *message `json:"message,omitempty"` // of a chat
	Delta     *message `json:"delta,omitempty"`   // of a chat's event
	Logprobs  any      `json:"logprobs"`
	Finish    *Finish  `json:"finish_reason"`
	Stop      any      `json:"stop_reason"` // vLLM's: the stop string or the id of stop_token_ids that ended it
	TokenIDs  []int32  `json:"token_ids,omitzero"`
	PromptIDs []int32  `json:"prompt_token_ids,omitempty"` // of a completion
}

type message struct {
	Role    string  `json:"role,omitempty"`
	Content *string `json:"content,omitempty"`
}

func (a *answer) envelope(choices []choiceJSON, event bool) envelope {
	object := "text_completion"
	switch {
	case a.chatting && event:
		object = "chat.completion.chunk"
	case a.chatting:
		object = "chat.completion"
	}
	out := envelope{ID: a.id, Object: object, Created: a.started.Unix(), Model: a.Name, Choices: choices}
	if o := a.StreamOptions; event && o != nil && o.ContinuousUsage {
		out.Usage = a.used()
	} else if event && o != nil && o.IncludeUsage {
		out.Usage = (*usage)(nil) // as OpenAI's events before the last
	}
	return out
}

// choiceOf is a choice as JSON: all of it, or what an event adds.
func (a *answer) choiceOf(d delta, event bool) choiceJSON {
	c := choiceJSON{Index: d.index}
	switch {
	case !a.chatting:
		c.Text = &d.text
	case event:
		c.Delta = &message{Content: &d.text}
	default:
		c.Message = &message{Role: "assistant", Content: &d.text}
	}
	if d.finish != "" {
		c.Finish, c.Stop = &d.finish, a.stopReason(d)
	}
	if a.top != nil {
		c.Logprobs = a.logprobs(d)
	}
	if a.ReturnIDs {
		a.ids(&c, d)
	}
	return c
}

// stopReason is what the request named that ended a choice, or nil.
func (a *answer) stopReason(d delta) any {
	if d.stop != "" {
		return d.stop
	}
	if n := len(d.tokens); d.finish == Stopped && n > 0 && slices.Contains(a.StopIDs, d.tokens[n-1].ID) {
		return d.tokens[n-1].ID
	}
	return nil
}

// ids adds the response's ids, and to a completion its prompt's.
func (a *answer) ids(c *choiceJSON, d delta) {
	c.TokenIDs = []int32{}
	for _, t := range d.tokens {
		c.TokenIDs = append(c.TokenIDs, t.ID)
	}
	if of := &a.choices[d.index]; !a.chatting && !of.told {
		c.PromptIDs, of.told = a.prompts[d.index/a.all.N], true
	}
}

// least stands for the log-probability of what cannot be, as JSON has no
// infinity. It is vLLM's.
const least = -9999

func finite(x float32) float64 {
	if math.IsNaN(float64(x)) {
		return least
	}
	return max(float64(x), least)
}

// spell is a token as text: by its number where that was asked for.
func (a *answer) spell(id int32) string {
	if a.TokensAsIDs {
		return fmt.Sprint("token_id:", id)
	}
	return a.Tokens.Piece(id)
}

// logprobs is in the form of the kind of completion.
func (a *answer) logprobs(d delta) any {
	if a.chatting {
		return map[string]any{"content": a.chatLogprobs(d.tokens)}
	}
	return a.textLogprobs(d)
}

// textLogprobs has lists as long as the tokens.
type textLogprobs struct {
	Tokens   []string             `json:"tokens"`
	Logprobs []*float64           `json:"token_logprobs"`
	Top      []map[string]float64 `json:"top_logprobs"`
	Offsets  []int                `json:"text_offset"`
}

func (a *answer) textLogprobs(d delta) textLogprobs {
	l := textLogprobs{[]string{}, []*float64{}, []map[string]float64{}, []int{}}
	at := &a.choices[d.index].length
	for _, t := range slices.Concat(d.prompt, d.tokens) {
		l.Tokens = append(l.Tokens, a.spell(t.ID))
		l.Offsets = append(l.Offsets, *at)
		*at += utf8.RuneCountInString(a.Tokens.Piece(t.ID))
		if t.first {
			l.Logprobs, l.Top = append(l.Logprobs, nil), append(l.Top, nil)
			continue
		}
		p := finite(t.Logprob)
		l.Logprobs, l.Top = append(l.Logprobs, &p), append(l.Top, a.topOf(t.Token))
	}
	return l
}

// topOf is the likeliest tokens and the one that stands there. Of tokens that
// are spelt alike the likelier counts.
func (a *answer) topOf(t Token) map[string]float64 {
	top := map[string]float64{a.spell(t.ID): finite(t.Logprob)}
	for _, other := range t.Top[:min(len(t.Top), *a.top)] {
		name, p := a.spell(other.ID), finite(other.Logprob)
		if old, ok := top[name]; !ok || p > old {
			top[name] = p
		}
	}
	return top
}

// A chatToken is one of a chat's log-probabilities.
type chatToken struct {
	Token   string      `json:"token"`
	Logprob float64     `json:"logprob"`
	Bytes   []int       `json:"bytes"`
	Top     []chatToken `json:"top_logprobs,omitzero"`
}

func (a *answer) chatToken(id int32, logprob float32) chatToken {
	t := chatToken{Token: a.spell(id), Logprob: finite(logprob), Bytes: []int{}}
	for _, b := range []byte(a.Tokens.Piece(id)) {
		t.Bytes = append(t.Bytes, int(b))
	}
	return t
}

func (a *answer) chatLogprobs(tokens []said) []chatToken {
	out := []chatToken{}
	for _, t := range tokens {
		c := a.chatToken(t.ID, t.Logprob)
		c.Top = []chatToken{}
		for _, other := range t.Top[:min(len(t.Top), *a.top)] {
			c.Top = append(c.Top, a.chatToken(other.ID, other.Logprob))
		}
		out = append(out, c)
	}
	return out
}
