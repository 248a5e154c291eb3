package openai

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"

	"radpo/internal/web"
)

// Sampling is what both kinds of completion are asked with.
type sampling struct {
	Model             string             `json:"model"`
	N                 *int               `json:"n"`
	BestOf            *int               `json:"best_of"`
	Temperature       *float64           `json:"temperature"`
	TopP              *float64           `json:"top_p"`
	TopK              *int               `json:"top_k"`
	MinP              *float64           `json:"min_p"`
	RepetitionPenalty *float64           `json:"repetition_penalty"`
	MaxTokens         *int               `json:"max_tokens"`
	Seed              *int64             `json:"seed"`
	Stop              texts              `json:"stop"`
	StopIDs           []int32            `json:"stop_token_ids"`
	IgnoreEOS         bool               `json:"ignore_eos"`
	MinTokens         int                `json:"min_tokens"`
	LogitBias         map[string]float32 `json:"logit_bias"`
	Stream            bool               `json:"stream"`
	StreamOptions     *streamOptions     `json:"stream_options"`
	ReturnIDs         bool               `json:"return_token_ids"`
	TokensAsIDs       bool               `json:"return_tokens_as_token_ids"`
}

type streamOptions struct {
	IncludeUsage    bool `json:"include_usage"`          // in an event at the end
	ContinuousUsage bool `json:"continuous_usage_stats"` // vLLM's: in every event
}

// texts is a text or a list of them.
type texts []string

// UnmarshalJSON implements json.Unmarshaler.
func (t *texts) UnmarshalJSON(b []byte) error {
	var one *string
	if json.Unmarshal(b, &one) == nil {
		if one != nil {
			*t = texts{*one}
		}
		return nil
	}
	var many []*string
	err := json.Unmarshal(b, &many)
	if err == nil && slices.Contains(many, nil) {
		err = errors.New("a text of a list is null")
	}
	for _, text := range many {
		if err == nil {
			*t = append(*t, *text)
		}
	}
	return err
}

func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// or is *p, or otherwise where p is nil.
func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// generation is what the engine is asked, without a prompt.
func (v *Server) generation(q *sampling, limit int) (Generation, error) {
	g := Generation{
		N: or(q.N, 1), MaxTokens: limit, Temperature: or(q.Temperature, 1), TopP: or(q.TopP, 1), TopK: max(0, or(q.TopK, 0)),
		MinP: or(q.MinP, 0), RepetitionPenalty: or(q.RepetitionPenalty, 1), StopStrings: q.Stop,
		MinTokens: q.MinTokens,
	}
	for _, id := range q.StopIDs {
		g.Stop = append(g.Stop, int(id))
	}
	if !q.IgnoreEOS {
		g.Stop = append(g.Stop, v.Stop...)
	}
	if err := q.check(v, g); err != nil {
		return g, err
	}
	var err error
	if g.Bias, err = v.bias(q.LogitBias); err != nil {
		return g, err
	}
	if q.Seed != nil {
		g.Seed = *q.Seed
		return g, nil
	}
	var seed [8]byte
	rand.Read(seed[:])
	g.Seed = int64(binary.LittleEndian.Uint64(seed[:]))
	return g, nil
}

// check holds settings to what can be.
func (q *sampling) check(v *Server, g Generation) error {
	if err := v.named(q.Model); err != nil {
		return err
	}
	for _, m := range []struct {
		name string
		ok   bool
		want string
	}{
		{"n", g.N >= 1 && g.N <= maxN, fmt.Sprint("1 to ", maxN)},
		{"best_of", or(q.BestOf, g.N) == g.N, "as many as n"},
		{"temperature", g.Temperature >= 0 && g.Temperature <= 100, "0 to 100"},
		{"top_p", g.TopP > 0 && g.TopP <= 1, "above 0 and at most 1"},
		{"top_k", or(q.TopK, 0) >= -1, "-1 or 0, which are off, or more"},
		{"min_p", g.MinP >= 0 && g.MinP <= 1, "0 to 1"},
		{"repetition_penalty", g.RepetitionPenalty > 0 && g.RepetitionPenalty <= 100, "above 0 and at most 100"},
		{"max_tokens", g.MaxTokens >= 0, "0 or more"},
		{"min_tokens", g.MinTokens >= 0 && g.MinTokens <= g.MaxTokens, fmt.Sprintf("0 to the limit of %d tokens", g.MaxTokens)},
		{"logit_bias", len(q.LogitBias) <= maxBiases, fmt.Sprintf("at most %d tokens", maxBiases)},
		{"stream_options", q.Stream || q.StreamOptions == nil, "stream: true beside them"},
		{"stop", len(q.Stop) <= maxStops && !slices.Contains(q.Stop, ""), fmt.Sprintf("at most %d texts that are not empty", maxStops)},
		{"stop_token_ids", len(q.StopIDs) <= maxStops && v.known(q.StopIDs) == nil, fmt.Sprintf("at most %d ids of the model", maxStops)},
	} {
		if !m.ok {
			return web.Of(m.name, "want %s", m.want)
		}
	}
	return nil
}

// bias reads what is added to logits, by token ids, which JSON has as texts.
func (v *Server) bias(members map[string]float32) (map[int32]float32, error) {
	if len(members) == 0 {
		return nil, nil
	}
	out := make(map[int32]float32, len(members))
	for name, add := range members {
		id, err := strconv.ParseInt(name, 10, 32)
		if err == nil {
			err = v.known([]int32{int32(id)})
		}
		if err != nil || strconv.FormatInt(id, 10) != name { // 7 and 07 would be one token twice
			return nil, web.Of("logit_bias", "%.50q is no token of the model: want ids below %d", name, v.Vocabulary)
		}
		if !(add >= -100 && add <= 100) {
			return nil, web.Of("logit_bias", "%v for token %d: want -100 to 100", add, id)
		}
		out[int32(id)] = add
	}
	return out, nil
}

// known holds ids to the vocabulary.
func (v *Server) known(ids []int32) error {
	for i, id := range ids {
		if id < 0 || int(id) >= v.Vocabulary {
			return fmt.Errorf("element %d: the model has no token %d; its vocabulary is %d", i, id, v.Vocabulary)
		}
	}
	return nil
}

// fits holds prompts and the tokens asked for behind them to the window. Without
// a limit of their own, responses have the usual one, as far as it fits.
func (v *Server) fits(prompts [][]int32, limit *int, usual int, param string) (int, error) {
	longest := 0
	for i, ids := range prompts {
		if len(ids) == 0 {
			return 0, web.Of(param, "prompt %d has no tokens", i)
		}
		longest = max(longest, len(ids))
	}
	room := v.Window - longest
	asked := or(limit, min(usual, max(1, room)))
	if asked <= room {
		return asked, nil
	}
	return 0, &web.Error{Status: http.StatusBadRequest, Code: "context_length_exceeded", Param: param, Err: fmt.Errorf(
		"This model's maximum context length is %d tokens. However, you requested %d tokens (%d in the %s, %d in the completion). "+
			"Please reduce the length of the %s or completion.", v.Window, uint64(longest)+uint64(asked), longest, param, asked, param)}
}

func notFound(model, here string) error {
	return &web.Error{Status: http.StatusNotFound, Code: "model_not_found", Param: "model",
		Err: fmt.Errorf("The model `%.200s` does not exist; this server has `%s`.", model, here)}
}

var errNoChat = &web.Error{Status: http.StatusBadRequest, Err: errors.New("the model has no chat template: use /v1/completions")}
