package torch

// #cgo CXXFLAGS: -I${SRCDIR}/gloo
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strconv"
	"unsafe"
)

// A Group is processes that train together, joined by torch's c10d over Gloo.
// All of them call the same methods in the same order. A nil *Group is one
// process alone.
type Group struct {
	c          C.shim_group
	rank, size int
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

// How long processes wait for each other, in seconds. One that dies closes its
// connections, which ends the waiting of the others at once; these bounds are
// for machines that vanish. Between jobs rank 0 works alone, for days perhaps.
const (
	toJoin    = 5 * 60
	toSum     = 30 * 60
	toBeAsked = 30 * 24 * 60 * 60
)

// Sum replaces each of ts by the sum of what the processes have there, which
// has the same bits in all of them.
func (g *Group) Sum(ts ...Tensor) {
	if g == nil {
		return
	}
	for _, t := range ts {
		if C.shim_group_sum(g.c, C.shim_tensor(t.use("sum over processes")), toSum) != 0 {
			g.lost("sum over processes", t)
		}
	}
}

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

// lost fails op: what libtorch says of it is about sockets.
func (g *Group) lost(op string, t Tensor) {
	fail(op, fmt.Sprintf("process %d of %d has lost another one, whose own message says why; run again to continue (%s)", g.rank, g.size, firstLine(shimWords())), t)
}

// A place is a process's position among those of a launch.
type place struct{ rank, size, local int }

// launchers are the variables by which torchrun, mpirun and srun number
// processes: how many there are, this one's number, and that on its machine.
var launchers = [][3]string{
	{"WORLD_SIZE", "RANK", "LOCAL_RANK"},
	{"OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_LOCAL_RANK"},
	{"SLURM_STEP_NUM_TASKS", "SLURM_PROCID", "SLURM_LOCALID"},
}

// findPlace reads the first of the launchers that env knows; without one the
// process is alone.
func findPlace(env func(string) string) (p place, err error) {
	for _, names := range launchers {
		if env(names[0]) == "" {
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
		return nil, fmt.Errorf("process %d of %d: MASTER_ADDR is %q and MASTER_PORT %q: set them to where rank 0 runs and a free port there, as torchrun does",
			p.rank, p.size, host, port)
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
	return g, err
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
