package flow

import (
	"errors"
	"fmt"
	"os"
	"syscall"
	"testing"
)

// A faultyFS fails one change: number at, counted from 1.
type faultyFS struct {
	quickFS
	at, n int
	err   error
	short bool // an append writes half of its line first
}

func (f *faultyFS) fault() error {
	f.n++
	if f.n == f.at {
		return &os.PathError{Op: "change", Path: fmt.Sprintf("number %d", f.n), Err: f.err}
	}
	return nil
}

func (f *faultyFS) mkdir(path string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.quickFS.mkdir(path)
}

func (f *faultyFS) rename(from, to string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.quickFS.rename(from, to)
}

func (f *faultyFS) removeAll(path string) error {
	if err := f.fault(); err != nil {
		return err
	}
	return f.quickFS.removeAll(path)
}

func (f *faultyFS) sync(string) error { return f.fault() }

func (f *faultyFS) append(path string, at int64, line []byte) error {
	err := f.fault()
	if err == nil {
		return f.quickFS.append(path, at, line)
	}
	if f.short {
		if err := f.quickFS.append(path, at, line[:len(line)/2]); err != nil {
			return err
		}
	}
	return err
}

// TestFault fails changes of a run of the long plan, one a run. The run must
// say so, hurt nothing, and go on once the fault is gone: in the same store,
// and in one opened anew.
func TestFault(t *testing.T) {
	w := calm(t)
	want := unbroken(t, w)
	all := &faultyFS{}
	if err := runLong(t.Context(), t.TempDir(), all, w); err != nil {
		t.Fatal(err)
	}
	faults := []error{syscall.ENOSPC, syscall.EIO, syscall.EDQUOT, syscall.EROFS}
	stride := 7
	if os.Getenv("FLOW_CRASH") == "all" {
		stride = 1
	}
	for at := 1; at <= all.n; at += stride {
		fault := faults[at/stride%len(faults)]
		t.Run(fmt.Sprintf("%03d-%s", at, fault), func(t *testing.T) {
			dir := t.TempDir()
			survives(t, dir, &faultyFS{at: at, err: fault, short: at%2 == 0}, w)
			checkLong(t, dir, w, want)
		})
	}
}

func survives(t *testing.T, dir string, f *faultyFS, w world) {
	s, err := open(dir, f)
	if err == nil {
		defer s.Close()
		err = s.Run(t.Context(), longPlan(w))
	} else {
		err = diskError(dir, err) // as Open does
	}
	if !errors.Is(err, f.err) {
		t.Fatalf("the run says %v, want %v", err, f.err)
	}
	full := errors.Is(f.err, syscall.ENOSPC) || errors.Is(f.err, syscall.EDQUOT)
	if disk := (*DiskError)(nil); errors.As(err, &disk) != full {
		t.Errorf("the run says %v; is a DiskError: %t, want %t", err, !full, full)
	}
	if s == nil {
		return
	}
	if bad := s.Verify(t.Context()); len(bad) > 0 {
		t.Errorf("after the fault, Verify says %v", bad)
	}
	if f.n%3 == 0 { // a third goes on in the store that met the fault
		if err := s.Run(t.Context(), longPlan(w)); err != nil {
			t.Errorf("once the fault is gone the run says %v", err)
		}
	}
}
