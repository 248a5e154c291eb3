package flow

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrInterrupted is what Run returns when its context ends. Committed parts are
// kept: running the same plan again continues.
var ErrInterrupted = errors.New("interrupted; run again to continue")

// A BusyError says that another process works in the run folder.
type BusyError struct {
	Dir  string
	PID  int    // 0 when the owner left no readable record
	Host string // where the owner runs
}

func (e *BusyError) Error() string {
	return fmt.Sprintf("run folder %s is in use by process %d on %s: wait for it, stop it, or choose another folder",
		e.Dir, e.PID, e.Host)
}

// A DiskError says that the file system of the run folder is full or over quota.
// Artifacts and committed parts are intact.
type DiskError struct {
	Dir  string
	Free uint64 // bytes available when it happened
	Err  error
}

func (e *DiskError) Error() string {
	return fmt.Sprintf("no space for run folder %s (%d bytes free): %v; free some and run again", e.Dir, e.Free, e.Err)
}

func (e *DiskError) Unwrap() error { return e.Err }

// A CorruptError names a file that is not what was recorded.
type CorruptError struct {
	Dir  string // the artifact's folder, or the folder of a journal
	File string // within Dir
	Why  string
	Hint string // the way out
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("%s/%s is corrupt: %s; %s", e.Dir, e.File, e.Why, e.Hint)
}

// explain gives err the type that callers branch on: interruption, then a full
// disk, else err itself.
func (s *Store) explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("%w (%w)", ErrInterrupted, err)
	}
	return diskError(s.dir, err)
}

func diskError(dir string, err error) error {
	if !errors.Is(err, syscall.ENOSPC) && !errors.Is(err, syscall.EDQUOT) {
		return err
	}
	var st unix.Statfs_t
	if unix.Statfs(dir, &st) != nil {
		st = unix.Statfs_t{} // the sizes are a courtesy
	}
	return &DiskError{Dir: dir, Free: st.Bavail * uint64(st.Bsize), Err: err}
}
