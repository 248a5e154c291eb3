package torch

// #cgo CXXFLAGS: -I${SRCDIR}/gloo
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
	"unsafe"
)

// A Group is processes that train together, joined by torch's c10d: over Gloo,
// and over NCCL for tensors on a GPU.
// All of them call the same methods in the same order. A nil *Group is one
// process alone.
type Group struct {
	c          C.shim_group
	rank, size int
	watch      *watch
}

// Rank is this process's number, from 0. Rank 0 alone writes files.
func (g *Group) Rank() int {
	if g == nil {
		return 0
	}
	return g.rank
}

// Size is how many processes there are.
func (g *Group) Size() int {
	if g == nil {
		return 1
	}
	return g.size
}

// How long processes wait for each other, in seconds. The watch ends the waiting
// when one is gone; otherwise it is lawful: between jobs rank 0 works alone, for
// days perhaps.
const (
	toJoin    = 5 * 60
	toSum     = 24 * 60 * 60
	toBeAsked = 30 * 24 * 60 * 60
)

// Lost is closed when another process is gone: then Err says which. Whoever
// waits for this group's work need not wait any longer.
func (g *Group) Lost() <-chan struct{} { return g.watch.gone }

// Err is who is gone, after Lost.
func (g *Group) Err() error { return g.watch.err }

// Left reports whether rank 0 has ended as it should, before it had dismissed
// this process: it was interrupted.
func (g *Group) Left() bool {
	select {
	case <-g.watch.left:
		return true
	default:
		return false
	}
}

// Leave tells the others that this process ends, and that it has failed unless
// err is nil.
func (g *Group) Leave(err error) { g.watch.leave(err) }

// Announce gives data to all other processes, which must be in Await. Rank 0
// calls it.
func (g *Group) Announce(ctx context.Context, data []byte) error {
	if g == nil {
		return nil
	}
	return Run(ctx, CPU, func(s *Scope) error {
		g.broadcast(s.Copy(Byte, binary.BigEndian.AppendUint64(nil, uint64(len(data))), 8))
		g.broadcast(s.Copy(Byte, data, int64(len(data))))
		return nil
	})
}

// Await is what rank 0 announces next.
func (g *Group) Await(ctx context.Context) (data []byte, err error) {
	err = Run(ctx, CPU, func(s *Scope) error {
		size := s.Zeros(Byte, 8)
		g.broadcast(size)
		n := int64(0)
		size.Bytes(func(b []byte) { n = int64(binary.BigEndian.Uint64(b)) })
		body := s.Zeros(Byte, n)
		g.broadcast(body)
		body.Bytes(func(b []byte) { data = append(data, b...) })
		return nil
	})
	return data, err
}

func (g *Group) broadcast(t Tensor) {
	if t.Len() > 0 && C.shim_group_broadcast(g.c, C.shim_tensor(t.use("broadcast")), toBeAsked) != 0 {
		g.lost("broadcast", t)
	}
}

// lost fails op. What libtorch says of it is about sockets: the watch knows more,
// a moment later.
func (g *Group) lost(op string, t Tensor) {
	words := firstLine(shimWords())
	if g.watch == nil {
		fail(op, words, t)
	}
	select {
	case <-g.Lost():
		fail(op, g.Err().Error(), t)
	case <-g.watch.left:
		fail(op, "process 0 has ended", t)
	case <-time.After((misses + 1) * listen):
		fail(op, words, t)
	}
}

// A place is a process's position among those of a launch.
type place struct {
	rank, size, local int
	how               string // to set what the launcher leaves to its user
}

