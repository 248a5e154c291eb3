package sampler_test

import (
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"radpo/internal/hf"
	"radpo/internal/tokenizer"
)

// A server stands in for one of an inference engine: what it draws is a
// function of prompt, seed and the number of the response.
type server struct {
	*httptest.Server
	kind   string // completions, sglang, llama-cpp, text, chat
	weight uint64 // log-probabilities depend on it
	words  *tokenizer.Tokenizer
	eot    int32
	fault  func(w http.ResponseWriter, r *http.Request, answer []byte) bool // instead of the answer
	change func(answer map[string]any)                                      // of the answer
	// control takes what is no request for responses, as path and body.
	control  func(w http.ResponseWriter, step string) bool
	tempered bool // log-probabilities are of the drawn distribution

	mu       sync.Mutex
	answered map[string]int // by request
	under    atomic.Int64
	peak     atomic.Int64
}

func serve(t *testing.T, kind string) *server {
	t.Helper()
	f, err := hf.Open(policy)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := &server{kind: kind, answered: map[string]int{}}
	if s.words, err = tokenizer.Load(f.FS()); err != nil {
		t.Fatal(err)
	}
	s.eot, _ = s.words.ID("<|eot_id|>")
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

// A wish is any protocol's request.
type wish struct {
	Model    string           `json:"model"`
	Prompt   json.RawMessage  `json:"prompt"`
	Content  string           `json:"content"`
	InputIDs [][]int32        `json:"input_ids"`
	Params   []map[string]any `json:"sampling_params"`
	Messages []map[string]any `json:"messages"`
	N        int              `json:"n"`
	Seed     uint64           `json:"seed"`
	TopP     float64          `json:"top_p"`
	Max      int              `json:"max_tokens"`
	Predict  int              `json:"n_predict"`
	Stop     []string         `json:"stop"`
}

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.peak.Store(max(s.peak.Load(), s.under.Add(1)))
	defer s.under.Add(-1)
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	var q wish
	if len(body) > 0 && json.Unmarshal(body, &q) != nil {
		http.Error(w, "cannot read", 400)
		return
	}
	if s.control != nil && s.control(w, r.URL.RequestURI()+" "+string(body)) {
		return
	}
	a := s.reply(r.URL.Path, q)
	if a == nil {
		http.Error(w, "no such path", 404)
		return
	}
	if m, ok := a.(map[string]any); ok && s.change != nil {
		s.change(m)
	}
	text, err := json.Marshal(a)
	if err != nil {
		panic(err)
	}
	if s.fault != nil && s.fault(w, r, text) {
		return
	}
	s.mu.Lock()
	s.answered[r.URL.Path+string(body)]++
	s.mu.Unlock()
	w.Write(text)
}

func (s *server) reply(path string, q wish) any {
	switch {
	case path == "/v1/models":
		return map[string]any{"data": []any{map[string]any{"id": "policy"}}}
	case path == "/tokenize":
		var text string
		if json.Unmarshal(q.Prompt, &text) != nil {
			return nil
		}
		return map[string]any{"tokens": s.words.AppendIDs(nil, text, true)}
	case path == "/v1/completions" && (s.kind == "completions" || s.kind == "text"):
		return s.completions(q)
	case path == "/generate" && s.kind == "sglang":
		return s.sglang(q)
	case path == "/completion" && s.kind == "llama-cpp":
		return s.llama(q)
	case path == "/v1/chat/completions" && s.kind == "chat":
		return s.chat(q)
	}
	return nil
}

// draw is a response: some ids, at most most, and the log-probability of each.
func (s *server) draw(prompt any, seed uint64, k, most int) (ids []int32, logprobs []float64) {
	h := fnv.New64a()
	fmt.Fprint(h, prompt)
	rng := rand.New(rand.NewPCG(h.Sum64(), seed+uint64(k)))
	for len(ids) < most {
		id := int32(300 + rng.IntN(100))
		if rng.IntN(5) == 0 {
			id = s.eot
		}
		ids = append(ids, id)
		logprobs = append(logprobs, -rng.Float64()-float64(s.weight))
		if id == s.eot {
			break
		}
	}
	return ids, logprobs
}

