package openai

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"radpo/internal/chat"
	"radpo/internal/tokenizer"
	"radpo/internal/web"
	"radpo/internal/web/webtest"
)

// policyDir has a tokenizer and a chat template.
const policyDir = "../../cmd/radpo/testdata/folders/policy"

// A parrot answers sample k to a prompt with what says[k] is, token by token,
// and holds token i of anything to have the log-probability -i/8.
type parrot struct {
	tokens *tokenizer.Tokenizer
	says   []string
	stop   string // that ends a response where its request has it
	live   atomic.Int64
	asked  []Generation
	fail   error
	after  int // tokens, before it fails or waits for the end of the request
}

func (p *parrot) Load() Load { return Load{Running: int(p.live.Load()), Waiting: 2, Cache: 0.5} }

func (p *parrot) Generate(ctx context.Context, gs []Generation, sink func(int, Event)) error {
	p.live.Add(1)
	defer p.live.Add(-1)
	p.asked = gs
	for g, q := range gs {
		if q.Prompts && len(q.Prompt) > 1 {
			var tokens []Token
			for i, id := range q.Prompt[1:] {
				tokens = append(tokens, p.token(id, i, q.Top))
			}
			sink(g, Event{Prompt: tokens})
		}
		for k := range q.N {
			if q.MaxTokens == 0 {
				sink(g, Event{Sample: k, Finish: Length})
				continue
			}
			if err := p.say(ctx, g, k, q, sink); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *parrot) say(ctx context.Context, g, k int, q Generation, sink func(int, Event)) error {
	text := p.tokens.Stream()
	for i, id := range p.tokens.AppendIDs(nil, p.says[k%len(p.says)], true) {
		if i == p.after && p.after > 0 {
			if p.fail == nil {
				<-ctx.Done()
				return ctx.Err()
			}
			return p.fail
		}
		e := Event{Sample: k, Tokens: []Token{p.token(id, i, q.Top)}}
		switch {
		case slices.Contains(q.Stop, int(id)):
			e.Finish, e.Text = Stopped, text.Flush()
			if slices.Contains(q.StopStrings, p.stop) {
				e.Stop = p.stop
			}
		case i == q.MaxTokens-1:
			e.Finish, e.Text = Length, text.Push(id)+text.Flush()
		default:
			e.Text = text.Push(id)
		}
		sink(g, e)
		if e.Finish != "" {
			return nil
		}
	}
	return errors.New("the parrot has nothing more to say")
}

func (p *parrot) token(id int32, i, top int) Token {
	t := Token{ID: id, Logprob: -float32(i) / 8}
	for k := range top {
		t.Top = append(t.Top, Alternative{int32(k), -float32(k)})
	}
	return t
}

// served runs fn beside a server whose policy says what says are.
func served(t *testing.T, says []string, change func(*Policy), fn func(p *parrot, url string)) {
	t.Helper()
	tokens, err := tokenizer.Load(os.DirFS(policyDir))
	if err != nil {
		t.Fatal(err)
	}
	template, err := chat.Load(os.DirFS(policyDir))
	if err != nil {
		t.Fatal(err)
	}
	p := Policy{
		Name: "policy", Aliases: []string{"/models/policy"}, Window: 512, Vocabulary: 320, Tokens: tokens, Template: template,
		Stop: []int{319, 316}, Wording: chat.Goal{Wording: chat.Paper, Decimals: 1}, Low: 1, High: 10, Tokenizer: map[string]any{"eos_token": "<|eot_id|>"},
	}
	if change != nil {
		change(&p)
	}
	e := &parrot{tokens: tokens, says: says}
	f := web.NewFrame(16, "radpo serve")
	Serve(f, p, e)
	h := httptest.NewServer(f.Handler())
	defer h.Close()
	fn(e, h.URL)
}

// parsed is an answer as a client reads it.
type parsed struct {
	ID, Object, Model string
	Choices           []struct {
		Index    int
		Text     string
		Message  struct{ Role, Content string }
		Delta    struct{ Role, Content string }
		Logprobs *struct {
			Tokens  []string
			Token   []*float64           `json:"token_logprobs"`
			Top     []map[string]float64 `json:"top_logprobs"`
			Offset  []int                `json:"text_offset"`
			Content []struct {
				Token   string
				Logprob float64
				Bytes   []int
				Top     []struct {
					Token   string
					Logprob float64
				} `json:"top_logprobs"`
			}
		}
		Finish *string `json:"finish_reason"`
		IDs    []int32 `json:"token_ids"`
		Prompt []int32 `json:"prompt_token_ids"`
	}
	Usage  *usage
	Prompt []int32 `json:"prompt_token_ids"`
	Error  *struct {
		Message, Type string
		Param         *string
		Code          any
	}
}

func read(t *testing.T, status int, text string) parsed {
	t.Helper()
	var p parsed
	if err := json.Unmarshal([]byte(text), &p); err != nil || status != 200 {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	return p
}

// eventsOf are the events of a stream, which must end as one does.
func eventsOf(t *testing.T, status int, text string) []parsed {
	t.Helper()
	parts := strings.Split(strings.TrimSuffix(text, "\n\n"), "\n\n")
	if last := parts[len(parts)-1]; last != "data: [DONE]" {
		t.Fatalf("the last event is %q", last)
	}
	var out []parsed
	for _, part := range parts[:len(parts)-1] {
		data, ok := strings.CutPrefix(part, "data: ")
		if !ok {
			t.Fatalf("no event: %q", part)
		}
		out = append(out, read(t, status, data))
	}
	return out
}

const hello = `"messages":[{"role":"user","content":"hello"}]`

func TestChat(t *testing.T) {
	served(t, []string{"it is a fox.<|eot_id|>", "no naïve fox here, it is a long answer"}, nil, func(e *parrot, url string) {
		url += "/v1/chat/completions"
		got := read(t, 200, second(webtest.Ask(t, url, `{"model":"policy",`+hello+`,"n":2,"max_completion_tokens":20,"logprobs":true,"top_logprobs":2,"seed":7,"return_token_ids":true,"temperature":0.5,"stop":"###"}`)))
		if got.Object != "chat.completion" || got.Model != "policy" || !strings.HasPrefix(got.ID, "chatcmpl-") || len(got.Choices) != 2 {
			t.Fatalf("%+v", got)
		}
		first, cut := got.Choices[0], got.Choices[1]
		if first.Message.Role != "assistant" || first.Message.Content != "it is a fox." || *first.Finish != "stop" || first.Index != 0 {
			t.Errorf("%+v", first)
		}
		if *cut.Finish != "length" || len(cut.IDs) != 20 || !strings.HasPrefix("no naïve fox here, it is a long answer", cut.Message.Content) {
			t.Errorf("%+v", cut)
		}
		if last := first.IDs[len(first.IDs)-1]; last != 319 {
			t.Errorf("the last id is %d, want the stop token's", last)
		}
		l := first.Logprobs.Content
		if len(l) != len(first.IDs) || l[2].Logprob != -0.25 || len(l[2].Top) != 2 || l[0].Bytes == nil || l[1].Top[1].Logprob != -1 {
			t.Errorf("%+v", l)
		}
		want := usage{len(got.Prompt), len(first.IDs) + len(cut.IDs), len(got.Prompt) + len(first.IDs) + len(cut.IDs)}
		if *got.Usage != want {
			t.Errorf("usage %+v, want %+v", *got.Usage, want)
		}
		q := e.asked[0]
		if q.Seed != 7 || q.Temperature != 0.5 || q.MaxTokens != 20 || q.N != 2 || q.TopP != 1 || q.Top != 2 || !slices.Equal(q.StopStrings, []string{"###"}) || !slices.Equal(q.Stop, []int{319, 316}) {
			t.Errorf("the engine is asked %+v", q)
		}
		if !slices.Equal(q.Prompt, got.Prompt) {
			t.Errorf("prompt ids %v, asked %v", got.Prompt, q.Prompt)
		}
	})
}

// second is the text of an answer that must be one.
func second(status int, text string) string {
	if status != 200 {
		panic(fmt.Sprint(status, text))
	}
	return text
}

// TestStream: the events of a stream, put together, are the answer that is not
// streamed.
func TestStream(t *testing.T) {
	served(t, []string{"it is a naïve fox 🦊.<|eot_id|>", "no<|eot_id|>"}, nil, func(_ *parrot, url string) {
		for _, tt := range []struct{ path, body string }{
			{"/v1/chat/completions", hello + `,"n":2,"logprobs":true,"top_logprobs":1,"return_token_ids":true`},
			{"/v1/chat/completions", hello},
			{"/v1/completions", `"prompt":["a fox","b"],"max_tokens":40,"n":2,"logprobs":1,"echo":true,"return_token_ids":true`},
			{"/v1/completions", `"prompt":[1,2,3],"max_tokens":3`},
		} {
			body := `{"seed":1,` + tt.body
			whole := read(t, 200, second(webtest.Ask(t, url+tt.path, body+"}")))
			status, text := webtest.Ask(t, url+tt.path, body+`,"stream":true,"stream_options":{"include_usage":true}}`)
			events := eventsOf(t, status, text)
			last := events[len(events)-1]
			if strings.Count(text, `"usage":null`) != len(events)-1 {
				t.Errorf("%s: events before the last have no null for usage: %s", tt.body, text)
			}
			if len(last.Choices) != 0 || *last.Usage != *whole.Usage {
				t.Errorf("%s: the last event is %+v, want usage %+v", tt.body, last, whole.Usage)
			}
			for i, want := range whole.Choices {
				var content, role, finish string
				var ids, prompt []int32
				var tokens, logprobs int
				for _, e := range events[:len(events)-1] {
					if c := e.Choices[0]; c.Index == i {
						content, role, ids, prompt = content+c.Text+c.Delta.Content, role+c.Delta.Role, append(ids, c.IDs...), append(prompt, c.Prompt...)
						if c.Finish != nil {
							finish += *c.Finish
						}
						if c.Logprobs != nil {
							tokens, logprobs = tokens+len(c.Logprobs.Tokens), logprobs+len(c.Logprobs.Content)
						}
					}
					if e.ID != events[0].ID {
						t.Errorf("%s: ids %s and %s", tt.body, e.ID, events[0].ID)
					}
				}
				if content != want.Text+want.Message.Content || role != want.Message.Role || finish != *want.Finish || !slices.Equal(ids, want.IDs) || !slices.Equal(prompt, want.Prompt) {
					t.Errorf("%s: streamed %q %s %s %v %v, want %+v", tt.body, content, role, finish, ids, prompt, want)
				}
				if want.Logprobs != nil && (tokens != len(want.Logprobs.Tokens) || logprobs != len(want.Logprobs.Content)) {
					t.Errorf("%s: %d and %d log-probabilities, want %+v", tt.body, tokens, logprobs, want.Logprobs)
				}
			}
		}
	})
}

// TestSettings: each comes to the engine as it is meant.
func TestSettings(t *testing.T) {
	served(t, []string{"it is<|eot_id|>"}, nil, func(e *parrot, url string) {
		webtest.Ask(t, url+"/v1/completions", `{"prompt":[1],"max_tokens":9,"min_tokens":2,"logit_bias":{"7":-100,"319":2.5},"min_p":0.1,"top_k":4,"repetition_penalty":1.2,"ignore_eos":true,"stop_token_ids":[7]}`)
		got := e.asked[0]
		got.Seed = 0
		want := Generation{
			Prompt: []int32{1}, N: 1, MaxTokens: 9, MinTokens: 2, Bias: map[int32]float32{7: -100, 319: 2.5},
			Temperature: 1, TopP: 1, TopK: 4, MinP: 0.1, RepetitionPenalty: 1.2, Stop: []int{7},
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("asked %+v, want %+v", got, want)
		}
	})
}

// TestStopReason is vLLM's: what the request named that ended a response.
func TestStopReason(t *testing.T) {
	served(t, []string{"a fox<|eot_id|>"}, nil, func(e *parrot, url string) {
		e.stop = "###"
		for _, tt := range []struct{ body, want string }{
			{`"max_tokens":2`, `"finish_reason":"length","stop_reason":null`},
			{`"max_tokens":9`, `"finish_reason":"stop","stop_reason":null`}, // the model's own end
			{`"max_tokens":9,"stop_token_ids":[319]`, `"finish_reason":"stop","stop_reason":319`},
			{`"max_tokens":9,"stop":"###"`, `"finish_reason":"stop","stop_reason":"###"`},
		} {
			for _, stream := range []string{"", `,"stream":true`} {
				if got := second(webtest.Ask(t, url+"/v1/completions", `{"prompt":[1],`+tt.body+stream+`}`)); !strings.Contains(got, tt.want) {
					t.Errorf("%s%s: %s, want %s", tt.body, stream, got, tt.want)
				}
			}
		}
	})
}

// TestEcho: what lm-eval-harness reads of a prompt.
func TestEcho(t *testing.T) {
	served(t, []string{"x<|eot_id|>"}, nil, func(e *parrot, url string) {
		url += "/v1/completions"
		const body = `{"prompt":[[54,3,9,20],[5,6]],"temperature":0,"logprobs":1,"seed":1234,"echo":true,"max_tokens":`
		for limit := range 2 {
			got := read(t, 200, second(webtest.Ask(t, url, fmt.Sprint(body, limit, "}"))))
			if len(got.Choices) != 2 {
				t.Fatalf("%+v", got)
			}
			for i, ids := range [][]int32{{54, 3, 9, 20}, {5, 6}} {
				l := got.Choices[i].Logprobs
				if n := len(ids) + limit; len(l.Token) != n || len(l.Top) != n || len(l.Tokens) != n || len(l.Offset) != n {
					t.Fatalf("limit %d: %+v", limit, l)
				}
				if l.Token[0] != nil || l.Top[0] != nil || *l.Token[1] != 0 {
					t.Errorf("%+v", l)
				}
				if own := e.tokens.Piece(ids[1]); l.Top[1][own] != *l.Token[1] || len(l.Top[1]) != 2 {
					t.Errorf("the token itself is not among %v", l.Top[1])
				}
				if text := e.tokens.Decode(ids, false); !strings.HasPrefix(got.Choices[i].Text, text) {
					t.Errorf("%q does not begin with %q", got.Choices[i].Text, text)
				}
			}
		}
		single := read(t, 200, second(webtest.Ask(t, url, `{"prompt":[54],"echo":true,"max_tokens":1,"logprobs":1}`)))
		if l := single.Choices[0].Logprobs; single.Choices[0].Text != "Wx" || len(l.Token) != 2 || l.Token[0] != nil || l.Token[1] == nil {
			t.Errorf("a prompt of one token: %+v", single)
		}
		got := read(t, 200, second(webtest.Ask(t, url, `{"prompt":"W<|eot_id|>","echo":true,"max_tokens":0}`)))
		if c := got.Choices[0]; c.Text != "W<|eot_id|>" || *c.Finish != "length" || *got.Usage != (usage{2, 0, 2}) {
			t.Errorf("%+v", got)
		}
		got = read(t, 200, second(webtest.Ask(t, url, `{"prompt":"W","max_tokens":1,"return_token_ids":true}`)))
		if c := got.Choices[0]; !slices.Equal(c.Prompt, []int32{315, 54}) || c.Text != "x" {
			t.Errorf("a text gets the tokenizer's own tokens: %+v", got)
		}
		got = read(t, 200, second(webtest.Ask(t, url, `{"prompt":[5,6,7],"max_tokens":1,"logprobs":3,"return_tokens_as_token_ids":true}`)))
		if l := got.Choices[0].Logprobs; l.Tokens[0] != "token_id:87" || l.Top[0]["token_id:2"] != -2 {
			t.Errorf("%+v", l)
		}
	})
}

// TestGoal: a goal in the request is in the prompt as training had it.
func TestGoal(t *testing.T) {
	three := func(p *Policy) { p.Wording.Names = []string{"honesty", "helpfulness"} }
	preset := func(p *Policy) { p.Goal = []float64{9} }
	for _, tt := range []struct {
		name, goal string
		change     func(*Policy)
		want       []float64
	}{
		{"none", "null", nil, nil}, {"number", "10", nil, []float64{10}}, {"fraction", "7.25", nil, []float64{7.25}}, {"list", "[3]", nil, []float64{3}},
		{"object", `{"score":4}`, nil, []float64{4}}, {"same for all", "8", three, []float64{8, 8}}, {"one each", "[1,2]", three, []float64{1, 2}},
		{"by name", `{"helpfulness":9,"honesty":3}`, three, []float64{3, 9}}, {"preset", "null", preset, []float64{9}}, {"over the preset", "2", preset, []float64{2}},
	} {
		served(t, []string{"x<|eot_id|>"}, tt.change, func(e *parrot, url string) {
			webtest.Ask(t, url+"/v1/chat/completions", `{"goal":`+tt.goal+`,`+hello+`}`)
			template, err := chat.Load(os.DirFS(policyDir))
			if err != nil {
				t.Fatal(err)
			}
			wording := chat.Goal{Wording: chat.Paper, Decimals: 1}
			if len(tt.want) == 2 {
				wording.Names = []string{"honesty", "helpfulness"}
			}
			p := chat.Prompter{Template: template, Tokens: e.tokens, Goal: wording}
			_, want, err := p.Prompt([]chat.Message{{Role: "user", Content: "hello"}}, tt.want)
			if err != nil || len(e.asked) != 1 || !slices.Equal(e.asked[0].Prompt, want) {
				t.Errorf("%s: asked %+v, want %v %v", tt.name, e.asked, want, err)
			}
		})
	}
}

// TestRefuses: each wrong request has its status, its words and the member at
// fault, and no other comes to the engine.
func TestRefuses(t *testing.T) {
	served(t, []string{"x<|eot_id|>"}, nil, func(e *parrot, url string) {
		const text, talk = "/v1/completions", "/v1/chat/completions"
		long := `"` + strings.Repeat("a b c ", 300) + `"`
		for _, tt := range []struct {
			name, path, body string
			status           int
			param, want      string
		}{
			{"no JSON", talk, "{", 400, "", "no JSON object of a request"},
			{"a list", talk, "[]", 400, "", "no JSON object of a request"},
			{"deep", talk, `{"messages":` + strings.Repeat("[", 100000), 400, "", "no JSON object of a request"},
			{"another model", talk, `{"model":"gpt-4",` + hello + `}`, 404, "model", "The model `gpt-4` does not exist"},
			{"another model before all else", text, `{"model":"gpt-4"}`, 404, "model", "does not exist"},
			{"no messages", talk, `{}`, 400, "messages", "at least one"},
			{"messages of another kind", talk, `{"messages":"hello"}`, 400, "messages", "wrong type"},
			{"role", talk, `{"messages":[{"role":"boss","content":"x"}]}`, 400, "messages", "is none of system"},
			{"image", talk, `{"messages":[{"role":"user","content":[{"type":"image_url"}]}]}`, 400, "messages", "not supported"},
			{"too long", talk, `{"messages":[{"role":"user","content":` + long + `}]}`, 400, "messages", "This model's maximum context length is 512 tokens. However, you requested"},
			{"too much", talk, `{` + hello + `,"max_tokens":512}`, 400, "messages", "Please reduce the length of the messages or completion."},
			{"huge", text, `{"prompt":[1],"max_tokens":9223372036854775807}`, 400, "prompt", "(1 in the prompt, 9223372036854775807 in the completion)"},
			{"a full window", text, `{"prompt":[1],"max_tokens":512}`, 400, "prompt", "you requested 513 tokens"},
			{"no tokens to say", talk, `{` + hello + `,"max_tokens":0}`, 400, "max_tokens", "1 or more"},
			{"fewer than none", text, `{"prompt":[1],"max_tokens":-1}`, 400, "max_tokens", "0 or more"},
			{"n", text, `{"prompt":[1],"n":0}`, 400, "n", "1 to 128"},
			{"n of text", text, `{"prompt":[1],"n":"2"}`, 400, "n", "wrong type"},
			{"too many", text, `{"prompt":[` + strings.Repeat("[1],", 99) + `[1]],"n":128}`, 400, "n", "more than 4096"},
			{"too many alternatives", text, `{"prompt":[` + strings.Repeat("[1],", 31) + `[1]],"n":128,"max_tokens":500,"logprobs":20}`, 400, "logprobs", "20 alternatives of each of up to 2048000 tokens"},
			{"temperature", text, `{"prompt":[1],"temperature":-1}`, 400, "temperature", "0 to 100"},
			{"top_p", text, `{"prompt":[1],"top_p":0}`, 400, "top_p", "above 0"},
			{"top_k", text, `{"prompt":[1],"top_k":-2}`, 400, "top_k", "-1 or 0"},
			{"min_p", text, `{"prompt":[1],"min_p":2}`, 400, "min_p", "0 to 1"},
			{"penalty", text, `{"prompt":[1],"repetition_penalty":0}`, 400, "repetition_penalty", "above 0"},
			{"empty stop", text, `{"prompt":[1],"stop":["a",""]}`, 400, "stop", "not empty"},
			{"stop of numbers", text, `{"prompt":[1],"stop":[1]}`, 400, "stop", "wrong type"},
			{"stop id", text, `{"prompt":[1],"stop_token_ids":[320]}`, 400, "stop_token_ids", "ids of the model"},
			{"logprobs", text, `{"prompt":[1],"logprobs":21}`, 400, "logprobs", "0 to 20"},
			{"top_logprobs", talk, `{` + hello + `,"logprobs":true,"top_logprobs":21}`, 400, "top_logprobs", "0 to 20"},
			{"top_logprobs alone", talk, `{` + hello + `,"top_logprobs":2}`, 400, "top_logprobs", "logprobs: true"},
			{"no prompt", text, `{}`, 400, "prompt", "missing"},
			{"empty list", text, `{"prompt":[]}`, 400, "prompt", "0 prompts"},
			{"null among ids", text, `{"prompt":[1,null]}`, 400, "prompt", "want a text"},
			{"null among lists", text, `{"prompt":[[1],null]}`, 400, "prompt", "want a text"},
			{"null among texts", text, `{"prompt":["a",null]}`, 400, "prompt", "want a text"},
			{"no content", talk, `{"messages":[{"role":"user"}]}`, 400, "messages", "message 0: its content is missing"},
			{"null as content", talk, `{"messages":[{"role":"user","content":null}]}`, 400, "messages", "message 0: its content is missing"},
			{"empty text", text, `{"prompt":"","add_special_tokens":false}`, 400, "prompt", "has no tokens"},
			{"empty ids", text, `{"prompt":[[1],[]]}`, 400, "prompt", "prompt 1 has no tokens"},
			{"mixed", text, `{"prompt":[1,"a"]}`, 400, "prompt", "want a text"},
			{"null id", text, `{"prompt":[1,1.5]}`, 400, "prompt", "want a text"},
			{"unknown id", text, `{"prompt":[1,320]}`, 400, "prompt", "prompt 0: element 1: the model has no token 320"},
			{"negative id", text, `{"prompt":[[-1]]}`, 400, "prompt", "no token -1"},
			{"goal of a completion", text, `{"prompt":[1],"goal":10}`, 400, "goal", "use /v1/chat/completions"},
			{"goal of text", talk, `{` + hello + `,"goal":"10"}`, 400, "goal", "want a number"},
			{"two goals", talk, `{` + hello + `,"goal":[1,2]}`, 400, "goal", "want 1 numbers, got 2"},
			{"goal off the scale", talk, `{` + hello + `,"goal":99}`, 400, "goal", "99 is off the scale of scores: want 1 to 10"},
			{"goal below the scale, by name", talk, `{` + hello + `,"goal":{"score":0.99}}`, 400, "goal", "off the scale"},
			{"goal of another name", talk, `{` + hello + `,"goal":{"beauty":2}}`, 400, "goal", "a number for each of score"},
			{"infinite goal", talk, `{` + hello + `,"goal":1e999}`, 400, "goal", "want a number"},
			{"presence", talk, `{` + hello + `,"presence_penalty":0.5}`, 400, "presence_penalty", "does not support"},
			{"best of", text, `{"prompt":[1],"best_of":2}`, 400, "best_of", "as many as n"},
			{"minimum", text, `{"prompt":[1],"min_tokens":17}`, 400, "min_tokens", "0 to the limit of 16"},
			{"bias of text", text, `{"prompt":[1],"logit_bias":{"fox":1}}`, 400, "logit_bias", "\"fox\" is no token"},
			{"bias of one token twice", text, `{"prompt":[1],"logit_bias":{"7":1,"07":2}}`, 400, "logit_bias", "\"07\" is no token"},
			{"bias of a stranger", text, `{"prompt":[1],"logit_bias":{"320":1}}`, 400, "logit_bias", "ids below 320"},
			{"bias too large", talk, `{` + hello + `,"logit_bias":{"3":100.5}}`, 400, "logit_bias", "-100 to 100"},
			{"list of biases", talk, `{` + hello + `,"logit_bias":[1]}`, 400, "logit_bias", "wrong type"},
			{"usage of no stream", talk, `{` + hello + `,"stream_options":{"include_usage":true}}`, 400, "stream_options", "stream: true"},
			{"echo of a chat", talk, `{` + hello + `,"echo":true}`, 400, "echo", "/v1/completions"},
			{"grammar", text, `{"prompt":[1],"guided_regex":"a+"}`, 400, "guided_regex", "does not support"},
			{"special tokens as text", text, `{"prompt":[1],"skip_special_tokens":false}`, 400, "skip_special_tokens", "does not support"},
			{"audio", talk, `{` + hello + `,"modalities":["text","audio"]}`, 400, "modalities", "does not support"},
			{"tools", talk, `{` + hello + `,"tools":[{}]}`, 400, "tools", "does not support"},
			{"format", talk, `{` + hello + `,"response_format":{"type":"json_object"}}`, 400, "response_format", "does not support"},
			{"tokenize nothing", "/tokenize", `{}`, 400, "", "one of prompt and messages"},
			{"detokenize", "/detokenize", `{"tokens":[400]}`, 400, "tokens", "no token 400"},
		} {
			status, got := webtest.Ask(t, url+tt.path, tt.body)
			var p parsed
			if err := json.Unmarshal([]byte(got), &p); err != nil || p.Error == nil {
				t.Errorf("%s: %d %s: %v", tt.name, status, got, err)
				continue
			}
			if status != tt.status || !strings.Contains(p.Error.Message, tt.want) || or(p.Error.Param, "") != tt.param || p.Error.Type != "invalid_request_error" {
				t.Errorf("%s: %d %.400s, want %d %q %s", tt.name, status, got, tt.status, tt.param, tt.want)
			}
			if e.asked != nil {
				t.Fatalf("%s: the engine is asked", tt.name)
			}
		}
		// What changes nothing is taken.
		for _, body := range []string{
			`"presence_penalty":0,"best_of":1,"n":1,"response_format":{"type":"text"},"tools":[],"logit_bias":{},"user":"me","unknown":{"a":1}`,
			`"store":true,"metadata":{"a":"b"},"service_tier":"auto","modalities":["text"],"length_penalty":1,"guided_json":null,"tool_choice":"none","stream_options":null`,
			`"model":"/models/policy","stop":null,"seed":null,"top_k":-1,"max_tokens":null,"goal":null`, `"model":""`,
		} {
			read(t, 200, second(webtest.Ask(t, url+talk, `{`+hello+`,`+body+`}`)))
		}
		read(t, 200, second(webtest.Ask(t, url+talk, `{"messages":[{"role":"developer","content":"be brief"},{"role":"user","content":[{"type":"text","text":"hello"}]}]}`)))
	})
	served(t, []string{"x"}, func(p *Policy) { p.Template = nil }, func(_ *parrot, url string) {
		if status, text := webtest.Ask(t, url+"/v1/chat/completions", `{`+hello+`}`); status != 400 || !strings.Contains(text, "no chat template") {
			t.Errorf("%d %s", status, text)
		}
	})
}

// TestEngineFails: before the first token that is an answer, behind it an event.
func TestEngineFails(t *testing.T) {
	for _, tt := range []struct {
		fail   error
		status int
	}{{ErrClosed, 503}, {ErrFull, 429}, {errors.New("no memory"), 500}, {&web.Error{Status: 400, Err: errors.New("too long")}, 400}} {
		served(t, []string{"x y z<|eot_id|>"}, nil, func(e *parrot, url string) {
			e.fail, e.after = tt.fail, 2
			status, text := webtest.Ask(t, url+"/v1/chat/completions", `{`+hello+`}`)
			if status != tt.status || !strings.Contains(text, tt.fail.Error()) {
				t.Errorf("%v: %d %s", tt.fail, status, text)
			}
			status, text = webtest.Ask(t, url+"/v1/completions", `{"prompt":[1],"stream":true}`)
			if status != 200 || !strings.Contains(text, `data: {"error":{`) || strings.Contains(text, "[DONE]") {
				t.Errorf("%v, streamed: %d %s", tt.fail, status, text)
			}
		})
	}
}

// TestClientGone: the engine hears of it, streamed or not.
func TestClientGone(t *testing.T) {
	for _, body := range []string{`{"prompt":[1]}`, `{"prompt":[1],"stream":true}`} {
		served(t, []string{"x y z<|eot_id|>"}, nil, func(e *parrot, url string) {
			e.after = 2
			ctx, leave := context.WithCancel(t.Context())
			q, _ := http.NewRequestWithContext(ctx, "POST", url+"/v1/completions", strings.NewReader(body))
			go func() {
				for e.live.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				leave()
			}()
			if r, err := http.DefaultClient.Do(q); err == nil {
				io.ReadAll(r.Body)
				r.Body.Close()
			}
			for begun := time.Now(); e.live.Load() > 0; time.Sleep(time.Millisecond) {
				if time.Since(begun) > 5*time.Second {
					t.Fatalf("%s: the engine goes on", body)
				}
			}
		})
	}
}

func TestTokens(t *testing.T) {
	served(t, []string{"x"}, nil, func(e *parrot, url string) {
		for _, tt := range []struct{ path, body, want string }{
			{"/tokenize", `{"prompt":"W<|eot_id|>"}`, `{"count":3,"max_model_len":512,"tokens":[315,54,319]}`},
			{"/tokenize", `{"prompt":"W","add_special_tokens":false,"model":"policy"}`, `{"count":1,"max_model_len":512,"tokens":[54]}`},
			{"/tokenize", `{"prompt":"","add_special_tokens":false}`, `{"count":0,"max_model_len":512,"tokens":[]}`},
			{"/tokenize", `{"prompt":"W","return_token_strs":true}`, `{"count":2,"max_model_len":512,"token_strs":["<|begin_of_text|>","W"],"tokens":[315,54]}`},
			{"/detokenize", `{"tokens":[315,54,319]}`, `{"prompt":"<|begin_of_text|>W<|eot_id|>"}`},
			{"/detokenize", `{"tokens":[]}`, `{"prompt":""}`},
		} {
			if status, got := webtest.Ask(t, url+tt.path, tt.body); status != 200 || strings.TrimSpace(got) != strings.NewReplacer("<", `\u003c`, ">", `\u003e`).Replace(tt.want) {
				t.Errorf("%s: %d %s, want %s", tt.body, status, got, tt.want)
			}
		}
		var whole, open struct{ Tokens []int32 }
		json.Unmarshal([]byte(second(webtest.Ask(t, url+"/tokenize", `{`+hello+`}`))), &whole)
		json.Unmarshal([]byte(second(webtest.Ask(t, url+"/tokenize", `{`+hello+`,"add_generation_prompt":false}`))), &open)
		if len(open.Tokens) == 0 || len(whole.Tokens) <= len(open.Tokens) || !slices.Equal(whole.Tokens[:len(open.Tokens)], open.Tokens) {
			t.Errorf("%v and %v", whole, open)
		}
		for path, want := range map[string]string{"/v1/models": `"id":"policy"`, "/v1/models/": `"object":"list"`, "/v1/models/policy": `"max_model_len":512,"object":"model"`,
			"/v1/models/gpt-4": `"code":"model_not_found"`, "/tokenizer_info": `"eos_token":`, "/metrics": "radpo_responses_waiting 2\n", "/health": `"ok"`} {
			r, err := http.Get(url + path)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(r.Body)
			r.Body.Close()
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: %s, want %s", path, text, want)
			}
		}
	})
}

// TestFinite: JSON has no infinity.
func TestFinite(t *testing.T) {
	for x, want := range map[float32]float64{-1.5: -1.5, float32(math.Inf(-1)): least, -1e9: least} {
		if got := finite(x); got != want {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
	}
}

// FuzzRequests sends what strangers may send.
func FuzzRequests(f *testing.F) {
	for _, seed := range []string{
		`{"prompt":[[1,2]],"logprobs":1,"echo":true}`, `{"prompt":["a"],"stream":true,"n":2}`, `{` + hello + `,"goal":{"score":1}}`,
		`{"messages":[{"role":"user","content":[{"type":"text","text":"<|eot_id|>"}]}],"logprobs":true}`, `{"tokens":[1]}`, `{"prompt":"a","return_token_strs":true}`,
	} {
		f.Add([]byte(seed))
	}
	tokens, err := tokenizer.Load(os.DirFS(policyDir))
	if err != nil {
		f.Fatal(err)
	}
	template, err := chat.Load(os.DirFS(policyDir))
	if err != nil {
		f.Fatal(err)
	}
	frame := web.NewFrame(16, "radpo serve")
	Serve(frame, Policy{Name: "p", Window: 64, Vocabulary: 320, Tokens: tokens, Template: template}, &parrot{tokens: tokens, says: []string{"x<|eot_id|>"}})
	h := frame.Handler()
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, path := range []string{"/v1/completions", "/v1/chat/completions", "/tokenize", "/detokenize"} {
			w := httptest.NewRecorder()
			h.ServeHTTP(w, httptest.NewRequest("POST", path, strings.NewReader(string(body))))
			if w.Code == 500 && !strings.Contains(w.Body.String(), "nothing more to say") {
				t.Errorf("%s %q: %d %s", path, body, w.Code, w.Body)
			}
		}
	})
}
