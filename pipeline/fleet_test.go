package pipeline_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"radpo/internal/table"
	"radpo/internal/web"
	"radpo/pipeline"
)

// serveDir in the environment makes this test binary a server of the policy in
// that folder, at the address in serveAt.
const (
	serveDir = "RADPO_TEST_SERVE"
	serveAt  = "RADPO_TEST_LISTEN"
)

func serveChild(dir string) error {
	return pipeline.ServePolicy(context.Background(), pipeline.Model{Dir: dir, Device: "cpu"}, pipeline.Offer{}, web.Door{Listen: os.Getenv(serveAt)})
}

// TestFleetOfOurOwn: a loop samples from radpo serve, which its reload command
// starts on each new policy, and log-probabilities are those that training
// computes of these weights.
func TestFleetOfOurOwn(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	l.Close()
	dir, aside := t.TempDir(), t.TempDir()
	pid, loaded := filepath.Join(aside, "pid"), filepath.Join(aside, "loaded")
	end := func() {
		var old int
		if text, err := os.ReadFile(pid); err == nil {
			fmt.Sscan(string(text), &old)
			syscall.Kill(old, syscall.SIGKILL)
		}
	}
	t.Cleanup(end)
	c := small(t, "prompts.per_iteration=16", "eval.goals=[10]", "eval.baseline=false", "sampler.backend=openai", "sampler.remote.reload=none",
		"sampler.min_p=0.01", "sampler.repetition_penalty=1.1", "sampler.remote.urls=[http://"+at+"]")
	c.Sampler.Remote.Reload = fmt.Sprintf("if [ -f %[1]s ]; then kill -9 $(cat %[1]s); fi; %s={model} %s=%s %s >%s 2>&1 & echo $! >%[1]s; echo {model} >>%[7]s",
		pid, serveDir, serveAt, at, os.Args[0], filepath.Join(aside, "log"), loaded)
	if err := (pipeline.Run{Config: c, Dir: dir}).Do(t.Context(), &bytes.Buffer{}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(loaded)
	if err != nil {
		t.Fatal(err)
	}
	policies := strings.Fields(string(text))
	slices.Sort(policies)
	if n := len(slices.Compact(policies)); n < 3 {
		t.Errorf("%d policies were loaded: %s", n, text)
	}
	if text, err = os.ReadFile(filepath.Join(dir, "report.json")); err != nil {
		t.Fatal(err)
	}
	var measures []table.Measure
	if err := json.Unmarshal(text, &measures); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, m := range measures {
		if strings.HasPrefix(m.Name, "sampler/logp_gap-largest") {
			if found++; !(m.Value <= 1e-4) {
				t.Errorf("%s is %v", m.Name, m.Value)
			}
		}
	}
	if found < 3 {
		t.Errorf("the report has %d gaps: %s", found, text)
	}
}
