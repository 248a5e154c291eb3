package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"radpo/internal/flow"
	"radpo/internal/hf"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"radpo": main})
}

// TestScripts runs testdata/*.txtar. Beside testscript's own, their commands are
//
//	status N PROGRAM ARG…      runs a program that must exit with N
//	hold DIR                   takes a run folder for as long as the script lasts
//	copydir FROM TO            copies a folder of plain files
//	shorten FILE N             cuts N bytes off a file
//	drop FOLDER TENSOR         takes a tensor out of a model folder
//	duelists [gone]            sets $URL to a judge that prefers what is called good three to one, or stops it
//	raters [gone]              sets $URL to a judge that rates and compares, fails at times and refuses what it has answered, or stops it
//	servers KEY                sets $URL to a server of rewards and judgements that wants KEY
//
// and $FOLDERS, $MODELS, $DPO, $RANKERS and $TASKS are folders of test data.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			for name, dir := range map[string]string{"FOLDERS": "testdata/folders", "MODELS": "../../internal/model/testdata", "DPO": "../../dpo/testdata", "RANKERS": "../../ranker/testdata", "TASKS": "../../eval/tasks/testdata"} {
				path, err := filepath.Abs(dir)
				if err != nil {
					return err
				}
				e.Setenv(name, path)
			}
			e.Setenv("HF_HOME", e.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": status, "hold": hold, "copydir": copydir, "shorten": shorten, "drop": drop, "servers": servers, "duelists": duelists, "raters": raters,
		},
	})
}

func status(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		exit := (*exec.ExitError)(nil)
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

func hold(ts *testscript.TestScript, _ bool, args []string) {
	store, err := flow.Open(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Defer(func() { store.Close() })
}

func copydir(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(os.CopyFS(ts.MkAbs(args[1]), os.DirFS(ts.MkAbs(args[0]))))
}

func shorten(ts *testscript.TestScript, _ bool, args []string) {
	n, err := strconv.ParseInt(args[1], 10, 64)
	ts.Check(err)
	info, err := os.Stat(ts.MkAbs(args[0]))
	ts.Check(err)
	ts.Check(os.Truncate(ts.MkAbs(args[0]), info.Size()-n))
}

func drop(ts *testscript.TestScript, _ bool, args []string) {
	path := filepath.Join(ts.MkAbs(args[0]), "model.safetensors")
	f, err := hf.OpenFile(path)
	ts.Check(err)
	defer f.Close()
	var rest []hf.Tensor
	for _, t := range f.Tensors {
		if t.Name != args[1] {
			rest = append(rest, t)
		}
	}
	ts.Check(os.Remove(path))
	ts.Check(hf.WriteFile(path, rest, map[string]string{"format": "pt"}))
}

// servers starts one that rewards a text by its length and judges every answer
// worth a five. To a wrong key it says which it was.
func servers(ts *testscript.TestScript, _ bool, args []string) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if got := r.Header.Get("Authorization"); got != "Bearer "+args[0] {
			http.Error(w, "who is "+got+"?", http.StatusUnauthorized)
			return
		}
		var asked struct{ Query []string }
		if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		rewards := []int{}
		for _, text := range asked.Query {
			rewards = append(rewards, len(text))
		}
		json.NewEncoder(w).Encode(map[string]any{"rewards": rewards, "choices": []any{map[string]any{"message": map[string]string{"content": "[[5]]"}}}})
	}))
	ts.Defer(s.Close)
	ts.Setenv("URL", s.URL)
}

// duelists starts a judge of two outputs, or makes that of before refuse all.
func duelists(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) > 0 {
		refusing.Store(true)
		return
	}
	refusing.Store(false)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked, err := io.ReadAll(r.Body)
		if err != nil || refusing.Load() {
			http.Error(w, "not again", http.StatusBadRequest)
			return
		}
		good, poor := bytes.Index(asked, []byte("\\ngood\\n")), bytes.Index(asked, []byte("\\npoor\\n"))
		m, other := math.Log(0.75), math.Log(0.25)
		if poor < good {
			m, other = other, m
		}
		fmt.Fprintf(w, `{"choices": [{"message": {"role": "assistant", "content": "m"}, "logprobs": {"content": [{"top_logprobs": [{"token": "m", "logprob": %g}, {"token": "M", "logprob": %g}]}]}}]}`, m, other)
	}))
	ts.Defer(s.Close)
	ts.Setenv("URL", s.URL)
}

var refusing atomic.Bool

// raters starts a judge that finds good better than poor: it rates an answer
// with good in it 8 and others 3.5, in single brackets, and gives a label where
// two are compared. Asked about what is mute it says nothing of use, until it is
// asked again. It is down for a third of what it is asked first, and refuses to
// answer twice.
func raters(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) > 0 {
		a, err := http.Get(ts.Getenv("URL") + "/gone")
		ts.Check(err)
		ts.Check(a.Body.Close())
		return
	}
	var mu sync.Mutex
	asked, gone := map[string]int{}, false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if gone = gone || r.URL.Path == "/gone"; r.Method == http.MethodGet {
			return
		}
		n := asked[string(body)]
		asked[string(body)]++
		down := len(body)%3 == 0
		switch {
		case err != nil || gone || n > 1 || n == 1 && !down:
			http.Error(w, "not again", http.StatusBadRequest)
			return
		case n == 0 && down:
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(map[string]any{"choices": []any{map[string]any{"message": map[string]string{"content": opinion(body)}}}})
	}))
	ts.Defer(s.Close)
	ts.Setenv("URL", s.URL)
}

func opinion(body []byte) string {
	good, poor := bytes.Index(body, []byte("good")), bytes.Index(body, []byte("poor"))
	switch {
	case bytes.Contains(body, []byte("mute")) && !bytes.Contains(body, []byte(`"assistant"`)):
		return "Hard to say."
	case !bytes.Contains(body, []byte("VERSUS")) && good >= 0:
		return "Rating: [[8]]"
	case !bytes.Contains(body, []byte("VERSUS")):
		return "Rating: [3.5]"
	case good < 0 || poor < 0:
		return "[[A=B]]"
	case good < poor:
		return "[[A>>B]]"
	}
	return "[[B>A]]"
}
