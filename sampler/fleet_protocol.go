package sampler

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"radpo/configs"
	"radpo/internal/remote"
	"radpo/internal/table"
)

// An order is what a server is asked for: n responses to a prompt.
type order struct {
	model       string
	prompt      []int32
	messages    []table.Message // the same prompt, for servers that take no ids
	n           int
	seed        int64
	temperature float64
	topP        float64
	topK        int // 0: off
	minP        float64
	repetition  float64 // 1: off
	maxTokens   int
	stop        []int
	stopStrings []string
}

// An answer is one response as a server tells it.
type answer struct {
	index    int // of the order's responses
	prompt   []int32
	ids      []int32 // nil: the server gives none
	text     string
	logprobs []float32 // nil: the server gives none
	finish   string
	stop     int // the id that ended it; −1: not told
}

// A protocol is a way of asking for responses. Check may refuse what a server
// answers, which is then asked again.
type protocol struct {
	name, path string
	single     bool // one response a request
	textOnly   bool // text in place of ids
	plain      bool // OpenAI's own settings alone: temperature and top_p
	ask        func(ctx context.Context, c *remote.Client, o order, check func([]answer) error) error
}

// protocols in the order in which auto tries them.
var protocols = []protocol{
	{name: "completions", path: "/v1/completions", ask: askCompletions},
	{name: "sglang", path: "/generate", ask: askSGLang},
	{name: "llama-cpp", path: "/completion", single: true, ask: askLlamaCpp},
	{name: "text", path: "/v1/completions", textOnly: true, ask: askCompletions},
	{name: "chat", path: "/v1/chat/completions", textOnly: true, plain: true, ask: askChat},
}

// lacks is the setting of c that cannot be asked for by a protocol, or "". A text
// does not tell whether a stop string or the model ended it.
func (p protocol) lacks(c configs.Sampler) string {
	switch {
	case p.plain && c.TopK != 0:
		return "top_k"
	case p.plain && c.MinP != 0:
		return "min_p"
	case p.plain && c.RepetitionPenalty != 0 && c.RepetitionPenalty != 1:
		return "repetition_penalty"
	case p.textOnly && len(c.StopStrings) > 0:
		return "stop_strings"
	case p.textOnly && len(c.StopIDs) > 0:
		return "stop_ids"
	}
	return ""
}

// send posts a request, and passes on the answers that read finds in it.
func send[A any](ctx context.Context, c *remote.Client, request any, read func(A) ([]answer, error), check func([]answer) error) error {
	_, err := remote.Post(ctx, c, request, func(a A) error {
		list, err := read(a)
		if err != nil {
			return err
		}
		return check(list)
	})
	return err
}

// A completionsRequest is OpenAI's with vLLM's additions. Whatever a server
// takes from generation_config.json unless it is told is told.
type completionsRequest struct {
	Model             string   `json:"model"`
	Prompt            []int32  `json:"prompt"`
	N                 int      `json:"n"`
	Seed              int64    `json:"seed"`
	MaxTokens         int      `json:"max_tokens"`
	Temperature       float64  `json:"temperature"`
	TopP              float64  `json:"top_p"`
	TopK              int      `json:"top_k"`
	MinP              float64  `json:"min_p"`
	RepetitionPenalty float64  `json:"repetition_penalty"`
	PresencePenalty   float64  `json:"presence_penalty"`
	FrequencyPenalty  float64  `json:"frequency_penalty"`
	Logprobs          int      `json:"logprobs"`
	StopTokenIDs      []int    `json:"stop_token_ids"`
	Stop              []string `json:"stop,omitempty"`
	AddSpecialTokens  bool     `json:"add_special_tokens"`
	ReturnTokenIDs    bool     `json:"return_token_ids"`
	TokensAsIDs       bool     `json:"return_tokens_as_token_ids"` // before vLLM 0.10.2
}

type completionsAnswer struct {
	Choices []struct {
		Index          int             `json:"index"`
		Text           *string         `json:"text"`
		TokenIDs       []int32         `json:"token_ids"`
		PromptTokenIDs []int32         `json:"prompt_token_ids"`
		FinishReason   string          `json:"finish_reason"`
		StopReason     json.RawMessage `json:"stop_reason"`
		Logprobs       *struct {
			Tokens        []string   `json:"tokens"`
			TokenLogprobs []*float32 `json:"token_logprobs"`
		} `json:"logprobs"`
	} `json:"choices"`
}

