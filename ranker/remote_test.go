package ranker

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/hf"
	"radpo/internal/table"
	"radpo/internal/torch"
)

func init() { firstWait = time.Millisecond }

// templateFolder has a chat template and nothing else of a model. Its
// tokenizer puts the BOS in front, as Llama's does.
func templateFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"chat_template.jinja":   "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}</>{% endfor %}{% if add_generation_prompt %}<assistant>{% endif %}",
		"tokenizer_config.json": `{"bos_token": "<s>", "add_bos_token": true}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// A recorder answers as it is told and keeps what it was asked.
type recorder struct {
	*httptest.Server
	mu    sync.Mutex
	paths []string
	asked []string
}

func record(t *testing.T, answer func(path, body string) string) *recorder {
	t.Helper()
	r := &recorder{}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err != nil {
			return
		}
		r.mu.Lock()
		r.paths, r.asked = append(r.paths, q.URL.Path), append(r.asked, string(body))
		r.mu.Unlock()
		io.WriteString(w, answer(q.URL.Path, string(body)))
	}))
	t.Cleanup(r.Close)
	return r
}

// asker opens a ranker that asks url, after change to its configuration.
func asker(t *testing.T, url string, change func(*configs.Ranker)) Ranker {
	t.Helper()
	c := configs.Default().Ranker
	c.Kind, c.Remote.URLs = "remote", []string{url}
	change(&c)
	var f *hf.Folder
	if c.Kind == "remote" && c.Remote.Form == "template" {
		var err error
		if f, err = hf.Open(templateFolder(t)); err != nil {
			t.Fatal(err)
		}
		defer f.Close()
	}
	r, err := Open(nil, c, f, 0)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestProtocols holds what is asked and how the answer is read to what each
// server documents.
func TestProtocols(t *testing.T) {
	conversation := []table.Message{{Role: "system", Content: "be brief"}, {Role: "user", Content: "2 & 2?"}}
	for _, tt := range []struct {
		protocol, form, path string
		asked                []string
		answer               string
		want                 []float64
	}{
		{"openrlhf", "template", "/get_reward",
			[]string{`{"query":["<s><system>be brief</><user>2 & 2?</><assistant>4</>","<s><system>be brief</><user>2 & 2?</><assistant>5</>"],` +
				`"prompts":["<s><system>be brief</><user>2 & 2?</><assistant>","<s><system>be brief</><user>2 & 2?</><assistant>"],"labels":["",""]}`},
			`{"rewards":[1.5,-2],"scores":[9,9],"extra_logs":{"dummy_scores":[1.5,-2]}}`, []float64{1.5, -2, 1.5}},
		{"openrlhf", "plain", "/get_reward",
			[]string{`{"query":["system: be brief\n\nuser: 2 & 2?\n4","system: be brief\n\nuser: 2 & 2?\n5"],` +
				`"prompts":["system: be brief\n\nuser: 2 & 2?","system: be brief\n\nuser: 2 & 2?"],"labels":["",""]}`},
			`{"rewards":[[1.5],[-2]]}`, []float64{1.5, -2, 1.5}},
		{"vllm-classify", "template", "/classify",
			[]string{`{"model":"rm","input":["<system>be brief</><user>2 & 2?</><assistant>4</>","<system>be brief</><user>2 & 2?</><assistant>5</>"],` +
				`"use_activation":false,"activation":false,"softmax":false}`},
			`{"object":"list","data":[{"index":1,"label":"LABEL_0","probs":[-2],"num_classes":1},{"index":0,"label":"LABEL_0","probs":[7,1.5],"num_classes":2}]}`,
			[]float64{1.5, -2, 1.5}},
		{"vllm-classify", "messages", "/classify",
			[]string{`{"model":"rm","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"2 & 2?"},{"role":"assistant","content":"4"}],` +
				`"add_generation_prompt":false,"use_activation":false,"activation":false,"softmax":false}`,
				`{"model":"rm","messages":[{"role":"system","content":"be brief"},{"role":"user","content":"2 & 2?"},{"role":"assistant","content":"5"}],` +
					`"add_generation_prompt":false,"use_activation":false,"activation":false,"softmax":false}`},
			`{"data":[{"index":0,"probs":[3]}]}`, []float64{3, 3, 3}},
		{"vllm-pooling", "template", "/pooling",
			[]string{`{"model":"rm","input":["<system>be brief</><user>2 & 2?</><assistant>4</>","<system>be brief</><user>2 & 2?</><assistant>5</>"],` +
				`"use_activation":false,"activation":false,"softmax":false}`},
			`{"data":[{"index":0,"data":[[9],[1.5]]},{"index":1,"data":[-2]}]}`, []float64{1.5, -2, 1.5}},
		{"vllm-score", "plain", "/score",
			[]string{`{"model":"rm","text_1":["system: be brief\n\nuser: 2 & 2?","system: be brief\n\nuser: 2 & 2?"],"text_2":["4","5"],` +
				`"use_activation":false,"activation":false,"softmax":false}`},
			`{"data":[{"index":0,"object":"score","score":1.5},{"index":1,"object":"score","score":-2}]}`, []float64{1.5, -2, 1.5}},
		{"sglang", "template", "/classify",
			[]string{`{"model":"rm","text":["<system>be brief</><user>2 & 2?</><assistant>4</>","<system>be brief</><user>2 & 2?</><assistant>5</>"]}`},
			`[{"embedding":[1.5],"meta_info":{}},{"embedding":[-2]}]`, []float64{1.5, -2, 1.5}},
		{"tei", "template", "/predict",
			[]string{`{"inputs":[["<system>be brief</><user>2 & 2?</><assistant>4</>"],["<system>be brief</><user>2 & 2?</><assistant>5</>"]],"raw_scores":true}`},
			`[[{"score":1.5,"label":"LABEL_0"}],[{"score":-2,"label":"LABEL_0"}]]`, []float64{1.5, -2, 1.5}},
		{"tei", "plain", "/predict",
			[]string{`{"inputs":[["system: be brief\n\nuser: 2 & 2?","4"],["system: be brief\n\nuser: 2 & 2?","5"]],"raw_scores":true}`},
			`[[{"score":1.5}],[{"score":-2}]]`, []float64{1.5, -2, 1.5}},
	} {
		t.Run(tt.protocol+" "+tt.form, func(t *testing.T) {
			s := record(t, func(string, string) string { return tt.answer })
			r := asker(t, s.URL, func(c *configs.Ranker) {
				c.Remote.Protocol, c.Remote.Form, c.Remote.Model = tt.protocol, tt.form, "rm"
			})
			ratings := rank(t, nil, r, Request{Messages: conversation, Responses: []string{"4", "5", "4"}})
			var got []float64
			for _, x := range ratings[0] {
				got = append(got, x.Score)
			}
			slices.Sort(s.asked)
			if d := cmp.Diff(s.asked, tt.asked); d != "" {
				t.Errorf("asked (-got +want):\n%s", d)
			}
			if !slices.Equal(got, tt.want) || s.paths[0] != tt.path {
				t.Errorf("got %v from %s, want %v from %s", got, s.paths[0], tt.want, tt.path)
			}
		})
	}
}

