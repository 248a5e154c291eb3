package sampler_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"radpo/configs"
	"radpo/internal/flow"
	"radpo/internal/table"
	"radpo/sampler"
)

// fleet are settings that ask servers, through answers kept in run.
func fleet(run string, urls ...string) sampler.Config {
	c := settings()
	c.Backend, c.Answers = "openai", filepath.Join(run, "fleet")
	c.Remote = configs.Default().Sampler.Remote
	c.Remote.URLs, c.Remote.Concurrency, c.Remote.Timeout = urls, 4, 5
	return c
}

// bytesOf is a samples table as it lies on disk.
func bytesOf(t *testing.T, dir string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "data-00000-of-00001.arrow"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// logged is a context whose log is kept.
func logged(t *testing.T) (context.Context, *bytes.Buffer) {
	var log bytes.Buffer
	return zerolog.New(zerolog.SyncWriter(&log)).WithContext(t.Context()), &log
}

// TestFleetProtocols: whatever a server speaks, its draws become rows in the
// prompts' order, with its ids and log-probabilities where it has them.
func TestFleetProtocols(t *testing.T) {
	asked := prompts(t, 12)
	for _, kind := range []string{"completions", "sglang", "llama-cpp", "text", "chat"} {
		t.Run(kind, func(t *testing.T) {
			s, run := serve(t, kind), t.TempDir()
			ctx, log := logged(t)
			dir, err := sample(ctx, t, run, asked, fleet(run, s.URL+"/v1"))
			if err != nil {
				t.Fatal(err)
			}
			all, err := table.Open[table.Sample](dir)
			if err != nil {
				t.Fatal(err)
			}
			served := kind != "text" && kind != "chat"
			if got := sampler.ReadRetokenised(all.Meta()); got == served || strings.Contains(log.String(), "tokenised again") == served {
				t.Errorf("retokenised is %t; log:\n%s", got, log)
			}
			i := 0
			for r, err := range all.Rows() {
				if err != nil {
					t.Fatal(err)
				}
				if id, number := fmt.Sprintf("p%02d", i/4), int32(i%4); r.PromptID != id || r.Sample != number {
					t.Errorf("row %d is sample %d of %s, want %d of %s", i, r.Sample, r.PromptID, number, id)
				}
				last := r.ResponseIDs[len(r.ResponseIDs)-1]
				if len(r.Logprobs) != len(r.ResponseIDs) || (last == s.eot) != (r.Finish == table.FinishStop) || slices.Contains(r.ResponseIDs[:len(r.ResponseIDs)-1], s.eot) {
					t.Errorf("row %d: ids %v, log-probabilities %v, finish %s", i, r.ResponseIDs, r.Logprobs, r.Finish)
				}
				for _, x := range r.Logprobs {
					if math.IsNaN(float64(x)) == served || x > 0 {
						t.Errorf("row %d: log-probabilities %v", i, r.Logprobs)
						break
					}
				}
				i++
			}
			if i != 48 {
				t.Errorf("%d rows, want 48", i)
			}
		})
	}
}

// TestFleetSettings: what a server's dialect has names for is asked for by them;
// responses keep the ids of a stop string, and nothing is put behind those.
func TestFleetSettings(t *testing.T) {
	asked := prompts(t, 8)
	for kind, names := range map[string][]string{
		"completions": {`"min_p":0.05`, `"repetition_penalty":1.5`, `"top_k":30`, `"stop":["`, `"stop_token_ids":[9,`},
		"sglang":      {`"min_p":0.05`, `"repetition_penalty":1.5`, `"top_k":30`, `"stop":["`, `"stop_token_ids":[9,`},
		"llama-cpp":   {`"min_p":0.05`, `"repeat_penalty":1.5`, `"top_k":30`, `"stop":["`},
	} {
		t.Run(kind, func(t *testing.T) {
			s, run := serve(t, kind), t.TempDir()
			c := fleet(run, s.URL)
			c.TopK, c.MinP, c.RepetitionPenalty, c.StopIDs = 30, 0.05, 1.5, []int{9}
			c.StopStrings = []string{s.words.Decode([]int32{305}, true)}
			dir, err := sample(t.Context(), t, run, asked, c)
			if err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				if !slices.ContainsFunc(slices.Collect(maps.Keys(s.answered)), func(q string) bool { return strings.Contains(q, name) }) {
					t.Errorf("nobody asked for %s", name)
				}
			}
			all, err := table.Open[table.Sample](dir)
			if err != nil {
				t.Fatal(err)
			}
			ended := 0
			for r, err := range all.Rows() {
				if err != nil {
					t.Fatal(err)
				}
				last := r.ResponseIDs[len(r.ResponseIDs)-1]
				said := strings.Contains(s.words.Decode(r.ResponseIDs, true), c.StopStrings[0])
				if (said || last == s.eot) != (r.Finish == table.FinishStop) || said && last == s.eot || strings.Contains(r.Text, c.StopStrings[0]) {
					t.Errorf("ids %v, text %q, finish %s", r.ResponseIDs, r.Text, r.Finish)
				}
				if said {
					ended++
				}
			}
			if ended == 0 {
				t.Error("no response has the stop string: the test shows nothing")
			}
		})
	}
}