// topK of servers that turn it off by −1.
func (o order) topKOrNone() int {
	if o.topK == 0 {
		return -1
	}
	return o.topK
}

func askCompletions(ctx context.Context, c *remote.Client, o order, check func([]answer) error) error {
	return send(ctx, c, completionsRequest{
		Model: o.model, Prompt: o.prompt, N: o.n, Seed: o.seed, MaxTokens: o.maxTokens, Temperature: o.temperature,
		TopP: o.topP, TopK: o.topKOrNone(), MinP: o.minP, RepetitionPenalty: o.repetition, Logprobs: 1, StopTokenIDs: o.stop, Stop: o.stopStrings, ReturnTokenIDs: true, TokensAsIDs: true,
	}, readCompletions, check)
}

func readCompletions(a completionsAnswer) ([]answer, error) {
	var out []answer
	for _, c := range a.Choices {
		if c.Text == nil {
			return nil, errors.New("has a choice without text")
		}
		r := answer{index: c.Index, prompt: c.PromptTokenIDs, ids: c.TokenIDs, text: *c.Text, finish: c.FinishReason, stop: number(c.StopReason)}
		if c.Logprobs != nil {
			if r.ids == nil {
				r.ids = idsInNames(c.Logprobs.Tokens)
			}
			for _, x := range c.Logprobs.TokenLogprobs {
				if x == nil {
					return nil, errors.New("has a token without a log-probability")
				}
				r.logprobs = append(r.logprobs, *x)
			}
		}
		out = append(out, r)
	}
	return out, nil
}

// number is a JSON number; −1 for anything else.
func number(raw json.RawMessage) int {
	v, err := strconv.Atoi(string(raw))
	if err != nil {
		return -1
	}
	return v
}

// idsInNames reads tokens that are named by their ids, as "token_id:5".
func idsInNames(names []string) []int32 {
	var ids []int32
	for _, name := range names {
		digits, ok := strings.CutPrefix(name, "token_id:")
		id, err := strconv.ParseInt(digits, 10, 32)
		if !ok || err != nil {
			return nil
		}
		ids = append(ids, int32(id))
	}
	return ids
}

type sglangParameters struct {
	Temperature       float64  `json:"temperature"`
	TopP              float64  `json:"top_p"`
	TopK              int      `json:"top_k"`
	MinP              float64  `json:"min_p"`
	RepetitionPenalty float64  `json:"repetition_penalty"`
	MaxNewTokens      int      `json:"max_new_tokens"`
	StopTokenIDs      []int    `json:"stop_token_ids"`
	Stop              []string `json:"stop,omitempty"`
	Seed              int64    `json:"sampling_seed"`
}

type sglangRequest struct {
	InputIDs       [][]int32          `json:"input_ids"`
	SamplingParams []sglangParameters `json:"sampling_params"`
	ReturnLogprob  bool               `json:"return_logprob"`
}

type sglangAnswer struct {
	Text      string  `json:"text"`
	OutputIDs []int32 `json:"output_ids"`
	Meta      struct {
		FinishReason struct {
			Type    string          `json:"type"`
			Matched json.RawMessage `json:"matched"`
		} `json:"finish_reason"`
		Logprobs [][]any `json:"output_token_logprobs"` // of each token: log-probability, id, text
	} `json:"meta_info"`
}

// askSGLang has a prompt answered n times, as n requests in one: its n would
// draw all of them by one seed.
func askSGLang(ctx context.Context, c *remote.Client, o order, check func([]answer) error) error {
	r := sglangRequest{ReturnLogprob: true}
	for k := range o.n {
		r.InputIDs = append(r.InputIDs, o.prompt)
		r.SamplingParams = append(r.SamplingParams, sglangParameters{
			Temperature: o.temperature, TopP: o.topP, TopK: o.topKOrNone(), MinP: o.minP, RepetitionPenalty: o.repetition,
			MaxNewTokens: o.maxTokens, StopTokenIDs: o.stop, Stop: o.stopStrings, Seed: o.seed + int64(k),
		})
	}
	return send(ctx, c, r, readSGLang, check)
}

func readSGLang(list []sglangAnswer) ([]answer, error) {
	var out []answer
	for i, a := range list {
		m := a.Meta
		r := answer{index: i, ids: a.OutputIDs, text: a.Text, finish: m.FinishReason.Type, stop: number(m.FinishReason.Matched)}
		for _, entry := range m.Logprobs {
			if len(entry) < 2 {
				return nil, errors.New("has a log-probability without its token")
			}
			x, ok := entry[0].(float64)
			id, whole := entry[1].(float64)
			if !ok || !whole {
				return nil, errors.New("has a token without a log-probability")
			}
			r.logprobs = append(r.logprobs, float32(x))
			if len(a.OutputIDs) == 0 {
				r.ids = append(r.ids, int32(id))
			}
		}
		out = append(out, r)
	}
	return out, nil
}

