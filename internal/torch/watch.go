package torch

import (
	"bufio"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"time"
)

// Processes watch each other beside c10d, whose waits may last for hours: each
// is joined to rank 0 and sends it a line every beat, as rank 0 does to it. An
// empty line says that the sender is there, bye that it leaves as it should,
// and any other who is gone. It is plain Go on threads of its own, so that
// nothing which libtorch is busy with holds it up.
const (
	beat   = time.Second
	listen = 3 * time.Second // for one line; after so many in vain a process is gone
	misses = 5
	bye    = "bye"
)

// A watch learns which process of a group is gone.
type watch struct {
	rank, size int
	listen     time.Duration
	peers      []net.Conn // by rank; those that this process has no connection to are nil
	once       sync.Once
	gone       chan struct{} // closed when err is set
	err        error
	left       chan struct{} // closed when rank 0 has left as it should
}

// A meeting is where rank 0 waits for the others, and what they say to be let in.
type meeting struct {
	Port  int
	Token []byte
}

func newWatch(rank, size int) *watch {
	return &watch{rank: rank, size: size, listen: listen, peers: make([]net.Conn, size), gone: make(chan struct{}), left: make(chan struct{})}
}

// join joins the processes: rank 0, at host, gives where it listens to tell, and
// asked gives the others the same.
func (w *watch) join(host, bind string, tell func(meeting) error, asked func() (meeting, error)) (err error) {
	if w.rank == 0 {
		err = w.receive(bind, tell)
	} else {
		err = w.report(host, asked)
	}
	if err != nil {
		return fmt.Errorf("process %d of %d cannot watch the others: %w", w.rank, w.size, err)
	}
	for peer, conn := range w.peers {
		if conn != nil {
			go w.hear(peer, conn)
			go beatTo(conn)
		}
	}
	return nil
}

// receive lets all others in.
func (w *watch) receive(bind string, tell func(meeting) error) error {
	l, err := net.Listen("tcp", net.JoinHostPort(bind, "0"))
	if err != nil {
		return err
	}
	defer l.Close()
	at := l.Addr().(*net.TCPAddr)
	m := meeting{at.Port, make([]byte, 16)}
	rand.Read(m.Token) // never fails
	if err := tell(m); err != nil {
		return err
	}
	if err := l.(*net.TCPListener).SetDeadline(time.Now().Add(toJoin * time.Second)); err != nil {
		return err
	}
	for missing := w.size - 1; missing > 0; {
		conn, err := l.Accept()
		if err != nil {
			return err
		}
		if rank := m.admit(conn, w.size); rank > 0 && w.peers[rank] == nil {
			w.peers[rank] = conn
			missing--
		} else {
			conn.Close()
		}
	}
	return nil
}

// admit is the rank of who has called, 0 for a stranger.
func (m meeting) admit(conn net.Conn, size int) int {
	hello := make([]byte, len(m.Token)+4)
	if conn.SetReadDeadline(time.Now().Add(listen)) != nil {
		return 0
	}
	if _, err := io.ReadFull(conn, hello); err != nil || subtle.ConstantTimeCompare(hello[:len(m.Token)], m.Token) == 0 {
		return 0
	}
	if rank := binary.BigEndian.Uint32(hello[len(m.Token):]); rank < uint32(size) {
		return int(rank)
	}
	return 0
}

// report calls rank 0.
func (w *watch) report(host string, asked func() (meeting, error)) error {
	m, err := asked()
	if err != nil {
		return err
	}
	conn, err := net.DialTimeout("tcp", net.JoinHostPort(host, fmt.Sprint(m.Port)), toJoin*time.Second)
	if err != nil {
		return err
	}
	w.peers[0] = conn
	_, err = conn.Write(binary.BigEndian.AppendUint32(m.Token, uint32(w.rank)))
	return err
}

// beatTo says that this process is there, until the connection ends.
func beatTo(conn net.Conn) {
	for ; say(conn, "") == nil; time.Sleep(beat) {
	}
}

func say(conn net.Conn, line string) error {
	if err := conn.SetWriteDeadline(time.Now().Add(listen)); err != nil {
		return err
	}
	_, err := conn.Write([]byte(line + "\n"))
	return err
}

// hear listens to a peer until one of them leaves. Waits in vain count only in
// a row: when this process itself was stopped for long, the lines are there.
func (w *watch) hear(peer int, conn net.Conn) {
	in := bufio.NewReaderSize(conn, 256)
	for missed := 0; ; {
		if err := conn.SetReadDeadline(time.Now().Add(w.listen)); err != nil {
			return
		}
		line, err := in.ReadSlice('\n')
		switch text := strings.TrimSpace(string(line)); {
		case errors.Is(err, net.ErrClosed):
			return // this process leaves
		case text == bye:
			if peer == 0 {
				close(w.left)
			}
			return
		case errors.Is(err, os.ErrDeadlineExceeded):
			if missed++; missed == misses {
				w.tell(fmt.Sprintf("process %d of %d has not answered for %v: it is stopped, or its machine is gone", peer, w.size, misses*w.listen))
				return
			}
		case err != nil:
			w.tell(fmt.Sprintf("process %d of %d has died", peer, w.size))
			return
		case text != "":
			w.tell(text)
			return
		default:
			missed = 0
		}
	}
}

// tell says to this process, and to all that it is joined to, who is gone.
func (w *watch) tell(text string) {
	w.once.Do(func() {
		w.err = errors.New(text + "; run again to continue")
		for _, conn := range w.peers {
			if conn != nil {
				_ = say(conn, text) // who does not hear it sees the connection close
			}
		}
		close(w.gone)
	})
}

// leave says why this process ends; nil: as it should.
func (w *watch) leave(err error) {
	text := bye
	if err != nil {
		text = fmt.Sprintf("process %d of %d has failed, and says why itself", w.rank, w.size)
	}
	for _, conn := range w.peers {
		if conn != nil {
			_ = say(conn, text)
			conn.Close()
		}
	}
}