// ends cuts ids behind the first that completes a stop string. The text ends
// before that.
func (s *server) ends(ids []int32, stops []string) (int, string, any) {
	for n := range ids {
		text := s.words.Decode(ids[:n+1], true)
		for _, stop := range stops {
			if at := strings.Index(text, stop); at >= 0 {
				return n + 1, text[:at], stop
			}
		}
	}
	return len(ids), s.words.Decode(ids, true), nil
}

func (s *server) finish(ids []int32) string {
	if ids[len(ids)-1] == s.eot {
		return "stop"
	}
	return "length"
}

func (s *server) prompt(q wish) (ids []int32) {
	if json.Unmarshal(q.Prompt, &ids) != nil {
		return nil
	}
	return ids
}

func (s *server) completions(q wish) any {
	var choices []any
	prompt := s.prompt(q)
	for k := range q.N {
		if q.TopP < 1e-3 {
			k = 0 // nothing is left to chance
		}
		ids, logprobs := s.draw(prompt, q.Seed, k, q.Max)
		for i := range logprobs {
			if s.tempered && q.TopP < 1e-3 {
				logprobs[i] = 0
			}
		}
		n, text, stop := s.ends(ids, q.Stop)
		ids, logprobs = ids[:n], logprobs[:n]
		c := map[string]any{"index": len(choices), "text": text, "finish_reason": s.finish(ids), "stop_reason": stop}
		if stop != nil {
			c["finish_reason"] = "stop"
		}
		if s.kind == "completions" {
			c["token_ids"], c["prompt_token_ids"] = ids, prompt
			c["logprobs"] = map[string]any{"tokens": []string{}, "token_logprobs": logprobs}
		} else {
			c["text"] = "x" + c["text"].(string)
		}
		choices = append(choices, c)
	}
	slices.Reverse(choices) // their index says which is which
	return map[string]any{"model": q.Model, "choices": choices}
}

func (s *server) sglang(q wish) any {
	var list []any
	for k, p := range q.Params {
		ids, logprobs := s.draw(q.InputIDs[k], uint64(p["sampling_seed"].(float64)), 0, int(p["max_new_tokens"].(float64)))
		var entries [][]any
		for i := range ids {
			entries = append(entries, []any{logprobs[i], ids[i], nil})
		}
		var stops []string
		if some, ok := p["stop"].([]any); ok {
			stops = []string{some[0].(string)}
		}
		n, text, stop := s.ends(ids, stops)
		end := map[string]any{"type": s.finish(ids[:n])}
		if stop != nil {
			end = map[string]any{"type": "stop", "matched": stop}
		}
		list = append(list, map[string]any{"text": text, "output_ids": ids[:n],
			"meta_info": map[string]any{"finish_reason": end, "output_token_logprobs": entries[:n]}})
	}
	return list
}

// llama goes on behind the end of a turn that its file does not know.
func (s *server) llama(q wish) any {
	ids, logprobs := s.draw(s.prompt(q), q.Seed, 0, q.Predict)
	stop := "limit"
	if s.finish(ids) == "stop" && len(ids) < q.Predict {
		ids, logprobs = append(ids, 300), append(logprobs, -1)
	}
	n, text, matched := s.ends(ids, q.Stop)
	ids = ids[:n]
	told := n
	if matched != nil {
		stop, told = "word", n-1 // not of the stop string
	}
	probs := []any{}
	for i, id := range ids[:told] {
		probs = append(probs, map[string]any{"id": id, "logprob": logprobs[i]})
	}
	return map[string]any{"content": text, "tokens": ids, "stop_type": stop, "completion_probabilities": probs}
}

func (s *server) chat(q wish) any {
	var choices []any
	for k := range q.N {
		ids, _ := s.draw(q.Messages, q.Seed, k, q.Max)
		choices = append(choices, map[string]any{"index": k, "finish_reason": s.finish(ids),
			"message": map[string]any{"role": "assistant", "content": "x" + s.words.Decode(ids, true)}})
	}
	return map[string]any{"choices": choices}
}
