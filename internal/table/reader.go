package table

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Arrow and Parquet that others wrote is read in a process of its own, with
// limits on its memory and time: Go cannot recover from lack of memory, nor from
// a library's goroutine that panics, and what such bytes claim is at the mercy
// of who wrote them. That process is this program, started again under the name
// readerName (readermain.go). It hands rows over as wire.go has them, so that no
// foreign byte is decoded here, and there is no second look at the file.

// readerName is the argument 0 by which the program knows that it is to read.
const readerName = "radpo-reader"

// A ReaderError says that the process which reads a file of others came to an
// end before the file did.
type ReaderError struct {
	Path string
	What string // happened
}

func (e *ReaderError) Error() string {
	return fmt.Sprintf("%s: the process that reads it %s: the file is damaged or made to do harm; write it anew, or as JSON lines", e.Path, e.What)
}

// limits are what reading a file may take.
type limits struct {
	memory   int64         // bytes of address space beside what the program itself takes
	patience time.Duration // to be waited for rows, in all
}

// limitsOf grow with the file. Of Arrow a record batch is in memory at once,
// which may be all of the file, compressed, and the one before it not collected.
func limitsOf(path string) (limits, error) {
	files, err := filepath.Glob(filepath.Join(path, "*")) // none, unless it is a folder
	var all, largest int64
	for _, file := range append(files, path) {
		if info, bad := os.Stat(file); bad == nil {
			all, largest = all+info.Size(), max(largest, info.Size())
		}
	}
	return limits{1<<30 + 4*largest, 30*time.Second + time.Duration(all>>20)*time.Second}, err
}

// A reader is a process that reads a file.
type reader struct {
	path string
	limits
	ask     io.WriteCloser
	out     io.ReadCloser
	block   []byte
	columns []string     // of the file
	wait    func() error // for its end
	kill    func() error
	said    start512

	waiting, late atomic.Bool
	gone          chan struct{} // closed by close
}

// startReader starts the process that reads a file; tests have others.
var startReader = func(path string) (source, error) {
	l, err := limitsOf(path)
	if err != nil {
		return nil, err
	}
	return startAs(readerName, path, l)
}

func startAs(name, path string, l limits) (source, error) {
	cmd := exec.Command(readerProgram())
	cmd.Args = []string{name, path, strconv.FormatInt(l.memory, 10)}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // an interrupt is for this process, which ends that one
	r := &reader{path: path, limits: l, wait: cmd.Wait, gone: make(chan struct{})}
	cmd.Stderr = &r.said
	out, rows, err := os.Pipe()
	if err == nil {
		defer rows.Close()
		widen(rows)
		cmd.Stdout, r.out = rows, out
		r.ask, err = cmd.StdinPipe()
	}
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s: start a process to read it: %w", path, err), out.Close())
	}
	r.kill = cmd.Process.Kill
	return r, r.begin()
}

// readerProgram is the program of that name beside this one, or else this one.
func readerProgram() string {
	if self, err := os.Executable(); err == nil {
		beside := filepath.Join(filepath.Dir(self), readerName)
		if _, err := os.Stat(beside); err == nil {
			return beside
		}
	}
	return "/proc/self/exe"
}

// widen has a pipe hold several blocks, so that its two ends wait for each other
// less often. Where that is refused it stays as it is.
func widen(pipe *os.File) {
	if c, err := pipe.SyscallConn(); err == nil {
		_ = c.Control(func(fd uintptr) { _, _ = unix.FcntlInt(fd, unix.F_SETPIPE_SZ, 4*blockBytes) })
	}
}

// begin reads the file's columns, with which the process begins.
func (r *reader) begin() error {
	go r.watch()
	block, err := r.next()
	for c := (cursor{s: block}); c.s != "" && err == nil; {
		switch tag, text := c.tag(), c.text(); tag {
		case tagBroken:
			err = errors.New(text)
		case tagText:
			r.columns = append(r.columns, strings.Clone(text))
		}
	}
	if err != nil {
		r.close()
	}
	return err
}

// watch ends a process that was waited for too long. It counts ticks, not time,
// so that a program which is stopped for a while waits no less.
func (r *reader) watch() {
	const often = 100 * time.Millisecond
	tick := time.NewTicker(often)
	defer tick.Stop()
	for left := r.patience; ; {
		select {
		case <-r.gone:
			return
		case <-tick.C:
		}
		if r.waiting.Load() {
			left -= often
		}
		if left < 0 {
			r.late.Store(true)
			r.kill()
			return
		}
	}
}

// close ends the process, whatever it does.
func (r *reader) close() {
	close(r.gone)
	r.ask.Close()
	r.out.Close()
	r.kill()
	r.wait()
}

// next waits for the next block.
func (r *reader) next() (string, error) {
	r.waiting.Store(true)
	defer r.waiting.Store(false)
	var head [4]byte
	if _, err := io.ReadFull(r.out, head[:]); err != nil {
		return "", r.died()
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n > maxBlock {
		return "", fmt.Errorf("%s: the process that reads it sent %d bytes at once", r.path, n)
	}
	if cap(r.block) < n {
		r.block = make([]byte, n)
	}
	if _, err := io.ReadFull(r.out, r.block[:n]); err != nil {
		return "", r.died()
	}
	return string(r.block[:n]), nil
}

// died is the error of a process that ended too early.
func (r *reader) died() error {
	err := r.wait()
	r.wait = func() error { return err }
	said, what := r.said.String(), "failed"
	exit := (*exec.ExitError)(nil)
	switch {
	case r.late.Load():
		what = fmt.Sprintf("had no rows for %v", r.patience)
	case strings.Contains(said, "out of memory"), strings.Contains(said, "pthread_create failed"):
		what = fmt.Sprintf("wants more memory than the %d MB that a file of this size may take", r.memory>>20)
	case errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signaled():
		what = "was ended by the signal " + exit.Sys().(syscall.WaitStatus).Signal().String()
	case said != "":
		what += " (" + strings.TrimSpace(strings.SplitN(said, "\n", 2)[0]) + ")"
	}
	return &ReaderError{r.path, what}
}

func (r *reader) names() ([]string, error) { return r.columns, nil }

// rows asks for the wanted columns.
func (r *reader) rows(want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		if err := json.NewEncoder(r.ask).Encode([][]string{want.need, want.also}); err != nil {
			yield(foreignRow{}, r.died())
			return
		}
		names, n := want.all(), 0
		values := cursor{names: map[string]string{}}
		for {
			block, err := r.next()
			if err != nil {
				yield(foreignRow{}, err)
				return
			}
			for c := (cursor{s: block}); c.s != ""; {
				tag, text := c.tag(), c.text()
				if tag == tagDone {
					return
				}
				if tag == tagBroken {
					yield(foreignRow{}, errors.New(text))
					return
				}
				n++
				row, err := foreignRow{at: ": row " + strconv.Itoa(n)}, error(nil)
				switch {
				case tag == tagFault:
					err = row.fault(r.path, errors.New(text))
				case want.late:
					row.late = text
				default:
					row.cols, err = values.row(text, names)
				}
				if !yield(row, err) {
					return
				}
			}
		}
	}
}

// A start512 keeps the first bytes that are written to it.
type start512 struct{ bytes.Buffer }

func (b *start512) Write(p []byte) (int, error) {
	b.Buffer.Write(p[:min(len(p), 512-b.Len())])
	return len(p), nil
}
