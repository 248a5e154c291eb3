package ranker

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"unicode/utf8"

	"radpo/internal/torch"
)

// A Server has responses rated over HTTP, in the forms that OpenRLHF, vLLM,
// SGLang and TEI have for reward models, and in one of its own:
//
//	POST /get_reward  OpenRLHF: {query, prompts} -> {rewards, scores, extra_logs}
//	POST /classify    vLLM: {input | messages} -> {data: [{probs}]}; SGLang: {text} -> [{embedding}]
//	POST /pooling     vLLM: {input | messages} -> {data: [{data}]}
//	POST /score       vLLM: {text_1, text_2} -> {data: [{score}]}
//	POST /predict     TEI: {inputs} -> [[{score, label}]]
//	POST /rank        {prompt | messages, candidates} -> {scores, ranks, matrix, attributes}
//	GET  /v1/models, /health
//
// Texts are conversations by the reward model's own template. The queries of
// /get_reward are tokenised as they are; other texts begin with the one BOS
// that the model's tokenizer gives them, whether it is there or not.
type Server struct {
	Name  string // of the model
	Key   string // that requests must have as bearer token; empty: none
	Local bool   // answer only requests that were sent to this machine by name

	ranker Ranker
	queue  *queue
	places chan struct{}
}

// NewServer makes a server of r. It answers while Work runs.
func NewServer(r Ranker, name string) *Server {
	return &Server{Name: name, ranker: r, queue: newQueue(), places: make(chan struct{}, waiting)}
}

// Work rates on the calling goroutine, which has s, until stop is closed.
func (v *Server) Work(s *torch.Scope, stop <-chan struct{}) { v.queue.work(s, v.ranker, stop) }

// Limits of a request, and of requests that wait.
const (
	maxBody  = 8 << 20
	maxTexts = 4096
	waiting  = 256
)

// Handler serves the paths.
func (v *Server) Handler() http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { write200(w, map[string]string{"status": "ok"}) })
	m.HandleFunc("GET /v1/models", v.guarded(func(w http.ResponseWriter, _ *http.Request) {
		write200(w, map[string]any{"object": "list", "data": []any{map[string]string{"id": v.Name, "object": "model", "owned_by": "radpo"}}})
	}))
	for path, e := range endpoints {
		m.HandleFunc("POST "+path, v.guarded(func(w http.ResponseWriter, r *http.Request) { v.answer(w, r, e) }))
	}
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fail(w, &statusError{http.StatusNotFound, fmt.Errorf("there is no %s %.100q here; see radpo serve --help", r.Method, r.URL.Path)})
	})
	return http.NewCrossOriginProtection().Handler(m)
}

// guarded checks the key and, on a local server, that the browser of a user
// was not tricked into sending the request.
func (v *Server) guarded(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		switch {
		case v.Local && !isLocal(r.Host):
			fail(w, &statusError{http.StatusForbidden, errors.New("this server answers requests to localhost alone")})
		case v.Key != "" && subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte("Bearer "+v.Key)) != 1:
			fail(w, &statusError{http.StatusUnauthorized, errors.New("the key is missing or wrong: send it as Authorization: Bearer KEY")})
		default:
			next(w, r)
		}
	}
}

func isLocal(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return host == "localhost" || err == nil && a.IsLoopback()
}

// answer reads a request for an endpoint, has it rated and writes the answer.
func (v *Server) answer(w http.ResponseWriter, r *http.Request, e endpoint) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
		fail(w, &statusError{http.StatusRequestEntityTooLarge, fmt.Errorf("the body is longer than %d bytes", maxBody)})
		return
	} else if err != nil {
		return // the client is gone
	}
	select {
	case v.places <- struct{}{}:
		defer func() { <-v.places }()
	default:
		w.Header().Set("Retry-After", "1")
		fail(w, &statusError{http.StatusTooManyRequests, fmt.Errorf("%d requests wait already", waiting)})
		return
	}
	out, err := v.rated(r.Context(), body, e)
	if err != nil {
		fail(w, err)
		return
	}
	write200(w, out)
}

func (v *Server) rated(ctx context.Context, body []byte, e endpoint) (any, error) {
	if !utf8.Valid(body) {
		return nil, badRequest("the body is not UTF-8")
	}
	asked, err := e.read(body)
	if err != nil {
		return nil, err
	}
	if err := v.admit(asked); err != nil {
		return nil, err
	}
	ratings, err := v.queue.rate(ctx, asked.Request)
	if err != nil {
		return nil, err
	}
	for i, r := range ratings {
		if !torch.Finite(r.Score) {
			return nil, &statusError{http.StatusInternalServerError, fmt.Errorf("the score of text %d is %v: the model's weights or its dtype are at fault", i+1, r.Score)}
		}
	}
	return e.write(v, asked, ratings), nil
}

// admit holds a request to what the model can rate.
func (v *Server) admit(q *asked) error {
	q.Name = "the request"
	n := len(q.Texts) + len(q.Responses)
	switch reads, ok := readsText(v.ranker); {
	case n == 0:
		return badRequest("there is no text to rate")
	case n > maxTexts:
		return badRequest("%d texts are more than %d", n, maxTexts)
	case len(q.Texts) > 0 && !ok:
		return badRequest("this model compares responses with one another: use /rank")
	case q.beginning:
		for i, text := range q.Texts {
			q.Texts[i] = reads.oneBOS(text)
		}
	}
	return nil
}

// A statusError is an error with its HTTP status.
type statusError struct {
	status int
	error
}

func badRequest(format string, args ...any) error {
	return &statusError{http.StatusBadRequest, fmt.Errorf(format, args...)}
}

// fail writes an error as OpenAI's API does. What a model refuses is the
// request's fault; what an operator does is not.
func fail(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	var known *statusError
	var op *torch.OpError
	switch {
	case errors.As(err, &known):
		status = known.status
	case errors.Is(err, errClosed):
		status = http.StatusServiceUnavailable
	case errors.As(err, &op):
		status = http.StatusInternalServerError
	case errors.Is(err, context.Canceled):
		return // nobody listens
	}
	kind := "invalid_request_error"
	if status >= 500 {
		kind = "server_error"
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"message": err.Error(), "type": kind, "code": status}})
}

func write200(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	json.NewEncoder(w).Encode(v)
}
