package torch

// #include "shim.h"
import "C"

import (
	"bufio"
	"fmt"
	"os"
)

// Memory is the bytes that tensors on d may still take, and all that d has.
func Memory(d Device) (free, total int64, err error) {
	if d == CPU {
		return hostMemory()
	}
	if err := openCUDAPart(); err != nil {
		return 0, 0, err
	}
	var f, t C.int64_t
	if C.shim_cuda_memory(C.int(d), &f, &t) != 0 {
		return 0, 0, fmt.Errorf("memory of %v: %s", d, shimWords())
	}
	return int64(f), int64(t), nil
}

// GiveBack has blocks of at least so many bytes return to the system when they
// are freed, and not stay for the next: each new one costs its page faults, and
// no holes are left between those that live on.
func GiveBack(bytes int64) { C.shim_give_back(C.int64_t(bytes)) }

// Metered calls fn and returns the bytes of the tensors made in it, on all
// devices: of those that it leaves, and of the most there were at a time. It
// does not nest.
func (s *Scope) Metered(fn func(*Scope)) (left, most int64) {
	C.shim_meter_start()
	defer func() {
		var l, m C.int64_t
		C.shim_meter_stop(&l, &m)
		left, most = int64(l), int64(m)
	}()
	fn(s)
	return left, most
}

func hostMemory() (free, total int64, err error) {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var kilobytes int64
		if _, err := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kilobytes); err == nil {
			free = kilobytes << 10
		}
		if _, err := fmt.Sscanf(lines.Text(), "MemTotal: %d kB", &kilobytes); err == nil {
			total = kilobytes << 10
		}
	}
	if free == 0 || total == 0 {
		return 0, 0, fmt.Errorf("/proc/meminfo names neither MemAvailable nor MemTotal")
	}
	return free, total, lines.Err()
}
