package torch

import (
	"os"
	"syscall"
)

// waitPolicy tells OpenMP whether a thread without work spins or sleeps. It is
// read when libtorch is loaded, before main.
const waitPolicy = "OMP_WAIT_POLICY"

// SleepWhileWaiting starts the program again with OpenMP's waiting threads
// told to sleep, unless the environment has its own word on it. Spinning, the
// default, takes most of the time when other programs want the cores too:
// sampling from the built-in model was four to six times slower on a machine
// with a load of six. It is for the first line of main; on failure it returns
// and the program goes on as it is.
func SleepWhileWaiting() {
	if os.Getenv(waitPolicy) != "" || os.Getenv("GOMP_SPINCOUNT") != "" {
		return
	}
	self, err := os.Executable()
	if err != nil {
		return
	}
	_ = syscall.Exec(self, os.Args, append(os.Environ(), waitPolicy+"=passive"))
}
