package ranker

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/torch"
	"radpo/internal/web/webtest"
)

// serving runs fn beside a server of the model in dir. Before is called first,
// on torch's thread.
func serving(t *testing.T, dir, kind string, before func(*torch.Scope, Ranker), fn func(v *Server, url string)) {
	t.Helper()
	open(t, dir, func(s *torch.Scope, f *hf.Folder) error {
		c := configs.Default().Ranker
		c.Kind = kind
		r, err := Open(s, c, f, torch.Float)
		if err != nil {
			return err
		}
		before(s, r)
		v := NewServer(r, "rm")
		h := httptest.NewServer(v.Handler())
		stop := make(chan struct{})
		go func() {
			defer close(stop)
			defer h.Close()
			fn(v, h.URL)
		}()
		v.Work(s, stop)
		return nil
	})
}

// somePlain are answers without the text of special tokens, which a server
// parses where a local ranker does not.
var somePlain = []string{"a fox is red.", "", "a fox", "a fox is red. it lives in the wood.", "a fox is red."}

// TestRoundTrip: what our server says to our client is what the model says
// here, to the last bit.
func TestRoundTrip(t *testing.T) {
	request := Request{Messages: asking("what is a fox?"), Responses: somePlain}
	var together []Rating
	var alone []float64
	serving(t, reward, "armorm", func(s *torch.Scope, r Ranker) {
		together = rank(t, s, r, request)[0]
		for _, text := range somePlain {
			alone = append(alone, rank(t, s, r, Request{Messages: request.Messages, Responses: []string{text}})[0][0].Score)
		}
	}, func(_ *Server, url string) {
		f, err := hf.Open(reward)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for _, tt := range []struct{ protocol, form string }{
			{"openrlhf", "template"}, {"vllm-classify", "template"}, {"vllm-classify", "messages"}, {"vllm-pooling", "template"},
			{"vllm-score", "plain"}, {"sglang", "template"}, {"tei", "template"}, {"tei", "plain"},
		} {
			c := configs.Default().Ranker
			c.Kind, c.Remote.URLs, c.Remote.Protocol, c.Remote.Form = "remote", []string{url}, tt.protocol, tt.form
			r, err := Open(nil, c, f, torch.Float)
			if err != nil {
				t.Error(err)
				return
			}
			ratings, err := r.Rank(t.Context(), nil, []Request{request})
			if err != nil {
				t.Errorf("%v: %v", tt, err)
				continue
			}
			for i, got := range ratings[0] {
				want := together[i].Score
				if tt.form == "messages" {
					want = alone[i]
				}
				if got.Score != want && (tt.form != "messages" || math.Abs(got.Score-want) > 1e-5) {
					t.Errorf("%v: %q scores %v there and %v here", tt, somePlain[i], got.Score, want)
				}
			}
		}
		var logs struct {
			Logs map[string][]float64 `json:"extra_logs"`
		}
		body, _ := json.Marshal(map[string]any{"query": texts(renderedHere(t, f))})
		_, answer := webtest.Ask(t, url+"/get_reward", string(body))
		if err := json.Unmarshal([]byte(answer), &logs); err != nil || len(logs.Logs) != 19 {
			t.Errorf("extra_logs: %v in %s", err, answer)
			return
		}
		for k, name := range objectives {
			for i, x := range logs.Logs[name] {
				if x != together[i].Attributes[k] {
					t.Errorf("%s of %q is %v there and %v here", name, somePlain[i], x, together[i].Attributes[k])
				}
			}
		}
	})
}

func renderedHere(t *testing.T, f *hf.Folder) []string {
	t.Helper()
	r, err := newReader(configs.Default().Ranker, f)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, text := range somePlain {
		whole, err := r.template.Text(answered(asking("what is a fox?"), text), false, false)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, whole)
	}
	return out
}

