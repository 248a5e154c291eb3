package pipeline

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"radpo/configs"
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

	ctx, stop := context.WithCancel(t.Context())
	log, w := io.Pipe()
	served := make(chan error, 1)
	go func() {
		served <- ServeReward(zerolog.New(w).WithContext(ctx), m, configs.Default().Ranker, web.Door{Listen: "127.0.0.1:0"})
	}()
	var line struct{ URL string }
	if err := json.NewDecoder(log).Decode(&line); err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, log)
	there := score(func(c *configs.Ranker) {
		c.Kind, c.Model, c.Remote.URLs = "remote", m.Dir, []string{line.URL}
	})
	if here != there {
		t.Errorf("served %s, here %s", there, here)
	}
	stop()
	select {
	case err := <-served:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("the server does not end")
	}
	if _, err := http.Get(line.URL + "/health"); err == nil {
		t.Error("somebody still answers")
	}
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
