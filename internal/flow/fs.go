package flow

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// fsys is every change the store makes to the disk, so that tests can crash it
// or fail it at any one of them. Reading goes straight to os.
type fsys interface {
	mkdir(path string) error
	rename(from, to string) error
	removeAll(path string) error
	sync(path string) error                          // a file or a folder
	append(path string, at int64, line []byte) error // cut to at bytes, write, sync
}

type osFS struct{}

func (osFS) mkdir(path string) error      { return os.Mkdir(path, 0o777) }
func (osFS) rename(from, to string) error { return os.Rename(from, to) }
func (osFS) removeAll(path string) error  { return os.RemoveAll(path) }

func (osFS) sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (osFS) append(path string, at int64, line []byte) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.Truncate(at) // what was not synced must not be read back as if it were
		}
		err = errors.Join(err, f.Close())
	}()
	if err := f.Truncate(at); err != nil {
		return err
	}
	if _, err := f.WriteAt(line, at); err != nil {
		return err
	}
	return f.Sync()
}

// makeDir makes path and the folders above it, each of them durable.
func makeDir(fsys fsys, path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	parent := filepath.Dir(path)
	if parent != path {
		if err := makeDir(fsys, parent); err != nil {
			return err
		}
	}
	if err := fsys.mkdir(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return fsys.sync(parent)
}

// move puts the finished folder from at to, in place of anything untrusted that
// is there, and makes that durable.
func move(fsys fsys, from, to string) error {
	if err := fsys.removeAll(to); err != nil {
		return err
	}
	if err := fsys.rename(from, to); err != nil {
		return err
	}
	return fsys.sync(filepath.Dir(to))
}