type llamaCppRequest struct {
	Prompt        []int32  `json:"prompt"`
	Seed          int64    `json:"seed"`
	NPredict      int      `json:"n_predict"`
	Temperature   float64  `json:"temperature"`
	TopP          float64  `json:"top_p"`
	TopK          int      `json:"top_k"`
	MinP          float64  `json:"min_p"`
	RepeatPenalty float64  `json:"repeat_penalty"`
	RepeatLastN   int      `json:"repeat_last_n"` // tokens that are penalised; -1: all
	Stop          []string `json:"stop,omitempty"`
	Samplers      []string `json:"samplers"`
	NProbs        int      `json:"n_probs"`
	ReturnTokens  bool     `json:"return_tokens"`
	CachePrompt   bool     `json:"cache_prompt"`
}

type llamaCppAnswer struct {
	Content  *string `json:"content"`
	Tokens   []int32 `json:"tokens"`
	StopType string  `json:"stop_type"`
	Probs    []struct {
		ID      int32   `json:"id"`
		Logprob float32 `json:"logprob"`
	} `json:"completion_probabilities"`
}

// askLlamaCpp asks for one response. The server ends it where its own file
// says so; what goes on behind a stop id is cut off here.
func askLlamaCpp(ctx context.Context, c *remote.Client, o order, check func([]answer) error) error {
	return send(ctx, c, llamaCppRequest{
		Prompt: o.prompt, Seed: o.seed, NPredict: o.maxTokens, Temperature: o.temperature, TopP: o.topP, TopK: o.topK, MinP: o.minP, RepeatPenalty: o.repetition,
		RepeatLastN: -1, Stop: o.stopStrings, Samplers: []string{"penalties", "temperature", "top_k", "top_p", "min_p"}, NProbs: 1, ReturnTokens: true, CachePrompt: true,
	}, readLlamaCpp, check)
}

func readLlamaCpp(a llamaCppAnswer) ([]answer, error) {
	if a.Content == nil {
		return nil, errors.New("has no content")
	}
	r := answer{ids: a.Tokens, text: *a.Content, finish: "length", stop: -1}
	if a.StopType == "eos" || a.StopType == "word" {
		r.finish = "stop"
	}
	for i, p := range a.Probs {
		if i >= len(a.Tokens) || p.ID != a.Tokens[i] {
			return nil, fmt.Errorf("gives a log-probability of id %d where it draws another", p.ID)
		}
		r.logprobs = append(r.logprobs, p.Logprob)
	}
	if left := len(r.ids) - len(r.logprobs); a.StopType == "word" && left > 0 && r.logprobs != nil {
		r.logprobs = append(r.logprobs, unknown(left)...) // it leaves those of a stop string out
	}
	return []answer{r}, nil
}

type turn struct {
	Role    string `json:"role"`
	Content string `json:"content"`
}

type chatRequest struct {
	Model       string  `json:"model"`
	Messages    []turn  `json:"messages"`
	N           int     `json:"n"`
	Seed        int64   `json:"seed"`
	MaxTokens   int     `json:"max_tokens"`
	Temperature float64 `json:"temperature"`
	TopP        float64 `json:"top_p"`
}

type chatAnswer struct {
	Choices []struct {
		Index   int `json:"index"`
		Message struct {
			Content *string `json:"content"`
		} `json:"message"`
		FinishReason string `json:"finish_reason"`
	} `json:"choices"`
}

func askChat(ctx context.Context, c *remote.Client, o order, check func([]answer) error) error {
	r := chatRequest{Model: o.model, N: o.n, Seed: o.seed, MaxTokens: o.maxTokens, Temperature: o.temperature, TopP: o.topP}
	for _, m := range o.messages {
		r.Messages = append(r.Messages, turn(m))
	}
	return send(ctx, c, r, readChat, check)
}

func readChat(a chatAnswer) ([]answer, error) {
	var out []answer
	for _, c := range a.Choices {
		if c.Message.Content == nil {
			return nil, errors.New("has a choice without content")
		}
		out = append(out, answer{index: c.Index, text: *c.Message.Content, finish: c.FinishReason, stop: -1})
	}
	return out, nil
}
