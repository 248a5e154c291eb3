package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/hf"
	"radpo/internal/model"
	"radpo/internal/openai"
	"radpo/internal/torch"
	"radpo/internal/web"
)

// somebodyAsks is input of the score verb.
const somebodyAsks = `{"messages": [{"role": "user", "content": "What is 1 plus 2?"}], "responses": ["It is three.", "I do not know", "It is three."]}
{"messages": [{"role": "user", "content": "And 2 plus 2?"}], "responses": ["four"]}
`

// TestServeReward: a served model scores as it does here, by radpo score on
// either side, and ends when it is told to.
func TestServeReward(t *testing.T) {
	m := Model{Dir: testFolders + "classifier", Device: "cpu"}
	score := func(change func(*configs.Ranker)) string {
		t.Helper()
		c := configs.Default().Ranker
		change(&c)
		var out bytes.Buffer
		if err := Score(t.Context(), m, c, Lines{Name: "stdin", Reader: strings.NewReader(somebodyAsks)}, &out); err != nil {
			t.Fatal(err)
		}
		return out.String()
	}
	here := score(func(*configs.Ranker) {})

	there := ""
	serving(t, func(ctx context.Context) error {
		return ServeReward(ctx, m, configs.Default().Ranker, web.Door{Listen: "127.0.0.1:0"})
	}, func(url string) {
		there = score(func(c *configs.Ranker) {
			c.Kind, c.Model, c.Remote.URLs = "remote", m.Dir, []string{url}
		})
	})
	if here != there {
		t.Errorf("served %s, here %s", there, here)
	}
}

// serving calls fn with the address of what serve serves, and sees it end when
// it is told to.
func serving(t *testing.T, serve func(context.Context) error, fn func(url string)) {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	log, w := io.Pipe()
	served := make(chan error, 1)
	go func() {
		err := serve(zerolog.New(w).WithContext(ctx))
		w.CloseWithError(err)
		served <- err
	}()
	var line struct{ URL string }
	if err := json.NewDecoder(log).Decode(&line); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, log)
	fn(line.URL)
	stop()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the server does not end")
	}
	if _, err := http.Get(line.URL + "/health"); err == nil {
		t.Error("somebody still answers")
	}
}

// serveTestPolicy serves the small policy.
func serveTestPolicy(ctx context.Context) error {
	return ServePolicy(ctx, Model{Dir: testFolders + "policy", Device: "cpu"}, Offer{}, web.Door{Listen: "127.0.0.1:0"})
}

// post asks a server and reads its answer into out.
func post(ctx context.Context, url string, body, out any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(text))
	if err != nil {
		return err
	}
	r, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	if text, err = io.ReadAll(r.Body); err != nil || r.StatusCode != http.StatusOK {
		return fmt.Errorf("%d %s: %w", r.StatusCode, text, err)
	}
	return json.Unmarshal(text, out)
}

