package flow

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"radpo/internal/progress"
)

// maxDepth bounds the folders of a source: a link to its own parent has no end.
const maxDepth = 32

// settle is how old a file must be for its hash to be kept: a file that changes
// twice within the clock's step keeps its time.
const settle = 2 * time.Second

// A sourceHash remembers the hash of one external file.
type sourceHash struct {
	Path  string `json:"path"` // absolute
	Size  int64  `json:"size"`
	Time  int64  `json:"mtime"` // nanoseconds since 1970
	Inode uint64 `json:"inode"`
	Sum   string `json:"sha256"`
}

// hashSource fingerprints the file or folder at path; bar counts the MiB read.
func (s *Store) hashSource(ctx context.Context, path string, bar *progress.Bar) (Fingerprint, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return Fingerprint{}, err
	}
	files, err := s.walkSource(ctx, bar, abs, "", 0)
	if err != nil {
		return Fingerprint{}, err
	}
	b, err := json.Marshal(files)
	return sha256.Sum256(b), err
}

// walkSource describes the files at and below full, by their names below the
// source, in the order of os.ReadDir.
func (s *Store) walkSource(ctx context.Context, bar *progress.Bar, full, rel string, depth int) ([]file, error) {
	info, err := os.Stat(full) // follows links
	if err != nil {
		return nil, err
	}
	if !info.IsDir() {
		sum, err := s.sourceSum(ctx, bar, full, info)
		return []file{{Path: rel, Size: info.Size(), Sum: sum}}, err
	}
	if depth == maxDepth {
		return nil, fmt.Errorf("%s: more than %d folders deep; is it a link to a folder above it?", full, maxDepth)
	}
	entries, err := os.ReadDir(full)
	if err != nil {
		return nil, err
	}
	files := []file{}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") {
			continue // .git, .cache: their content changes without the source's
		}
		below, err := s.walkSource(ctx, bar, filepath.Join(full, e.Name()), path.Join(rel, e.Name()), depth+1)
		if err != nil {
			return nil, err
		}
		files = append(files, below...)
	}
	return files, nil
}

// sourceSum is the hex sha256 of a file, from the last run's notes when the
// file is as it was then.
func (s *Store) sourceSum(ctx context.Context, bar *progress.Bar, path string, info os.FileInfo) (string, error) {
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("%s is not a regular file", path)
	}
	now := sourceHash{Path: path, Size: info.Size(), Time: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		now.Inode = st.Ino
	}
	known := s.hashes[path]
	now.Sum = known.Sum
	if known == now {
		return known.Sum, nil
	}
	settled := time.Since(info.ModTime()) > settle
	sum, err := hashFile(ctx, path)
	if err != nil {
		return "", err
	}
	bar.Add(info.Size() >> 20)
	after, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if after.Size() != info.Size() || !after.ModTime().Equal(info.ModTime()) {
		return "", fmt.Errorf("%s changed while it was read: run again when it is finished", path)
	}
	if now.Sum = sum; settled {
		s.hashes[path] = now
		return sum, s.sources.add(now)
	}
	return sum, nil
}