// launchers are the variables by which torchrun, mpirun and srun number
// processes: how many there are, this one's number, and that on its machine.
var launchers = []struct {
	names [3]string
	how   string
}{
	{[3]string{"WORLD_SIZE", "RANK", "LOCAL_RANK"}, ""},
	{[3]string{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"},
		"; with mpirun: -x MASTER_ADDR=first-host -x MASTER_PORT=29500"},
	{[3]string{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID"},
		`; before srun: export MASTER_PORT=29500 MASTER_ADDR=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)`},
}

// findPlace reads the first of the launchers that env knows; without one the
// process is alone.
func findPlace(env func(string) string) (p place, err error) {
	for _, l := range launchers {
		names := l.names
		if p.how = l.how; env(names[0]) == "" {
			continue
		}
		for i, field := range []*int{&p.size, &p.rank, &p.local} {
			text := env(names[i])
			if text == "" && i == 2 {
				break
			}
			if *field, err = strconv.Atoi(text); err != nil {
				return p, fmt.Errorf("%s is %q: want a number, as torchrun sets it", names[i], text)
			}
		}
		if p.size < 1 || p.rank < 0 || p.rank >= p.size || p.local < 0 {
			return p, fmt.Errorf("%s is %d and %s %d: want a rank below the size", names[0], p.size, names[1], p.rank)
		}
		return p, nil
	}
	return place{size: 1}, nil
}

// Processes is how many this launch has, by the environment that Join reads; 1
// where that is of no use.
func Processes() int64 {
	p, err := findPlace(os.Getenv)
	if err != nil {
		return 1
	}
	return int64(p.size)
}

// Join finds the other processes of this launch by the environment that
// torchrun, mpirun or srun gives, and returns nil where there are none. The
// processes meet at MASTER_ADDR and MASTER_PORT, where rank 0 serves unless
// torchrun's agent does; GLOO_SOCKET_IFNAME names the interface to use.
func Join() (*Group, error) {
	p, err := findPlace(os.Getenv)
	if err != nil || p.size == 1 {
		return nil, err
	}
	host, port := os.Getenv("MASTER_ADDR"), os.Getenv("MASTER_PORT")
	number, err := strconv.ParseUint(port, 10, 16)
	if host == "" || err != nil {
		return nil, fmt.Errorf("process %d of %d: MASTER_ADDR is %q and MASTER_PORT %q: set them to where rank 0 runs and a free port there, as torchrun does%s",
			p.rank, p.size, host, port, p.how)
	}
	address := ""
	if ip, err := net.ResolveIPAddr("ip", host); err == nil && ip.IP.IsLoopback() {
		address = ip.String() // all are on this machine
	}
	serve := C.int(0)
	if p.rank == 0 && os.Getenv("TORCHELASTIC_USE_AGENT_STORE") != "True" {
		serve = 1
	}
	prefix := "radpo/" + os.Getenv("TORCHELASTIC_RESTART_COUNT")
	words := []*C.char{C.CString(host), C.CString(prefix), C.CString(os.Getenv("GLOO_SOCKET_IFNAME")), C.CString(address)}
	defer func() {
		for _, w := range words {
			C.free(unsafe.Pointer(w))
		}
	}()
	g := &Group{rank: p.rank, size: p.size}
	onThread(func() {
		g.c = C.shim_group_join(words[0], C.int(number), serve, C.int(p.rank), C.int(p.size), words[1], words[2], words[3], toJoin)
		if g.c == nil {
			err = fmt.Errorf("process %d of %d cannot join the others at %s:%s: %s", p.rank, p.size, host, port, firstLine(shimWords()))
		}
	})
	if err == nil {
		err = g.look(host, address)
	}
	if err != nil {
		return nil, err
	}
	return g, nil
}

// look starts the watch: rank 0, at host, listens at an address of its own, ""
// for all that it has.
func (g *Group) look(host, address string) (err error) {
	ctx := context.Background()
	w := newWatch(g.rank, g.size)
	err = w.join(host, address, func(m meeting) error {
		data, err := json.Marshal(m)
		if err != nil {
			return err
		}
		return g.Announce(ctx, data)
	}, func() (m meeting, err error) {
		data, err := g.Await(ctx)
		if err != nil {
			return m, err
		}
		return m, json.Unmarshal(data, &m)
	})
	g.watch = w
	return err
}

type groupKey struct{}

// WithGroup gives what runs under the context a group.
func WithGroup(ctx context.Context, g *Group) context.Context {
	return context.WithValue(ctx, groupKey{}, g)
}

// GroupOf is the context's group, nil if it has none.
func GroupOf(ctx context.Context) *Group {
	g, _ := ctx.Value(groupKey{}).(*Group)
	return g
}