// metric is a number that a server tells of itself; 0 where it tells none.
func metric(t *testing.T, url, name string) float64 {
	t.Helper()
	r, err := http.Get(url + "/metrics")
	if err != nil {
		t.Error(err)
		return 0
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	for line := range strings.Lines(string(text)) {
		if number, ok := strings.CutPrefix(line, name+" "); ok {
			v, _ := strconv.ParseFloat(strings.TrimSpace(number), 64)
			return v
		}
	}
	return 0
}

// TestServedWholeWindow: a prompt that fills the window is told of, with no token
// behind it, as lm-eval-harness asks.
func TestServedWholeWindow(t *testing.T) {
	ids := make([]int32, 512)
	for i := range ids {
		ids[i] = int32(3 + i%300)
	}
	var in, out bytes.Buffer
	json.NewEncoder(&in).Encode(map[string]any{"prompt_ids": ids[:1], "response_ids": ids[1:]})
	if err := Logprobs(t.Context(), Model{Dir: testFolders + "policy", Device: "cpu"}, Lines{Name: "stdin", Reader: &in}, &out); err != nil {
		t.Fatal(err)
	}
	var want logprobs
	if err := json.NewDecoder(&out).Decode(&want); err != nil {
		t.Fatal(err)
	}
	serving(t, serveTestPolicy, func(url string) {
		var got struct {
			Choices []struct {
				Logprobs struct {
					Of []*float64 `json:"token_logprobs"`
				}
			}
		}
		body := map[string]any{"prompt": ids, "max_tokens": 0, "logprobs": 1, "echo": true}
		if err := post(t.Context(), url+"/v1/completions", body, &got); err != nil || len(got.Choices[0].Logprobs.Of) != len(ids) {
			t.Errorf("%v: %+v", err, got)
			return
		}
		for i, x := range want.Logprobs {
			if y := *got.Choices[0].Logprobs.Of[i+1]; !(math.Abs(y-float64(x)) <= 1e-5) {
				t.Errorf("token %d: served %v, here %v", i+1, y, x)
			}
		}
	})
}

// TestServedLikelihoods: an echo's log-probabilities, in the form that
// lm-eval-harness asks for, are those of radpo logprobs, and generated tokens'
// are those of radpo generate.
func TestServedLikelihoods(t *testing.T) {
	m := Model{Dir: testFolders + "policy", Device: "cpu"}
	prompts := [][]int32{{315, 54, 3, 9, 20, 7}, {5, 6}, {54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54, 54}}
	var in, out bytes.Buffer
	for _, ids := range prompts {
		json.NewEncoder(&in).Encode(map[string]any{"prompt_ids": ids[:1], "response_ids": ids[1:]})
	}
	if err := Logprobs(t.Context(), m, Lines{Name: "stdin", Reader: &in}, &out); err != nil {
		t.Fatal(err)
	}
	here := json.NewDecoder(&out)
	in.Reset()
	json.NewEncoder(&in).Encode(map[string]any{"prompt_ids": prompts[0]})
	var drawn bytes.Buffer
	if err := Generate(t.Context(), m, Sampling{N: 3, Temperature: 1, TopP: 1, MaxTokens: 9, Seed: 4}, Lines{Name: "stdin", Reader: &in}, &drawn); err != nil {
		t.Fatal(err)
	}
	serving(t, serveTestPolicy, func(url string) {
		var got struct {
			Choices []struct {
				Text     string
				IDs      []int32 `json:"token_ids"`
				Logprobs struct {
					Of []*float64 `json:"token_logprobs"`
				}
			}
		}
		err := post(t.Context(), url+"/v1/completions", map[string]any{"prompt": prompts, "max_tokens": 1, "temperature": 0, "logprobs": 1, "echo": true}, &got)
		if err != nil || len(got.Choices) != len(prompts) {
			t.Error(len(got.Choices), err)
			return
		}
		for i, ids := range prompts {
			var want logprobs
			if err := here.Decode(&want); err != nil {
				t.Error(err)
				return
			}
			there := got.Choices[i].Logprobs.Of
			if len(there) != len(ids)+1 || there[0] != nil {
				t.Errorf("prompt %d has %d log-probabilities", i, len(there))
				return
			}
			for k, x := range want.Logprobs {
				if y := *there[k+1]; !(math.Abs(y-float64(x)) <= 1e-5) {
					t.Errorf("prompt %d, token %d: served %v, here %v", i, k+1, y, x)
				}
			}
		}
		err = post(t.Context(), url+"/v1/completions", map[string]any{"prompt": prompts[0], "max_tokens": 9, "n": 3, "seed": 4, "logprobs": 0, "return_token_ids": true}, &got)
		if err != nil {
			t.Error(err)
			return
		}
		for i, d := 0, json.NewDecoder(&drawn); i < 3; i++ {
			var want generated
			if err := d.Decode(&want); err != nil {
				t.Error(err)
				return
			}
			c := got.Choices[i]
			if !slices.Equal(c.IDs, want.ResponseIDs) || c.Text != *want.Text {
				t.Errorf("sample %d: served %v %q, here %v %q", i, c.IDs, c.Text, want.ResponseIDs, *want.Text)
			}
			for k, x := range want.Logprobs {
				if y := *c.Logprobs.Of[k]; !(math.Abs(y-float64(x)) <= 1e-5) {
					t.Errorf("sample %d, token %d: served %v, here %v", i, k, y, x)
				}
			}
		}
	})
}

// TestServedGone: what a client that went away had asked for is dropped at
// once, be it under way or waiting.
func TestServedGone(t *testing.T) {
	serving(t, serveTestPolicy, func(url string) {
		const n, each = 128, 500
		ctx, leave := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				body := map[string]any{"prompt": []int{5, 6}, "n": n, "max_tokens": each, "ignore_eos": true}
				if post(ctx, url+"/v1/completions", body, new(any)) == nil {
					t.Error("there was an answer in spite of all")
				}
			})
		}
		wait := func(what string, ok func() bool) {
			for begun := time.Now(); !ok(); time.Sleep(5 * time.Millisecond) {
				if time.Since(begun) > 20*time.Second {
					t.Error(what)
					return
				}
			}
		}
		running := func() float64 { return metric(t, url, "radpo_responses_running") }
		waiting := func() float64 { return metric(t, url, "radpo_responses_waiting") }
		wait("nothing runs", func() bool { return running() > 0 && waiting() > 0 })
		leave()
		all.Wait()
		wait("responses go on", func() bool { return running() == 0 && waiting() == 0 && metric(t, url, "radpo_cache_use_ratio") == 0 })
		if made := metric(t, url, "radpo_generation_tokens_total"); made >= 4*n*each {
			t.Errorf("all %v tokens were made", made)
		}
		var got struct{ Usage struct{ Completion int } }
		if err := post(t.Context(), url+"/v1/completions", map[string]any{"prompt": []int{5}, "max_tokens": 3}, &got); err != nil {
			t.Errorf("later: %v", err)
		}
	})
}

