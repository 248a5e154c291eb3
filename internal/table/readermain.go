package table

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strconv"
	"syscall"
)

// A program that reads files of others reads them in another process of itself.
// It turns into that one here and not in main, so that tests do as well, and so
// that none starts itself over and over.
func init() {
	if len(os.Args) != 3 || os.Args[0] != readerName {
		return
	}
	limit, err := strconv.ParseInt(os.Args[2], 10, 64)
	if err == nil {
		err = confine(limit)
	}
	if err == nil {
		err = serve(os.Args[1], leash{os.Stdin}, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A leash ends the process when who holds the other end is gone.
type leash struct{ io.Reader }

func (l leash) Read(b []byte) (int, error) {
	n, err := l.Reader.Read(b)
	if n == 0 && err != nil {
		os.Exit(1)
	}
	return n, err
}

// confine bounds this process's address space to what it takes now and limit
// bytes. Where the machine itself runs out of memory, the kernel takes this
// process first.
func confine(limit int64) error {
	debug.SetMemoryLimit(limit / 2)                                 // the collector's, which fragments and is late
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0) // a wish
	pages, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return err
	}
	own, err := strconv.ParseUint(string(bytes.Fields(pages)[0]), 10, 64)
	if err != nil {
		return err
	}
	var old syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &old); err != nil {
		return err
	}
	most := min(old.Max, old.Cur, own*uint64(os.Getpagesize())+uint64(limit))
	return syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most})
}

// serve writes the columns of a file, reads which ones are wanted, and writes
// its rows.
func serve(path string, ask io.Reader, out io.Writer) error {
	w := &blockWriter{w: out}
	kind, err := sniff(path)
	var names []string
	if err == nil {
		names, err = kind.names(path)
	}
	for _, name := range names {
		w.put(tagText, []byte(name))
	}
	if err != nil {
		w.put(tagBroken, []byte(err.Error()))
	}
	w.put(tagDone, nil)
	w.flush()
	var asked [2][]string
	questions := json.NewDecoder(ask)
	if err := errors.Join(w.err, questions.Decode(&asked)); err != nil {
		return err
	}
	go questions.Token() // until the other end is closed
	for row, err := range kind.rows(path, columns{need: asked[0], also: asked[1]}) {
		var of *RowError
		switch {
		case err == nil:
			w.add(tagRow, row.data)
		case errors.As(err, &of):
			w.add(tagFault, []byte(of.Err.Error()))
		default:
			w.add(tagBroken, []byte(err.Error()))
		}
		if w.err != nil {
			return w.err
		}
	}
	w.add(tagDone, nil)
	w.flush()
	return w.err
}
