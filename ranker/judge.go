package ranker

import (
	"context"
	"errors"
	"fmt"
	"math"

	"radpo/configs"
	"radpo/internal/remote"
	"radpo/internal/torch"
)

// A judge is a language model that is asked about responses, through the chat
// completions that OpenAI's API and many others have.
//
//	score     its rating of a response, 1 to 10
//	weighted  the mean of its ratings, 1 to 9, by their probabilities
//	pairwise  the share of games that a response wins against the others; a
//	          pair plays two games, one in each order, and a tie is half a win
//
// An answer without a verdict is asked for once more. After that it is counted,
// and a game is a tie, while a response has no score: see ranker.non_finite.
type judge struct {
	client *remote.Client
	model  string
	c      configs.Judge
	strict bool // a response without a rating is an error
	ask    question
	read   verdict
}

// chatPath is where OpenAI's API and its relatives take conversations.
const chatPath = "/v1/chat/completions"

// openJudge takes c.Judge.Prompt as the question's text, not its file.
func openJudge(c configs.Ranker) (Ranker, error) {
	client, err := dial(c.Remote, chatPath)
	if err != nil {
		return nil, err
	}
	j := &judge{client: client, model: c.Remote.Model, c: c.Judge, strict: c.NonFinite != "drop", ask: questions[c.Judge.Method]}
	j.read = map[string]verdict{"score": stated, "weighted": expected, "pairwise": preferred}[c.Judge.Method]
	if j.read == nil {
		return nil, fmt.Errorf("ranker.judge.method %q is none of score, weighted, pairwise", c.Judge.Method)
	}
	if c.Judge.Prompt != "" {
		j.ask = question{user: c.Judge.Prompt}
	}
	return j, CheckQuestion(c.Judge.Method, j.ask.user)
}

func (j *judge) Names() []string { return nil }

// A chatRequest asks for one reply.
type chatRequest struct {
	Model       string  `json:"model"`
	Messages    []turn  `json:"messages"`
	Temperature float64 `json:"temperature"`
	MaxTokens   int     `json:"max_tokens"`
	Seed        int     `json:"seed"`
	Logprobs    bool    `json:"logprobs,omitempty"`
	TopLogprobs int     `json:"top_logprobs,omitempty"`
}

// A chatAnswer is what of a completion matters here.
type chatAnswer struct {
	Choices []choice `json:"choices"`
}

type choice struct {
	Message struct {
		Content string `json:"content"` // null where there is none
		Refusal string `json:"refusal"`
	} `json:"message"`
	Finish   string    `json:"finish_reason"`
	Logprobs *logprobs `json:"logprobs"`
}

type logprobs struct {
	Content []struct {
		Top []likely `json:"top_logprobs"`
	} `json:"content"`
}

type likely struct {
	Token   string  `json:"token"`
	Logprob float64 `json:"logprob"` // nats
}

// first is what could have stood as the first token, with its probability.
func (l *logprobs) first() []likely {
	if l == nil || len(l.Content) == 0 {
		return nil
	}
	return l.Content[0].Top
}

// opinion asks for a verdict, and once more with another seed and some
// temperature where there is none.
func (j *judge) opinion(ctx context.Context, asked []turn) (value float64, ok bool, err error) {
	weighted := j.c.Method == "weighted"
	r := chatRequest{Model: j.model, Messages: asked, Temperature: j.c.Temperature, MaxTokens: j.c.MaxTokens}
	if weighted {
		r.MaxTokens, r.Logprobs, r.TopLogprobs = 1, true, 20
	}
	var a chatAnswer
	for r.Seed = range 2 {
		a, err = remote.Post(ctx, j.client, r, func(a chatAnswer) error {
			switch {
			case len(a.Choices) == 0:
				return errors.New("has no choices")
			case weighted && len(a.Choices[0].Logprobs.first()) == 0:
				return errors.New("has no log-probabilities, which ranker.judge.method weighted reads")
			}
			return nil
		})
		if err != nil {
			return 0, false, err
		}
		if value, ok = j.read(a.Choices[0]); ok {
			return value, true, nil
		}
		r.Temperature = max(r.Temperature, 1)
	}
	if j.strict && j.c.Method != "pairwise" {
		return 0, false, fmt.Errorf("the judge gives no rating, also when asked again, but %.300q: ranker.non_finite=drop leaves such responses out and counts them",
			a.Choices[0].Message.Content)
	}
	return math.NaN(), false, nil
}

// A matter is what a judge is asked at once: a response, or a pair in an order.
type matter struct {
	request      int
	first, other int // of the request's different responses
	value        float64
	ok           bool
}

// Rank implements Ranker.
func (j *judge) Rank(ctx context.Context, _ *torch.Scope, requests []Request) ([][]Rating, error) {
	requests, err := checked(requests)
	if err != nil {
		return nil, err
	}
	matters := make([][]matter, len(requests))
	var all []*matter
	which := make([][]int, len(requests))
	texts := make([][]string, len(requests))
	for i, q := range requests {
		texts[i], which[i] = distinct(q.Responses)
		matters[i] = j.matters(i, len(texts[i]))
		for k := range matters[i] {
			all = append(all, &matters[i][k])
		}
	}
	err = j.client.Each(ctx, len(all), func(ctx context.Context, i int) (err error) {
		m := all[i]
		q, responses := requests[m.request], texts[m.request]
		m.value, m.ok, err = j.opinion(ctx, j.ask.fill("{question}", transcript(q.Messages),
			"{answer}", responses[m.first], "{answer_a}", responses[m.first], "{answer_b}", responses[m.other]))
		if err != nil {
			err = fmt.Errorf("%s: %w", q.Name, err)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	out := make([][]Rating, len(requests))
	for i := range requests {
		out[i] = j.rate(matters[i], which[i], len(texts[i]))
	}
	return out, nil
}

// matters are what n different responses take.
func (j *judge) matters(request, n int) []matter {
	var out []matter
	for a := range n {
		if j.c.Method != "pairwise" {
			out = append(out, matter{request: request, first: a, other: a})
			continue
		}
		for b := range n {
			if a != b {
				out = append(out, matter{request: request, first: a, other: b})
			}
		}
	}
	return out
}

// rate makes ratings of what was found out on n different responses; which says
// of each response which of these it is.
func (j *judge) rate(matters []matter, which []int, n int) []Rating {
	different, m := make([]Rating, n), matrix(nil)
	if j.c.Method == "pairwise" {
		different, m = tournament(matters, n)
		m = m.expand(which)
	} else {
		for _, x := range matters {
			different[x.first] = Rating{Score: x.value, Judged: Judged{Answers: 1, Unparsed: one(!x.ok)}}
		}
	}
	out := make([]Rating, len(which))
	for i, k := range which {
		out[i] = different[k]
		different[k].Judged = Judged{} // counted with the first of equal responses
		if m != nil {
			out[i].Pairwise = m[i]
		}
	}
	return out
}

// tournament scores n responses by the share of their games that they won; a
// half without an opponent. The matrix holds 1 for a win, −1 for a loss and 0
// for a tie, also where there was no verdict.
func tournament(games []matter, n int) ([]Rating, matrix) {
	out, m := make([]Rating, n), newMatrix(n)
	for _, g := range games {
		if out[g.first].Judged.Answers++; !g.ok {
			out[g.first].Judged.Unparsed++
			continue
		}
		m[g.first][g.other] = 2*g.value - 1
	}
	for i := range n {
		won := 0.0
		for j := range n {
			won += (m[i][j] - m[j][i]) / 2
		}
		out[i].Score = (1 + won/float64(max(1, n-1))) / 2
	}
	return out, m
}
