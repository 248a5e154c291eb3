package ranker

import (
	"encoding/json"
	"math"

	"radpo/internal/table"
	"radpo/internal/web"
)

// An endpoint is one form of asking for scores.
type endpoint struct {
	read  func(body []byte) (*asked, error)
	write func(v *Server, q *asked, ratings []Rating) any
}

// asked is a request as it was understood.
type asked struct {
	Request
	beginning bool // texts want the model's BOS in front
	squashed  bool // scores want a sigmoid
	sglang    bool
}

// endpoints by path.
var endpoints = map[string]endpoint{
	"/get_reward": {readOpenRLHF, writeOpenRLHF},
	"/classify":   {readVLLM, writeClassify},
	"/pooling":    {readVLLM, writePooling},
	"/score":      {readPairs, writeScore},
	"/predict":    {readTEI, writeTEI},
	"/rank":       {readRank, writeRank},
}

// texts is a text or a list of them.
type texts []string

func (t *texts) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		*t = make(texts, 1)
		return json.Unmarshal(b, &(*t)[0])
	}
	return json.Unmarshal(b, (*[]string)(t))
}

func parse(body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return web.BadRequest("the body cannot be read: %w", err)
	}
	return nil
}

func readOpenRLHF(body []byte) (*asked, error) {
	var q struct {
		Query texts `json:"query"`
	}
	err := parse(body, &q)
	return &asked{Request: Request{Texts: q.Query}}, err
}

// writeOpenRLHF has the raw attributes under extra_logs, a list each.
func writeOpenRLHF(v *Server, _ *asked, ratings []Rating) any {
	all := scoresOf(ratings)
	return map[string]any{"rewards": all, "scores": all, "extra_logs": v.attributes(ratings)}
}

func scoresOf(ratings []Rating) []float64 {
	out := make([]float64, len(ratings))
	for i, r := range ratings {
		out[i] = r.Score
	}
	return out
}

// attributes of ratings by name.
func (v *Server) attributes(ratings []Rating) map[string][]float64 {
	out := map[string][]float64{}
	for k, name := range v.ranker.Names() {
		for _, r := range ratings {
			out[name] = append(out[name], r.Attributes[k])
		}
	}
	return out
}

// readVLLM reads what /classify and /pooling are asked by vLLM's clients and,
// as text, by SGLang's. Scores are raw unless an activation is asked for.
func readVLLM(body []byte) (*asked, error) {
	var q struct {
		Input         texts  `json:"input"`
		Text          texts  `json:"text"`
		Messages      []turn `json:"messages"`
		UseActivation bool   `json:"use_activation"`
		Activation    bool   `json:"activation"`
		Softmax       bool   `json:"softmax"`
	}
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	out := &asked{beginning: true, squashed: q.UseActivation || q.Activation || q.Softmax, sglang: q.Text != nil}
	out.Texts = append(q.Input, q.Text...)
	last := len(q.Messages) - 1
	switch {
	case last < 0:
		return out, nil
	case len(out.Texts) > 0:
		return nil, web.BadRequest("want messages, or texts, not both")
	case last == 0 || q.Messages[last].Role != "assistant":
		return nil, web.BadRequest("messages: want a conversation that ends with the assistant's turn, which is rated")
	}
	out.Messages, out.Responses = messagesOf(q.Messages[:last]), []string{q.Messages[last].Content}
	return out, nil
}

func messagesOf(turns []turn) []table.Message {
	out := make([]table.Message, len(turns))
	for i, t := range turns {
		out[i] = table.Message(t)
	}
	return out
}

func writeClassify(v *Server, q *asked, ratings []Rating) any {
	rows := []any{}
	for i, score := range q.activated(ratings) {
		if q.sglang {
			rows = append(rows, map[string]any{"embedding": []float64{score}})
			continue
		}
		rows = append(rows, map[string]any{"index": i, "label": "LABEL_0", "probs": []float64{score}, "num_classes": 1})
	}
	if q.sglang {
		return rows
	}
	return v.list(rows)
}

