package hub

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"radpo/internal/hf"
)

// A store is a model's folder in the shared cache, laid out as the Hub
// documentation says under "Hub local cache".
type store struct {
	root  *os.Root // nothing outside is written, whatever links are there
	locks string   // where huggingface_hub has its locks of this model
}

func openStore(cache string, name hf.Name) (*store, error) {
	dir := filepath.Join(cache, name.Folder())
	s := &store{locks: filepath.Join(cache, ".locks", name.Folder())}
	for _, d := range []string{filepath.Join(dir, "blobs"), filepath.Join(dir, "snapshots"), s.locks} {
		if err := os.MkdirAll(d, 0o777); err != nil {
			return nil, err
		}
	}
	var err error
	s.root, err = os.OpenRoot(dir)
	return s, err
}

// lock keeps other processes, Python's too, from the blob until unlock.
func (s *store) lock(ctx context.Context, etag string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(s.locks, etag+".lock"), os.O_RDWR|os.O_CREATE, 0o666)
	if err != nil {
		return nil, err
	}
	for waits := 0; ; waits++ {
		err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if err == nil {
			return f.Close, nil
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, errors.Join(&fs.PathError{Op: "flock", Path: f.Name(), Err: err}, f.Close())
		}
		if waits == 0 {
			zerolog.Ctx(ctx).Info().Msg("another process downloads this file; waiting for it")
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), f.Close())
		}
	}
}

func blobPath(etag string) string { return "blobs/" + etag }
func partPath(etag string) string { return blobPath(etag) + ".incomplete" }

func (s *store) has(b blob) bool {
	info, err := s.root.Stat(blobPath(b.etag))
	return err == nil && info.Mode().IsRegular() && info.Size() == b.size
}

// incomplete opens what there is of a blob, perhaps nothing.
func (s *store) incomplete(etag string) (*os.File, error) {
	return s.root.OpenFile(partPath(etag), os.O_RDWR|os.O_CREATE, 0o666)
}

func (s *store) discard(etag string) error  { return s.root.Remove(partPath(etag)) }
func (s *store) complete(etag string) error { return s.root.Rename(partPath(etag), blobPath(etag)) }

// link makes snapshots/SHA/FILE point to a blob.
func (s *store) link(sha, file, etag string) error {
	at, target := path.Join("snapshots", sha, file), "../../"+blobPath(etag)
	if got, err := s.root.Readlink(at); err == nil && got == target {
		return nil
	}
	return s.replace(at, func(temporary string) error { return s.root.Symlink(target, temporary) })
}

// refer makes a branch, tag or reference name a commit.
func (s *store) refer(revision, sha string) error {
	if hf.IsCommit(revision) {
		return nil
	}
	// No line break: huggingface_hub takes the file as it is.
	return s.replace(path.Join("refs", revision), func(temporary string) error { return s.root.WriteFile(temporary, []byte(sha), 0o666) })
}

// replace renames what create makes to at, in a step.
func (s *store) replace(at string, create func(temporary string) error) error {
	temporary := fmt.Sprintf("%s.%d.tmp", at, os.Getpid())
	if err := s.root.MkdirAll(path.Dir(at), 0o777); err != nil {
		return err
	}
	_ = s.root.Remove(temporary) // of a process that died
	if err := create(temporary); err != nil {
		return err
	}
	return s.root.Rename(temporary, at)
}
