package hub

import (
	"context"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"radpo/internal/hf"
	"radpo/internal/progress"
)

// A blob is the content of a file.
type blob struct {
	etag string // in hex: SHA-256 of a large file (LFS), else git's SHA-1 of the blob
	size int64  // in bytes
}

// get brings one file of a commit into the cache.
func (h *Hub) get(ctx context.Context, s *store, name hf.Name, sha, file string) error {
	at := h.endpoint.JoinPath(name.Repo, "resolve", sha, file).String()
	var b blob
	err := h.persist(ctx, file, func() (err error) {
		b, err = h.describe(ctx, at, sha)
		return err
	})
	if err != nil {
		return err
	}
	unlock, err := s.lock(ctx, b.etag)
	if err != nil {
		return err
	}
	defer unlock()
	if !s.has(b) {
		if err := h.fetch(ctx, s, file, at, b); err != nil {
			return err
		}
	}
	return s.link(sha, file, b.etag)
}

var etagForm = regexp.MustCompile(`^([0-9a-f]{40}|[0-9a-f]{64})$`)

// describe asks for hash and size. A large file's stand in the redirect to
// where it is stored.
func (h *Hub) describe(ctx context.Context, at, sha string) (blob, error) {
	answer, err := h.send(ctx, http.MethodHead, at, http.Header{})
	if err != nil {
		return blob{}, err
	}
	answer.Body.Close()
	etag, size := answer.Header.Get("X-Linked-Etag"), answer.Header.Get("X-Linked-Size")
	if etag == "" {
		etag = answer.Header.Get("ETag")
	}
	if size == "" && answer.StatusCode == http.StatusOK {
		size = answer.Header.Get("Content-Length")
	}
	b := blob{etag: strings.Trim(strings.TrimPrefix(etag, "W/"), `"`)}
	b.size, err = strconv.ParseInt(size, 10, 64)
	switch {
	case !etagForm.MatchString(b.etag):
		return blob{}, errors.New("the server gives no hash of it; is this a hub?")
	case err != nil || b.size < 0:
		return blob{}, errors.New("the server gives no size of it")
	case answer.Header.Get("X-Repo-Commit") != sha:
		return blob{}, fmt.Errorf("the server answers for another commit than %s", sha)
	}
	return b, nil
}

// fetch fills blobs/ETAG.incomplete, from where an earlier try ended, and
// renames it once its hash is right.
func (h *Hub) fetch(ctx context.Context, s *store, file, at string, b blob) error {
	f, err := s.incomplete(b.etag)
	if err != nil {
		return err
	}
	defer f.Close()
	bar := progress.Start(ctx, b.size>>20, "MiB")
	defer bar.Done()
	if err := h.persist(ctx, file, func() error { return h.fill(ctx, at, f, b.size, bar) }); err != nil {
		return err
	}
	if got, err := digest(f, b); err != nil {
		return err
	} else if got != b.etag {
		return errors.Join(fmt.Errorf("got a file of hash %s, want %s; it was removed, run again", got, b.etag), s.discard(b.etag))
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return s.complete(b.etag)
}

// errRange: the server has nothing behind what is there.
var errRange = errors.New("HTTP 416")

// fill appends to f what it lacks of size bytes, or starts anew if the server
// takes no ranges.
func (h *Hub) fill(ctx context.Context, at string, f *os.File, size int64, bar *progress.Bar) error {
	have, err := f.Seek(0, io.SeekEnd)
	if err != nil || have == size {
		return err
	}
	if have > size {
		have = 0
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := time.AfterFunc(h.stall, func() { cancel(fmt.Errorf("no byte in %v", h.stall)) })
	defer watch.Stop()
	header := http.Header{}
	if have > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", have))
	}
	answer, err := h.send(ctx, http.MethodGet, at, header)
	if errors.Is(err, errRange) {
		return errors.Join(f.Truncate(0), &passing{err: err})
	} else if err != nil {
		return err
	}
	defer answer.Body.Close()
	if !strings.HasPrefix(answer.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", have)) || answer.StatusCode != http.StatusPartialContent {
		have = 0
	}
	if have == 0 && answer.StatusCode != http.StatusOK {
		return errors.Join(f.Truncate(0), &passing{err: fmt.Errorf("HTTP %d in place of the file", answer.StatusCode)})
	}
	if err := f.Truncate(have); err != nil {
		return err
	}
	if _, err := f.Seek(have, io.SeekStart); err != nil {
		return err
	}
	bar.Set(have >> 20)
	n, err := io.Copy(f, &body{io.LimitReader(answer.Body, size-have), func(n int64) {
		watch.Reset(h.stall)
		have += n
		bar.Set(have >> 20)
	}})
	if failed := (*fs.PathError)(nil); errors.As(err, &failed) {
		return err // the disk's
	}
	if have < size {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return &passing{err: errors.Join(context.Cause(ctx), err), moved: n > 0}
	}
	return nil
}

// A body tells of what is read from it.
type body struct {
	io.Reader
	got func(n int64)
}

// Read is the reader's.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if n > 0 {
		b.got(int64(n))
	}
	return n, err
}

// digest is the hash of f of the kind that b has.
func digest(f io.ReadSeeker, b blob) (string, error) {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return "", err
	}
	var sum hash.Hash
	if len(b.etag) == 2*sha256.Size {
		sum = sha256.New()
	} else {
		sum = sha1.New() // git's: the hub gives small files no other
		fmt.Fprintf(sum, "blob %d\x00", b.size)
	}
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