// TestServedLoad: many clients at once, each with an answer of its own, without
// an error or growth. RADPO_SERVE_SECONDS=120 RADPO_SERVE_CLIENTS=200 is the
// long form.
func TestServedLoad(t *testing.T) {
	number := func(name string, otherwise int) int {
		if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
			return n
		}
		return otherwise
	}
	clients, lasting := number("RADPO_SERVE_CLIENTS", 24), time.Duration(number("RADPO_SERVE_SECONDS", 1))*time.Second
	serving(t, serveTestPolicy, func(url string) {
		var first sync.Map // answer by request: the same each time
		var answers atomic.Int64
		ask := func(i int) {
			body := map[string]any{
				"messages": []map[string]string{{"role": "user", "content": strings.Repeat("a fox ", 1+i%7)}},
				"seed":     i % 10, "n": 1 + i%3, "max_tokens": 1 + i%24, "goal": 1 + i%10,
			}
			var got struct {
				Choices []struct{ Message struct{ Content string } }
			}
			if err := post(t.Context(), url+"/v1/chat/completions", body, &got); err != nil {
				t.Error(err)
			}
			if old, _ := first.LoadOrStore(i, fmt.Sprint(got)); old != fmt.Sprint(got) {
				t.Errorf("request %d: %v, before %v", i, got, old)
			}
			answers.Add(1)
		}
		http.DefaultTransport.(*http.Transport).MaxIdleConnsPerHost = clients
		var all sync.WaitGroup
		begun := time.Now()
		for c := range clients {
			all.Go(func() {
				for i := c; time.Since(begun) < lasting && !t.Failed(); i++ {
					ask(i % 420)
				}
			})
		}
		memory := func() float64 { return metric(t, url, "process_resident_memory_bytes") / (1 << 20) }
		for _, share := range []time.Duration{8, 4, 2, 1} {
			time.Sleep(time.Until(begun.Add(lasting / share)))
			t.Logf("after %v: %d answers, %.0f MiB", time.Since(begun).Round(time.Second), answers.Load(), memory())
		}
		all.Wait()
		if n := metric(t, url, "radpo_responses_running") + metric(t, url, "radpo_responses_waiting"); n > 0 {
			t.Errorf("%v responses are left", n)
		}
	})
}

func TestServeRefusesToStart(t *testing.T) {
	m := Model{Dir: testFolders + "classifier", Device: "cpu"}
	for _, tt := range []struct {
		name string
		dir  string
		o    web.Door
		want string
	}{
		{"open to all", m.Dir, web.Door{Listen: "0.0.0.0:0"}, "can be reached from other machines"},
		{"every address", m.Dir, web.Door{Listen: ":0"}, "can be reached from other machines"},
		{"no key", m.Dir, web.Door{Listen: "0.0.0.0:0", KeyEnv: "RADPO_TEST_NO_KEY"}, "RADPO_TEST_NO_KEY, which should hold the key, is not set"},
		{"no address", m.Dir, web.Door{Listen: "127.0.0.1:http-or-so"}, "listen tcp"},
		{"a policy", testFolders + "policy", web.Door{Listen: "127.0.0.1:0"}, "is no reward model"},
		{"no folder", "nowhere", web.Door{Listen: "127.0.0.1:0"}, "no such folder"},
	} {
		m.Dir = tt.dir
		err := ServeReward(t.Context(), m, configs.Default().Ranker, tt.o)
		var input *InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.name, err, tt.want)
		}
	}
}

// A faulty policy indexes out of range in one of its steps.
type faulty struct {
	model.Policy
	sound int // steps before that one
}

func (f *faulty) Hidden(s *torch.Scope, in model.Input) torch.Tensor {
	if f.sound--; f.sound == -1 {
		return []torch.Tensor{}[len(os.Args)+1]
	}
	return f.Policy.Hidden(s, in)
}

// TestHostOutlivesItsEngine: a fault fails the requests of its time, and none
// that come later.
func TestHostOutlivesItsEngine(t *testing.T) {
	m := Model{Dir: testFolders + "policy", Device: "cpu"}
	ask := func(h *host) error {
		return h.Generate(t.Context(), []openai.Generation{{Prompt: []int32{5, 6}, N: 2, MaxTokens: 5, TopP: 1}}, func(int, openai.Event) {})
	}
	err := m.with(func(f *hf.Folder, d torch.DType) error {
		return m.runPolicy(t.Context(), f, d, func(s *torch.Scope, p model.Policy) error {
			h, stop := newHost(), make(chan struct{})
			go func() {
				defer close(stop)
				if err := ask(h); err == nil || !strings.Contains(err.Error(), "index out of range") {
					t.Errorf("the fault: %v", err)
				}
				for range 2 {
					if err := ask(h); err != nil {
						t.Errorf("later: %v", err)
					}
				}
			}()
			err := h.work(t.Context(), s, &faulty{p, 2}, nil, stop)
			if again := ask(h); again != openai.ErrClosed {
				t.Errorf("a closed host: %v", again)
			}
			return err
		})
	})
	if err != nil {
		t.Error(err)
	}
}