// TestFleetSettingsRefused: what a dialect has no name for is refused.
func TestFleetSettingsRefused(t *testing.T) {
	asked := prompts(t, 1)
	for _, tt := range []struct {
		kind, want string
		change     func(*sampler.Config)
	}{
		{"chat", "protocol chat has no way to ask for sampler.min_p", func(c *sampler.Config) { c.MinP = 0.1 }},
		{"chat", "protocol chat has no way to ask for sampler.top_k", func(c *sampler.Config) { c.TopK = 10 }},
		{"chat", "protocol chat has no way to ask for sampler.repetition_penalty", func(c *sampler.Config) { c.RepetitionPenalty = 1.1 }},
		{"text", "protocol text has no way to ask for sampler.stop_strings", func(c *sampler.Config) { c.StopStrings = []string{"x"} }},
		{"text", "protocol text has no way to ask for sampler.stop_ids", func(c *sampler.Config) { c.StopIDs = []int{3} }},
	} {
		s, run := serve(t, tt.kind), t.TempDir()
		c := fleet(run, s.URL)
		tt.change(&c)
		if _, err := sample(t.Context(), t, run, asked, c); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", tt.kind, err, tt.want)
		}
	}
}

// storm are the faults of servers and of what lies between.
var storm = []func(w http.ResponseWriter, r *http.Request, answer []byte){
	func(w http.ResponseWriter, _ *http.Request, _ []byte) {
		w.Header().Set("Retry-After", "0.01")
		http.Error(w, "slow down", 429)
	},
	func(w http.ResponseWriter, _ *http.Request, _ []byte) { http.Error(w, "boom", 500) },
	func(w http.ResponseWriter, _ *http.Request, _ []byte) { http.Error(w, "loading", 503) },
	func(http.ResponseWriter, *http.Request, []byte) { panic(http.ErrAbortHandler) },
	func(w http.ResponseWriter, _ *http.Request, a []byte) {
		w.Header().Set("Content-Length", fmt.Sprint(len(a)))
		w.Write(a[:len(a)/2])
	},
	func(w http.ResponseWriter, _ *http.Request, a []byte) { w.Write(a[:len(a)/2]) },
	func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, "<html>busy</html>") },
	func(w http.ResponseWriter, _ *http.Request, _ []byte) { io.WriteString(w, `{"choices":[]}`) },
	func(w http.ResponseWriter, _ *http.Request, a []byte) { // one twice, one missing
		w.Write(bytes.Replace(a, []byte(`"index":1`), []byte(`"index":0`), 1))
	},
	func(w http.ResponseWriter, _ *http.Request, a []byte) {
		w.Write(bytes.Replace(a, []byte(`"prompt_token_ids":[`), []byte(`"prompt_token_ids":[7,`), 1))
	},
	func(_ http.ResponseWriter, r *http.Request, _ []byte) { <-r.Context().Done() }, // hangs
}