// TestAnswersThatAreNone are errors, and say what was wrong.
func TestAnswersThatAreNone(t *testing.T) {
	for _, tt := range []struct{ protocol, answer, want string }{
		{"openrlhf", `{"rewards":[1]}`, "has 1 scores, wanted are 2"},
		{"openrlhf", `{"rewards":[1,2,3]}`, "has 3 scores, wanted are 2"},
		{"openrlhf", `{"rewards":[1,null]}`, "has no number as score 2"},
		{"openrlhf", `{"rewards":[1,[]]}`, "a score is an empty list"},
		{"openrlhf", `{"rewards":[1,"2"]}`, "cannot unmarshal string"},
		{"openrlhf", `{"rewards":[1,NaN]}`, "invalid character 'N'"},
		{"openrlhf", `{"rewards":[1,1e999]}`, "cannot unmarshal number 1e999"},
		{"openrlhf", `{"detail":"out of memory"}`, "has 0 scores, wanted are 2"},
		{"openrlhf", `[1,2]`, "cannot unmarshal array"},
		{"vllm-classify", `{"data":[{"index":0,"probs":[1]},{"index":0,"probs":[1]}]}`, "an index 0 that is not one of them, or is there twice"},
		{"vllm-classify", `{"data":[{"index":0,"probs":[1]},{"index":7,"probs":[1]}]}`, "an index 7"},
		{"vllm-classify", `{"data":[{"index":0,"probs":[1]},{"index":1}]}`, "has no number as score 2"},
		{"vllm-classify", `{"object":"error","message":"no","code":400}`, "has 0 scores"},
		{"sglang", `{"embedding":[1]}`, "cannot unmarshal object"},
		{"tei", `[[{"score":1}],[{"score":1},{"score":2}]]`, "has 2 labels a text; a reward model has one"},
		{"tei", `[[{"score":1}],[]]`, "has 0 labels a text"},
	} {
		p := protocols[tt.protocol]
		s := record(t, func(string, string) string { return tt.answer })
		r := asker(t, s.URL, func(c *configs.Ranker) { c.Remote.Protocol = tt.protocol }).(*scorer)
		_, err := p.read(t.Context(), r.client, "once", 2)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.answer) {
			t.Errorf("%s %s: got %v, want %s", tt.protocol, tt.answer, err, tt.want)
		}
	}
}