// TestServeManyAtOnce: waiting requests are rated together and each gets its
// own answer, while a bad one among them gets its error.
func TestServeManyAtOnce(t *testing.T) {
	const n = 40
	want := make([]float64, n)
	answer := func(i int) string { return strings.Repeat("a fox is red. ", 1+i%5) + fmt.Sprint(i) }
	serving(t, reward, "armorm", func(s *torch.Scope, r Ranker) {
		for i := range want {
			want[i] = rank(t, s, r, Request{Messages: asking("a fox?"), Responses: []string{answer(i)}})[0][0].Score
		}
	}, func(_ *Server, url string) {
		var all sync.WaitGroup
		for i := range n {
			all.Go(func() {
				body, _ := json.Marshal(map[string]any{"prompt": "a fox?", "candidates": []string{answer(i)}})
				status, text := webtest.Ask(t, url+"/rank", string(body))
				var got struct{ Scores []float64 }
				if err := json.Unmarshal([]byte(text), &got); status != 200 || err != nil || math.Abs(got.Scores[0]-want[i]) > 1e-5 {
					t.Errorf("request %d: %d %s, want %v", i, status, text, want[i])
				}
			})
			all.Go(func() {
				if status, text := webtest.Ask(t, url+"/get_reward", `{"query":["no conversation at all"]}`); status != 400 || !strings.Contains(text, "no end of the prompt") {
					t.Errorf("got %d %s", status, text)
				}
			})
		}
		all.Wait()
	})
}

// TestServePairRM: a model that compares has a matrix, and no scores of texts.
func TestServePairRM(t *testing.T) {
	request := Request{Messages: asking("a b c"), Responses: []string{"a", "b c", "c"}}
	var want []Rating
	serving(t, "testdata/pairrm", "pairrm", func(s *torch.Scope, r Ranker) { want = rank(t, s, r, request)[0] }, func(_ *Server, url string) {
		_, text := webtest.Ask(t, url+"/rank", `{"messages":[{"role":"user","content":"a b c"}],"candidates":["a","b c","c"]}`)
		var got struct {
			Scores []float64
			Ranks  []int
			Matrix [][]float64
		}
		if err := json.Unmarshal([]byte(text), &got); err != nil || len(got.Scores) != 3 || len(got.Matrix) != 3 {
			t.Errorf("got %s: %v", text, err)
			return
		}
		for i, r := range want {
			rank := 1
			for _, other := range want {
				rank += one(other.Score > r.Score)
			}
			if got.Scores[i] != r.Score || got.Ranks[i] != rank || !slices.Equal(got.Matrix[i], r.Pairwise) {
				t.Errorf("candidate %d: %v %d %v, want %+v", i, got.Scores[i], got.Ranks[i], got.Matrix[i], r)
			}
		}
		for _, path := range []string{"/get_reward", "/classify", "/pooling", "/predict"} {
			status, text := webtest.Ask(t, url+path, `{"query":["x"],"input":["x"],"inputs":[["x"]]}`)
			if status != 400 || !strings.Contains(text, "use /rank") {
				t.Errorf("%s: %d %s", path, status, text)
			}
		}
	})
}