// TestFleetStorm: through faults of all kinds, with one server that is down,
// one that dies and one that is slow, nothing is lost or doubled and the table
// is that of one server without a fault.
func TestFleetStorm(t *testing.T) {
	asked := prompts(t, 150)
	calm, quiet := serve(t, "completions"), t.TempDir()
	dir, err := sample(t.Context(), t, quiet, asked, fleet(quiet, calm.URL))
	if err != nil {
		t.Fatal(err)
	}
	want := bytesOf(t, dir)

	var servers [3]*server
	var faults atomic.Int64
	var asking sync.Mutex
	times := map[string]uint64{} // that each answer was about to be given
	for i := range servers {
		s := serve(t, "completions")
		s.fault = func(w http.ResponseWriter, r *http.Request, answer []byte) bool {
			asking.Lock()
			times[string(answer)]++
			try := times[string(answer)]
			asking.Unlock()
			// The weather of a try is its own, whatever the order: five wrong
			// answers in a row would end a question, as they should.
			weather := rand.New(rand.NewPCG(uint64(crc32.ChecksumIEEE(answer)), try))
			if r.URL.Path != "/v1/completions" || weather.IntN(100) >= 25 {
				return false
			}
			faults.Add(1)
			storm[weather.IntN(len(storm))](w, r, answer)
			return true
		}
		servers[i] = s
	}
	var served atomic.Int64
	servers[1].change = func(map[string]any) {
		if served.Add(1) == 40 {
			go servers[1].CloseClientConnections()
			go servers[1].Listener.Close()
		}
	}
	servers[2].change = func(map[string]any) { time.Sleep(20 * time.Millisecond) }
	gone := serve(t, "completions")
	gone.Close()

	run := t.TempDir()
	c := fleet(run, gone.URL, servers[0].URL, servers[1].URL, servers[2].URL)
	c.Remote.Timeout = 1
	dir, err = sample(t.Context(), t, run, asked, c)
	if err != nil {
		t.Fatal(err)
	}
	if bytesOf(t, dir) != want {
		t.Error("the table has other bytes than without faults")
	}
	if faults.Load() < 30 {
		t.Errorf("only %d faults", faults.Load())
	}
	for i, s := range servers {
		if s.peak.Load() > 4 {
			t.Errorf("server %d had %d requests at once, want at most 4", i, s.peak.Load())
		}
	}
	if fast, slow := len(servers[0].answered), len(servers[2].answered); fast < slow {
		t.Errorf("the fast server answered %d requests, the slow one %d", fast, slow)
	}
	if left, _ := filepath.Glob(filepath.Join(run, "fleet", "*")); len(left) != 1 {
		t.Errorf("answers are left over: %v", left)
	}
}

