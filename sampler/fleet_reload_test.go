package sampler_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestFleetReload: a policy is published whole, the user's command is told
// where, its output is in the log, and the servers are asked when they answer.
func TestFleetReload(t *testing.T) {
	asked, shelf := prompts(t, 2), t.TempDir()
	s, run := serve(t, "completions"), t.TempDir()
	ctx, log := logged(t)
	c := fleet(run, s.URL)
	c.Remote.Publish = filepath.Join(shelf, "it's here")
	c.Remote.Reload = "echo loading {model}; test -f {model}/model.safetensors && cp {model}/config.json '" + shelf + "/got'"
	if _, err := sample(ctx, t, run, asked, c); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"got", "it's here/current/tokenizer.json"} {
		if _, err := os.Stat(filepath.Join(shelf, name)); err != nil {
			t.Error(err)
		}
	}
	if !strings.Contains(log.String(), "loading "+filepath.Join(shelf, "it's here")) {
		t.Errorf("the log lacks the command's output:\n%s", log)
	}
	own, err := os.ReadDir(policy)
	if err != nil {
		t.Fatal(err)
	}
	there, err := os.ReadDir(filepath.Join(shelf, "it's here", "current"))
	if err != nil || len(own) != len(there) {
		t.Errorf("%d files of %d are published: %v", len(there), len(own), err)
	}
}

// TestFleetReloadFails: the stage stops, and says by what.
func TestFleetReloadFails(t *testing.T) {
	asked := prompts(t, 2)
	for _, tt := range []struct {
		name, command, want string
		seconds             int
	}{
		{"status", "echo no GPU is free; exit 3", "exit status 3: no GPU is free", 60},
		{"unknown", "no-such-command {model}", "exit status 127", 60},
		{"too long", "sleep 100", "not done within 1s", 1},
	} {
		s, run := serve(t, "completions"), t.TempDir()
		c := fleet(run, s.URL)
		c.Remote.Reload, c.Remote.ReloadTimeout = tt.command, tt.seconds
		started := time.Now()
		_, err := sample(t.Context(), t, run, asked, c)
		if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "sampler.remote.reload") {
			t.Errorf("%s: got %v, want %q", tt.name, err, tt.want)
		}
		if time.Since(started) > 20*time.Second {
			t.Errorf("%s: it took %v", tt.name, time.Since(started))
		}
		if len(s.answered) > 0 {
			t.Errorf("%s: the server was asked %v", tt.name, s.answered)
		}
	}
}

// TestFleetOwnMeans: what vLLM and SGLang are asked so that they load a policy,
// and that a server which does not ends the stage.
func TestFleetOwnMeans(t *testing.T) {
	asked := prompts(t, 2)
	for _, tt := range []struct {
		kind string
		want []string
	}{
		{"vllm", []string{"/sleep?level=2 {}", "/wake_up?tags=weights {}", `/collective_rpc {"method":"reload_weights"}`, "/wake_up?tags=kv_cache {}"}},
		{"sglang", []string{`/update_weights_from_disk {"model_path":"`}},
	} {
		var steps []string
		var broken atomic.Bool
		s, run := serve(t, "completions"), t.TempDir()
		s.control = func(w http.ResponseWriter, step string) bool {
			if !strings.HasPrefix(step, "/sleep") && !strings.HasPrefix(step, "/wake") && !strings.HasPrefix(step, "/coll") && !strings.HasPrefix(step, "/update") {
				return false
			}
			if steps = append(steps, step); broken.Load() {
				http.Error(w, "out of memory", http.StatusBadRequest)
			}
			return true
		}
		c := fleet(run, s.URL)
		c.Remote.Reload = tt.kind
		if _, err := sample(t.Context(), t, run, asked, c); err != nil {
			t.Fatal(err)
		}
		if len(steps) != len(tt.want) {
			t.Fatalf("%s: asked %q", tt.kind, steps)
		}
		for i, want := range tt.want {
			if !strings.HasPrefix(steps[i], want) {
				t.Errorf("%s: step %d is %s, want %s", tt.kind, i, steps[i], want)
			}
		}
		broken.Store(true)
		run = t.TempDir()
		c = fleet(run, s.URL)
		c.Remote.Reload = tt.kind
		if _, err := sample(t.Context(), t, run, asked, c); err == nil || !strings.Contains(err.Error(), "out of memory") {
			t.Errorf("%s: got %v, want the server's words", tt.kind, err)
		}
	}
}

// TestFleetOldWeights: a server that answers to a new policy as it did to the
// last is warned of, and one that changed is not.
func TestFleetOldWeights(t *testing.T) {
	asked, run := prompts(t, 2), t.TempDir()
	s := serve(t, "completions")
	next := filepath.Join(t.TempDir(), "next")
	if err := os.CopyFS(next, os.DirFS(policy)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(next, "note"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for _, weight := range []uint64{0, 1} {
		s.weight = 0
		if _, err := sample(t.Context(), t, t.TempDir(), asked, fleet(run, s.URL)); err != nil {
			t.Fatal(err)
		}
		s.weight = weight
		ctx, log := logged(t)
		if _, err := sampleOf(ctx, t, next, t.TempDir(), asked, fleet(run, s.URL)); err != nil {
			t.Fatal(err)
		}
		if got := strings.Contains(log.String(), "seems to serve the old weights"); got != (weight == 0) {
			t.Errorf("weights changed by %d; warned: %t\n%s", weight, got, log)
		}
	}
}

// TestFleetOtherProbabilities: log-probabilities in which the temperature shows
// are not the policy's own, and are left out.
func TestFleetOtherProbabilities(t *testing.T) {
	asked, run := prompts(t, 2), t.TempDir()
	s := serve(t, "completions")
	s.tempered = true
	ctx, log := logged(t)
	c := fleet(run, s.URL)
	if _, err := sample(ctx, t, run, asked, c); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "are left out") {
		t.Errorf("the log does not say so:\n%s", log)
	}
}

// TestFleetDown: when nobody answers, the error says what to do.
func TestFleetDown(t *testing.T) {
	s, run := serve(t, "completions"), t.TempDir()
	s.Close()
	_, err := sample(t.Context(), t, run, prompts(t, 2), fleet(run, s.URL))
	if err == nil || !strings.Contains(err.Error(), "no server of sampler.remote.urls answers") || !strings.Contains(err.Error(), "start one and run again") {
		t.Errorf("got %v", err)
	}
}

// TestFleetOneAtATime: a server that gives one response a request is asked for
// each.
func TestFleetOneAtATime(t *testing.T) {
	asked, run := prompts(t, 3), t.TempDir()
	s := serve(t, "completions")
	s.change = func(a map[string]any) {
		if list, ok := a["choices"].([]any); ok {
			a["choices"] = list[len(list)-1:]
		}
	}
	dir, err := sample(t.Context(), t, run, asked, fleet(run, s.URL))
	if err != nil {
		t.Fatal(err)
	}
	s.change = nil
	if got := strings.Count(bytesOf(t, dir), "p00"); got == 0 {
		t.Error("no rows")
	}
}