// TestServeRefuses: each wrong request has its status and its words.
func TestServeRefuses(t *testing.T) {
	serving(t, reward, "armorm", func(*torch.Scope, Ranker) {}, func(v *Server, url string) {
		for _, tt := range []struct {
			name, path, body string
			headers          []string
			status           int
			want             string
		}{
			{"no JSON", "/get_reward", "{", nil, 400, "the body cannot be read"},
			{"no object", "/get_reward", "[]", nil, 400, "the body cannot be read"},
			{"not UTF-8", "/get_reward", "{\"query\":[\"\xff\"]}", nil, 400, "not UTF-8"},
			{"deep", "/get_reward", `{"query":` + strings.Repeat("[", 100000), nil, 400, "the body cannot be read"},
			{"nothing", "/get_reward", "{}", nil, 400, "there is no text to rate"},
			{"a number", "/classify", `{"input":[1]}`, nil, 400, "the body cannot be read"},
			{"empty text", "/get_reward", `{"query":[""]}`, nil, 400, "a text is empty"},
			{"too many", "/pooling", `{"input":[` + strings.Repeat(`"",`, maxTexts) + `""]}`, nil, 400, "texts are more than 4096"},
			{"too large", "/rank", strings.Repeat(" ", 8<<20+1), nil, 413, "longer than 8388608 bytes"},
			{"messages and texts", "/classify", `{"input":"a","messages":[{"role":"user","content":"a"}]}`, nil, 400, "not both"},
			{"no answer", "/classify", `{"messages":[{"role":"user","content":"a"}]}`, nil, 400, "ends with the assistant's turn"},
			{"many prompts", "/score", `{"text_1":["a","b"],"text_2":["c","d"]}`, nil, 400, "want one prompt"},
			{"mixed inputs", "/predict", `{"inputs":[["a"],["a","b"]]}`, nil, 400, "want lists of one text, or of two"},
			{"flat inputs", "/predict", `{"inputs":["a","b"]}`, nil, 400, "cannot be read"},
			{"no prompt", "/rank", `{"candidates":["a"]}`, nil, 400, "want a prompt, or messages"},
			{"no candidates", "/rank", `{"prompt":"a"}`, nil, 400, "there is no text to rate"},
			{"elsewhere", "/v1/completions", `{}`, nil, 404, "there is no POST"},
			{"another site", "/rank", `{"prompt":"a","candidates":["b"]}`, []string{"Origin", "https://evil.example"}, 403, "another origin"},
		} {
			status, text := webtest.Ask(t, url+tt.path, tt.body, tt.headers...)
			if status != tt.status || !strings.Contains(text, tt.want) {
				t.Errorf("%s: %d %.300s, want %d %s", tt.name, status, text, tt.status, tt.want)
			}
		}
		v.Local, v.Key = true, "the-key"
		good := `{"prompt":"a","candidates":["b"]}`
		for _, tt := range []struct {
			name    string
			headers []string
			status  int
		}{
			{"another name", []string{"Host", "evil.example", "Authorization", "Bearer the-key"}, 403},
			{"localhost", []string{"Host", "localhost:1", "Authorization", "Bearer the-key"}, 200},
			{"no key", nil, 401}, {"wrong key", []string{"Authorization", "Bearer the-kez"}, 401},
		} {
			if status, text := webtest.Ask(t, url+"/rank", good, tt.headers...); status != tt.status || strings.Contains(text, "the-key") {
				t.Errorf("%s: %d %s, want %d", tt.name, status, text, tt.status)
			}
		}
	})
}

func TestServeModels(t *testing.T) {
	serving(t, reward, "armorm", func(*torch.Scope, Ranker) {}, func(_ *Server, url string) {
		for path, want := range map[string]string{"/health": `{"status":"ok"}`, "/v1/models": `{"data":[{"id":"rm","object":"model","owned_by":"radpo"}],"object":"list"}`} {
			r, err := http.Get(url + path)
			if err != nil {
				t.Error(err)
				return
			}
			text, _ := io.ReadAll(r.Body)
			r.Body.Close()
			if got := string(bytes.TrimSpace(text)); got != want {
				t.Errorf("%s: %s, want %s", path, got, want)
			}
		}
	})
}

// TestQueueCloses: who comes after the end is told so.
func TestQueueCloses(t *testing.T) {
	q := newQueue()
	stop := make(chan struct{})
	close(stop)
	q.work(nil, nil, stop)
	if _, err := q.rate(t.Context(), Request{}); err != errClosed {
		t.Errorf("got %v", err)
	}
}

// FuzzEndpoints reads requests as strangers may send them.
func FuzzEndpoints(f *testing.F) {
	for _, seed := range []string{
		`{"query":["a"],"prompts":["a"]}`, `{"input":"a"}`, `{"text":["a"]}`, `{"messages":[{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}`,
		`{"text_1":"a","text_2":["b"]}`, `{"inputs":[["a","b"],["a","c"]]}`, `{"prompt":"a","candidates":["b"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for path, e := range endpoints {
			if q, err := e.read(body); err == nil && q == nil {
				t.Errorf("%s: nothing came of %q", path, body)
			}
		}
	})
}