// TestFleetResume: what was answered before an end is not asked again, whether
// its segment was committed or not.
func TestFleetResume(t *testing.T) {
	asked := prompts(t, 150)
	s, run := serve(t, "completions"), t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	var served atomic.Int64
	s.change = func(map[string]any) {
		if served.Add(1) == 200 {
			cancel()
		}
	}
	if _, err := sample(ctx, t, run, asked, fleet(run, s.URL)); !errors.Is(err, flow.ErrInterrupted) {
		t.Fatalf("got %v, want an interruption", err)
	}
	before := len(s.answered)
	dir, err := sample(t.Context(), t, run, asked, fleet(run, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	twice := 0
	for request, n := range s.answered {
		if strings.Contains(request, `"n":2`) && !strings.Contains(request, `"top_p":0.000001`) && n > 1 {
			twice++
		}
	}
	if twice > 4 { // that were under way
		t.Errorf("%d of %d requests were answered again", twice, before)
	}
	quiet := t.TempDir()
	whole, err := sample(t.Context(), t, quiet, asked, fleet(quiet, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	if bytesOf(t, dir) != bytesOf(t, whole) {
		t.Error("the resumed table has other bytes")
	}
}

// first changes the first choice of a completion.
func first(change func(choice map[string]any)) func(map[string]any) {
	return func(a map[string]any) {
		if list, ok := a["choices"].([]any); ok {
			change(list[0].(map[string]any))
		}
	}
}

// TestFleetRefuses what would not be responses of the policy, and names the
// server.
func TestFleetRefuses(t *testing.T) {
	asked := prompts(t, 2)
	for _, tt := range []struct {
		name   string
		change func(map[string]any)
		set    func(*configs.Fleet)
		want   string
	}{
		{"foreign tokenizer", func(a map[string]any) {
			if _, ok := a["tokens"]; ok {
				a["tokens"] = []int{5, 6}
			}
		}, nil, "its tokenizer is not the policy's"},
		{"foreign ids", first(func(c map[string]any) { c["text"] = "something else" }), nil, "but its text is another"},
		{"beyond the vocabulary", first(func(c map[string]any) { c["token_ids"].([]int32)[0] = 1 << 20 }), nil, "id 1048576 is none of the policy's"},
		{"negative id", first(func(c map[string]any) { c["token_ids"].([]int32)[0] = -1 }), nil, "id -1 is none of the policy's"},
		{"empty", first(func(c map[string]any) { c["token_ids"], c["text"] = []int32{}, "" }), func(f *configs.Fleet) { f.Protocol = "completions" }, "it has no token ids"},
		{"too many", func(a map[string]any) {
			if list, ok := a["choices"].([]any); ok {
				a["choices"] = append(list, list[0])
			}
		}, nil, "has 2 responses, 1 were asked for"},
		{"filtered", first(func(c map[string]any) { c["finish_reason"] = "content_filter" }), nil, `ended by "content_filter"`},
		{"another model", nil, func(f *configs.Fleet) { f.Model = "other" }, "does not serve other"},
		{"log-probabilities of fewer", first(func(c map[string]any) {
			c["logprobs"].(map[string]any)["token_logprobs"] = []float64{-1, -1, -1, -1, -1, -1, -1, -1, -1}
		}), nil, "it has 9 log-probabilities of"},
		{"positive log-probability", first(func(c map[string]any) { c["logprobs"].(map[string]any)["token_logprobs"].([]float64)[0] = 3 }), nil, "its log-probability 3 of token 0 is none"},
	} {
		s, run := serve(t, "completions"), t.TempDir()
		s.change = tt.change
		c := fleet(run, s.URL)
		if tt.set != nil {
			tt.set(&c.Remote)
		}
		_, err := sample(t.Context(), t, run, asked, c)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), s.URL) {
			t.Errorf("%s: got %v, want %q and the server", tt.name, err, tt.want)
		}
	}
}

// TestFleetNamesTheWay: a server that refuses ids by status 500, as that of
// llama-cpp-python does, is not called down: it is said how it can be asked.
func TestFleetNamesTheWay(t *testing.T) {
	s, run := serve(t, "chat"), t.TempDir()
	s.control = func(w http.ResponseWriter, step string) bool {
		ids := strings.HasPrefix(step, "/v1/completions ")
		if ids {
			http.Error(w, "Input should be a valid string", http.StatusInternalServerError)
		}
		return ids
	}
	c := fleet(run, s.URL)
	_, err := sample(t.Context(), t, run, prompts(t, 2), c)
	if want := "it does answer by protocol chat"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %q", err, want)
	}
	c.Remote.Protocol = "chat"
	if _, err := sample(t.Context(), t, run, prompts(t, 2), c); err != nil {
		t.Error(err)
	}
}