func writePooling(v *Server, q *asked, ratings []Rating) any {
	rows := []any{}
	for i, score := range q.activated(ratings) {
		rows = append(rows, map[string]any{"index": i, "object": "pooling", "data": []float64{score}})
	}
	return v.list(rows)
}

func (v *Server) list(rows []any) any {
	return map[string]any{"object": "list", "model": v.Name, "data": rows}
}

// activated are the scores, through a sigmoid where it was asked for.
func (q *asked) activated(ratings []Rating) []float64 {
	out := scoresOf(ratings)
	if q.squashed {
		for i, x := range out {
			out[i] = 1 / (1 + math.Exp(-x))
		}
	}
	return out
}

// readPairs reads vLLM's /score: one prompt for all responses, or one each. The
// model's template makes conversations of them.
func readPairs(body []byte) (*asked, error) {
	var q struct {
		First         texts `json:"text_1"`
		Second        texts `json:"text_2"`
		UseActivation bool  `json:"use_activation"`
	}
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	for _, prompt := range q.First {
		if prompt != q.First[0] || len(q.First) != 1 && len(q.First) != len(q.Second) {
			return nil, web.BadRequest("text_1: want one prompt, the same for all of text_2")
		}
	}
	if len(q.First) == 0 {
		return nil, web.BadRequest("text_1: want a prompt")
	}
	return &asked{Request: promptWith(q.First[0], q.Second), squashed: q.UseActivation}, nil
}

func promptWith(prompt string, responses []string) Request {
	return Request{Messages: []table.Message{{Role: "user", Content: prompt}}, Responses: responses}
}

func writeScore(v *Server, q *asked, ratings []Rating) any {
	rows := []any{}
	for i, score := range q.activated(ratings) {
		rows = append(rows, map[string]any{"index": i, "object": "score", "score": score})
	}
	return v.list(rows)
}

// readTEI reads texts, or pairs of one prompt with its responses.
func readTEI(body []byte) (*asked, error) {
	var q struct {
		Inputs [][]string `json:"inputs"`
	}
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	out := &asked{beginning: true}
	for _, t := range q.Inputs {
		switch {
		case len(t) == 1 && out.Responses == nil:
			out.Texts = append(out.Texts, t[0])
		case len(t) == 2 && out.Texts == nil && (out.Responses == nil || out.Messages[0].Content == t[0]):
			out.Request = promptWith(t[0], append(out.Responses, t[1]))
		default:
			return nil, web.BadRequest("inputs: want lists of one text, or of two: the same prompt each time and a response")
		}
	}
	return out, nil
}

func writeTEI(_ *Server, _ *asked, ratings []Rating) any {
	rows := [][]any{}
	for _, r := range ratings {
		rows = append(rows, []any{map[string]any{"score": r.Score, "label": "LABEL_0"}})
	}
	return rows
}

func readRank(body []byte) (*asked, error) {
	var q struct {
		Prompt     *string  `json:"prompt"`
		Messages   []turn   `json:"messages"`
		Candidates []string `json:"candidates"`
	}
	if err := parse(body, &q); err != nil {
		return nil, err
	}
	if (q.Prompt == nil) == (len(q.Messages) == 0) {
		return nil, web.BadRequest("want a prompt, or messages that end with the user's turn")
	}
	if q.Prompt != nil {
		return &asked{Request: promptWith(*q.Prompt, q.Candidates)}, nil
	}
	return &asked{Request: Request{Messages: messagesOf(q.Messages), Responses: q.Candidates}}, nil
}

// writeRank has ranks from 1 for the best; equal scores share the better rank.
// The matrix is of a model that compares.
func writeRank(v *Server, _ *asked, ratings []Rating) any {
	ranks := make([]int, len(ratings))
	var matrix [][]float64
	for i, r := range ratings {
		ranks[i] = 1
		for _, other := range ratings {
			ranks[i] += one(other.Score > r.Score)
		}
		if r.Pairwise != nil {
			matrix = append(matrix, r.Pairwise)
		}
	}
	return map[string]any{"scores": scoresOf(ratings), "ranks": ranks, "matrix": matrix, "attributes": v.attributes(ratings)}
}
