package openai

import (
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"radpo/internal/chat"
	"radpo/internal/tokenizer"
	"radpo/internal/web"
)

// A Policy is the model that a server offers.
type Policy struct {
	Name       string   // that it is asked by and answers with
	Aliases    []string // other names that are taken
	Window     int      // tokens of prompt and response
	Vocabulary int      // ids are below it
	Tokens     *tokenizer.Tokenizer
	Template   *chat.Template // nil: the model has none, and does not chat
	Stop       []int          // ids that end a response
	Wording    chat.Goal      // of goals
	Low, High  float64        // bounds of their numbers
	Plain      bool           // it was trained without goals, which are refused
	Goal       []float64      // that chats ask for when their request does not say; empty: none
	Tokenizer  map[string]any // members of /tokenizer_info
	Created    time.Time
}

// A Server answers for one policy.
type Server struct {
	Policy
	engine Engine

	prompted, generated *web.Counter
	first               *web.Histogram
}

// Limits of a request.
const (
	maxN         = 128  // responses a prompt
	maxResponses = 4096 // responses of all prompts
	maxStops     = 16
	maxTop       = 20      // alternatives a token
	maxTops      = 1 << 22 // of all tokens: half a gigabyte as JSON
	maxBiases    = 1024
)

// Serve adds the paths of the API to f.
func Serve(f *web.Frame, p Policy, e Engine) {
	m := f.Metrics
	v := &Server{
		Policy: p, engine: e,
		prompted:  m.Counter("radpo_prompt_tokens_total", "Tokens of prompts."),
		generated: m.Counter("radpo_generation_tokens_total", "Tokens generated."),
		first:     m.Histogram("radpo_time_to_first_token_seconds", "Time from a request to its first token."),
	}
	m.Gauge("radpo_responses_running", "Responses that are being generated.", func() float64 { return float64(e.Load().Running) })
	m.Gauge("radpo_responses_waiting", "Responses that wait for a place.", func() float64 { return float64(e.Load().Waiting) })
	m.Gauge("radpo_cache_use_ratio", "Share of the cache in use.", func() float64 { return e.Load().Cache })
	f.Get("/v1/models", v.models)
	f.Get("/v1/models/{$}", v.models)
	f.Get("/v1/models/{id...}", v.model)
	f.Get("/tokenizer_info", func(*http.Request) (any, error) { return p.Tokenizer, nil })
	f.Post("/v1/completions", v.completions)
	f.Post("/v1/chat/completions", v.chat)
	f.Post("/tokenize", v.tokenize)
	f.Post("/detokenize", v.detokenize)
}

func (v *Server) models(*http.Request) (any, error) {
	return map[string]any{"object": "list", "data": []any{v.card()}}, nil
}

func (v *Server) model(r *http.Request) (any, error) {
	return v.card(), v.named(r.PathValue("id"))
}

// card is what a list of models says of this one.
func (v *Server) card() any {
	return map[string]any{"id": v.Name, "object": "model", "created": v.Created.Unix(), "owned_by": "radpo", "max_model_len": v.Window}
}

// named holds a request to the model that is here.
func (v *Server) named(model string) error {
	if model == "" || model == v.Name || slices.Contains(v.Aliases, model) {
		return nil
	}
	return notFound(model, v.Name)
}

// parse reads a request's members into q; those it does not know are passed
// over, as servers of this API do.
func parse(body []byte, q any) error {
	err := json.Unmarshal(body, q)
	var own *web.Error
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &own):
		return own
	case errors.As(err, &kind) && kind.Field != "":
		return web.Of(strings.TrimPrefix(kind.Field, "sampling."), "%s is of the wrong type", kind.Value)
	case kind != nil:
		return web.BadRequest("the body is no JSON object of a request: got %s", kind.Value)
	case err != nil:
		return web.BadRequest("the body is no JSON object of a request: %w", err)
	}
	return nil
}
