package ranker

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"radpo/internal/torch"
	"radpo/internal/web"
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
//	GET  /v1/models, /health, /metrics
//
// Texts are conversations by the reward model's own template. The queries of
// /get_reward are tokenised as they are; other texts begin with the one BOS
// that the model's tokenizer gives them, whether it is there or not.
type Server struct {
	Name string // of the model
	*web.Frame

	ranker Ranker
	queue  *queue
	rated  *web.Counter
}

// NewServer makes a server of r. It answers while Work runs.
func NewServer(r Ranker, name string) *Server {
	f := web.NewFrame(waiting, "radpo serve")
	v := &Server{Name: name, Frame: f, ranker: r, queue: newQueue(), rated: f.Metrics.Counter("radpo_texts_rated_total", "Texts and responses rated.")}
	f.Get("/v1/models", func(*http.Request) (any, error) {
		return map[string]any{"object": "list", "data": []any{map[string]string{"id": v.Name, "object": "model", "owned_by": "radpo"}}}, nil
	})
	for path, e := range endpoints {
		f.Post(path, func(_ http.ResponseWriter, r *http.Request, body []byte) (any, error) {
			out, err := v.answer(r.Context(), body, e)
			return out, statusOf(err)
		})
	}
	return v
}

// Work rates on the calling goroutine, which has s, until stop is closed.
func (v *Server) Work(s *torch.Scope, stop <-chan struct{}) { v.queue.work(s, v.ranker, stop) }

// Limits of a request, and of requests that wait.
const (
	maxTexts = 4096
	waiting  = 256
)

// answer reads a request for an endpoint and has it rated.
func (v *Server) answer(ctx context.Context, body []byte, e endpoint) (any, error) {
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
	v.rated.Add(float64(len(ratings)))
	for i, r := range ratings {
		if !torch.Finite(r.Score) {
			return nil, &web.Error{Status: http.StatusInternalServerError, Err: fmt.Errorf("the score of text %d is %v: the model's weights or its dtype are at fault", i+1, r.Score)}
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
		return web.BadRequest("there is no text to rate")
	case n > maxTexts:
		return web.BadRequest("%d texts are more than %d", n, maxTexts)
	case len(q.Texts) > 0 && !ok:
		return web.BadRequest("this model compares responses with one another: use /rank")
	case q.beginning:
		for i, text := range q.Texts {
			q.Texts[i] = reads.oneBOS(text)
		}
	}
	return nil
}

// statusOf gives an error its status. What a model refuses is the request's
// fault; what an operator does is not.
func statusOf(err error) error {
	var known *web.Error
	var op *torch.OpError
	switch {
	case err == nil || errors.As(err, &known):
		return err
	case errors.Is(err, errClosed):
		return &web.Error{Status: http.StatusServiceUnavailable, Err: err}
	case errors.As(err, &op):
		return &web.Error{Status: http.StatusInternalServerError, Err: err}
	}
	return &web.Error{Status: http.StatusBadRequest, Err: err}
}
