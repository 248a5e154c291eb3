package torch

// #cgo CXXFLAGS: -std=c++17 -O2 -Wall -Wextra -Werror -fopenmp
// #cgo LDFLAGS: -lgomp
// #include <stdlib.h>
// #include "shim.h"
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"
)

// A Device is where tensors live: CPU, or the number of a CUDA device.
type Device int32

// CPU is the host.
const CPU Device = -1

func (d Device) String() string {
	if d == CPU {
		return "cpu"
	}
	return fmt.Sprintf("cuda:%d", int32(d))
}

// OpenDevice finds the device that a configuration names: cpu, cuda, or auto,
// which is cuda where one answers. The same binary serves both: CUDA's
// library is opened here, at run time. Processes of one launch take a device each.
func OpenDevice(name string) (Device, error) {
	switch name {
	case "cpu":
		return CPU, nil
	case "cuda", "auto":
	default:
		return CPU, fmt.Errorf("device %q: want auto, cpu or cuda", name)
	}
	n, err := openCUDA()
	switch {
	case err == nil && n > 0:
		return ofProcess(n)
	case name == "auto":
		return CPU, nil
	case err != nil:
		return CPU, fmt.Errorf("device cuda: %w", err)
	}
	return CPU, fmt.Errorf("device cuda: libtorch sees no CUDA device")
}

// ofProcess is this process's of a machine's devices. Where a launcher shows each
// process its own alone, that is the first.
func ofProcess(devices int) (Device, error) {
	p, err := findPlace(os.Getenv)
	if err != nil || p.size == 1 {
		return 0, err
	}
	return Device(p.local % devices), openCUDAPart()
}

// openCUDA loads libtorch_cuda beside the libtorch_cpu in use, once.
var openCUDA = sync.OnceValues(func() (int, error) {
	path, err := cudaLibrary()
	if err != nil {
		return 0, err
	}
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	n := int(C.shim_open_cuda(c))
	if n < 0 {
		return 0, fmt.Errorf("open %s: %s", path, shimWords())
	}
	return n, nil
})

// cudaPart is the shared object of what needs CUDA's headers (make cuda): it
// lies beside the program.
const cudaPart = "libradpo_cuda.so"

// openCUDAPart loads it, once.
var openCUDAPart = sync.OnceValue(func() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	path := filepath.Join(filepath.Dir(self), cudaPart)
	if _, err := os.Stat(path); err != nil {
		return fmt.Errorf("no %s beside the program: build it with make cuda", cudaPart)
	}
	c := C.CString(path)
	defer C.free(unsafe.Pointer(c))
	if C.shim_open_cuda_part(c) != 0 {
		return fmt.Errorf("open %s: %s", path, shimWords())
	}
	return nil
})

// cudaLibrary is the path of libtorch_cuda.so in the folder that this process
// loaded libtorch_cpu.so from.
func cudaLibrary() (string, error) {
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return "", err
	}
	for line := range strings.Lines(string(maps)) {
		if i := strings.Index(line, "/"); i >= 0 && strings.HasSuffix(strings.TrimSpace(line), "/libtorch_cpu.so") {
			path := filepath.Join(filepath.Dir(strings.TrimSpace(line[i:])), "libtorch_cuda.so")
			if _, err := os.Stat(path); err != nil {
				return "", fmt.Errorf("this libtorch has no CUDA part: %w", err)
			}
			return path, nil
		}
	}
	return "", fmt.Errorf("libtorch_cpu.so is not loaded from a file")
}

// SetThreads sets how many threads one operator may use on the CPU. Results
// depend on it in the last bits, so a run fixes it.
func SetThreads(n int) { C.shim_set_threads(C.int(n)) }
