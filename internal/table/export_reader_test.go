package table

import (
	"io"
	"os"
	"syscall"
	"testing"
	"time"
)

// ReadHere has files of others read in this process while a test runs, by the
// code that a process of its own would run.
func ReadHere(t testing.TB) {
	instead(t, func(path string) (source, error) {
		asked, ask := io.Pipe()
		out, rows := io.Pipe()
		ended := make(chan error, 1)
		go func() {
			defer rows.Close()
			ended <- serve(path, asked, rows)
		}()
		r := &reader{
			path: path, limits: limits{patience: time.Minute}, ask: ask, out: out, gone: make(chan struct{}),
			wait: func() error { return <-ended }, kill: asked.Close,
		}
		return r, r.begin()
	})
}

// ReadAs has them read by a process that misbehaves: "hangs", "panics", "dies"
// or "eats".
func ReadAs(t testing.TB, name string) {
	instead(t, func(path string) (source, error) {
		return startAs(name, path, limits{64 << 20, 300 * time.Millisecond})
	})
}

func instead(t testing.TB, start func(string) (source, error)) {
	old := startReader
	startReader = start
	t.Cleanup(func() { startReader = old })
}

// A process with one of these names hands over a row and then misbehaves.
func init() {
	misbehave := map[string]func(){
		"hangs":  func() { time.Sleep(time.Hour) },
		"panics": func() { go panic("in a goroutine"); time.Sleep(time.Hour) },
		"dies":   func() { syscall.Kill(os.Getpid(), syscall.SIGKILL); time.Sleep(time.Hour) },
		"eats": func() {
			if err := confine(64 << 20); err != nil {
				panic(err)
			}
			for all := [][]byte(nil); ; {
				all = append(all, make([]byte, 1<<20))
			}
		},
	}
	if f, ok := misbehave[os.Args[0]]; ok {
		w := &blockWriter{w: os.Stdout}
		w.put(tagText, []byte("prompt"))
		w.flush()
		w.put(tagRow, append(appendText([]byte{tagAbsent, tagText}, "whole"), tagAbsent))
		w.flush()
		f()
	}
}

// Leave starts the process that reads a file, lets go of it as a program does
// that is killed, and waits for its end.
func Leave(path string) error {
	s, err := startReader(path)
	if err != nil {
		return err
	}
	r := s.(*reader)
	defer r.close()
	r.ask.Close()
	err = r.wait()
	r.wait = func() error { return err }
	return err
}
