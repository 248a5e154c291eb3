package torch

import (
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// watches are those of size processes, joined within this one.
func watches(t *testing.T, size int) []*watch {
	t.Helper()
	at := make(chan meeting, size)
	made := make(chan *watch, size)
	for rank := range size {
		go func() {
			w := newWatch(rank, size)
			err := w.join("127.0.0.1", "127.0.0.1", func(m meeting) error {
				// a stranger and one without the token call first
				for _, hello := range []string{"", strings.Repeat("x", 20)} {
					if conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(m.Port))); err == nil {
						_, _ = conn.Write([]byte(hello))
						defer conn.Close()
					}
				}
				for range size - 1 {
					at <- m
				}
				return nil
			}, func() (meeting, error) { return <-at, nil })
			if err != nil {
				t.Error(err)
			}
			made <- w
		}()
	}
	ws := make([]*watch, size)
	for range size {
		w := <-made
		ws[w.rank] = w
	}
	return ws
}

func (w *watch) mustSay(t *testing.T, want string) {
	t.Helper()
	select {
	case <-w.gone:
		if !strings.HasPrefix(w.err.Error(), want) {
			t.Errorf("process %d says %q, want %q", w.rank, w.err, want)
		}
	case <-time.After((misses + 2) * listen):
		t.Errorf("process %d says nothing", w.rank)
	}
}

// TestWatch: all others learn who has died, who has failed, and who is silent;
// one that leaves as it should troubles nobody.
func TestWatch(t *testing.T) {
	for want, end := range map[string]func(*watch){
		"process 1 of 4 has died":                        func(w *watch) { w.peers[0].Close() },
		"process 1 of 4 has failed, and says why itself": func(w *watch) { w.leave(errors.New("so")) },
	} {
		t.Run(want, func(t *testing.T) {
			t.Parallel()
			ws := watches(t, 4)
			ws[3].leave(nil)
			end(ws[1])
			ws[0].mustSay(t, want)
			ws[2].mustSay(t, want)
			select {
			case <-ws[3].gone:
				t.Errorf("the one that has left says %v", ws[3].err)
			default:
			}
		})
	}
	t.Run("rank 0 dies", func(t *testing.T) {
		t.Parallel()
		ws := watches(t, 3)
		for _, conn := range ws[0].peers[1:] {
			conn.Close()
		}
		ws[1].mustSay(t, "process 0 of 3 has died")
		ws[2].mustSay(t, "process 0 of 3 has died")
	})
	t.Run("silence", func(t *testing.T) {
		t.Parallel()
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() // it never accepts: the machine is there, the process is not
		m := meeting{l.Addr().(*net.TCPAddr).Port, binary.BigEndian.AppendUint64(nil, 1)}
		w := newWatch(1, 2)
		w.listen = 100 * time.Millisecond
		if err := w.join("127.0.0.1", "", nil, func() (meeting, error) { return m, nil }); err != nil {
			t.Fatal(err)
		}
		w.mustSay(t, "process 0 of 2 has not answered for 500ms")
	})
}