// FuzzAnswers reads what a hostile server may say, within its length's time.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{"rewards":[1,[2]],"scores":[3]}`, `{"data":[{"index":0,"probs":[1]},{"data":[[1],[2]]},{"score":1}]}`, `[{"embedding":[1]}]`, `[[{"score":1}]]`,
		`{"rewards":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, a := range []answer{&openRLHFAnswer{}, &vllmAnswer{}, &sglangAnswer{}, &teiAnswer{}} {
			if json.Unmarshal(text, a) != nil {
				continue
			}
			if scores, err := exactly(a, 1); err == nil && !torch.Finite(scores[0]) {
				t.Errorf("%s: %s scores %v", text, a, scores)
			}
		}
	})
}

// TestRemoteStage ranks through a server that fails now and then: interrupted
// and continued, and in a second stage that asks the same, nothing is asked
// twice, and the table is that of an unbroken run.
func TestRemoteStage(t *testing.T) {
	var requests atomic.Int64
	answered := map[string]int{}
	var mu sync.Mutex
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		if requests.Add(1)%5 == 0 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		mu.Lock()
		answered[string(body)]++
		mu.Unlock()
		var a struct{ Query []string }
		if err := json.Unmarshal(body, &a); err != nil {
			t.Error(err)
		}
		rewards := []float64{}
		for _, text := range a.Query {
			rewards = append(rewards, float64(len(text))/7)
		}
		json.NewEncoder(w).Encode(map[string]any{"rewards": rewards})
	}))
	defer s.Close()
	c := Config{Ranker: configs.Default().Ranker, DType: "float32", Device: "cpu"}
	c.Kind, c.Remote.URLs, c.Remote.Cache = "remote", []string{s.URL}, filepath.Join(t.TempDir(), "answers")
	plan := ranking(t, 70)
	plan[2] = flow.Source("reward", templateFolder(t))
	plan[3] = Stage.With(c, "raw", "prompts", "samples", "reward")

	broken := t.TempDir()
	part := filepath.Join(broken, "work", "*", "parts", "segment-000000")
	if _, err := made(until{t.Context(), part}, t, broken, plan...); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	resumed, err := made(t.Context(), t, broken, plan...)
	if err != nil {
		t.Fatal(err)
	}
	before := requests.Load()
	whole, err := made(t.Context(), t, t.TempDir(), plan...)
	if err != nil {
		t.Fatal(err)
	}
	if requests.Load() != before {
		t.Errorf("%d questions were asked again", requests.Load()-before)
	}
	if bytesOf(t, whole) != bytesOf(t, resumed) {
		t.Error("the resumed table has other bytes")
	}
	rows, err := table.ReadAll[table.Score](whole)
	if err != nil || len(rows) != 210 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for body, n := range answered {
		if n != 1 {
			t.Errorf("%s was answered %d times", body, n)
		}
	}
	scores, err := table.Open[table.Score](whole)
	if err != nil || scores.Meta()[rankedBy] != "remote "+s.URL {
		t.Errorf("ranked by %q, %v", scores.Meta()[rankedBy], err)
	}
}

// TestRemoteGivesUp: a stage ends with the server's words, and what was
// answered before is kept for the next time.
func TestRemoteGivesUp(t *testing.T) {
	broken := true
	s := record(t, func(_, body string) string {
		if broken && strings.Contains(body, "fox 9") {
			return `{"rewards":"none"}`
		}
		return fmt.Sprintf(`{"rewards":[%s1]}`, strings.Repeat("1,", strings.Count(body, "</>\"")-1))
	})
	c := Config{Ranker: configs.Default().Ranker, DType: "float32", Device: "cpu"}
	c.Kind, c.Remote.URLs, c.Remote.Concurrency, c.Remote.Cache = "remote", []string{s.URL}, 1, t.TempDir()
	plan := ranking(t, 10)
	plan[2] = flow.Source("reward", templateFolder(t))
	plan[3] = Stage.With(c, "raw", "prompts", "samples", "reward")
	run := t.TempDir()
	_, err := made(t.Context(), t, run, plan...)
	if err == nil || !strings.Contains(err.Error(), "prompt p09: POST "+s.URL+"/get_reward, the last of 5 tries: the answer cannot be read") {
		t.Fatalf("got %v", err)
	}
	broken = false
	before := len(s.asked)
	if _, err := made(t.Context(), t, run, plan...); err != nil {
		t.Fatal(err)
	}
	if n := len(s.asked) - before; n != 1 {
		t.Errorf("%d questions were asked, want the one that failed", n)
	}
}
