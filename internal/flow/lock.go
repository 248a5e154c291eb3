package flow

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// An owner is what the holder of the lock writes into it, for the message that
// others get. The lock itself is the kernel's and dies with its process.
type owner struct {
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// lock takes the run folder for this process until the returned file is closed.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		defer f.Close() // never written
		return nil, busy(dir, f)
	}
	if err != nil {
		return nil, errors.Join(&os.PathError{Op: "flock", Path: f.Name(), Err: err}, f.Close())
	}
	sign(f)
	return f, nil
}

// unlock gives the run folder back. The file stays, empty: without it two
// processes could hold locks of one name.
func unlock(f *os.File) error {
	_ = f.Truncate(0) // as sign
	return f.Close()  // drops the lock too
}

func busy(dir string, f *os.File) error {
	o := owner{Host: "an unknown host"}
	if data, err := io.ReadAll(io.LimitReader(f, 1<<12)); err == nil {
		_ = json.Unmarshal(data, &o) // the owner may be writing it just now
	}
	return &BusyError{Dir: dir, PID: o.PID, Host: o.Host}
}

// sign writes this process into the lock. Failing to must not stop a run: a
// full disk should still allow plan and verify.
func sign(f *os.File) {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	data, err := json.Marshal(owner{PID: os.Getpid(), Host: host, Since: time.Now().UTC()})
	if err != nil || f.Truncate(0) != nil {
		return
	}
	_, _ = f.WriteAt(append(data, '\n'), 0)
}
