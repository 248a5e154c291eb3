package flow

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// A file is what a record says of one file of a folder.
type file struct {
	Path string `json:"path"` // relative, with slashes
	Size int64  `json:"size"`
	Sum  string `json:"sha256"` // hex
}

// seal hashes and syncs all files of dir and syncs its folders, innermost
// first, so that a rename of dir is a rename of finished bytes.
func seal(ctx context.Context, fsys fsys, dir string) ([]file, error) {
	var files []file
	var folders []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			folders = append(folders, path)
			return nil
		}
		f, err := describe(ctx, dir, path)
		if err != nil {
			return err
		}
		files = append(files, f)
		return fsys.sync(path)
	})
	if err != nil {
		return nil, err
	}
	for _, folder := range slices.Backward(folders) {
		if err := fsys.sync(folder); err != nil {
			return nil, err
		}
	}
	return files, nil
}

func describe(ctx context.Context, dir, path string) (file, error) {
	rel, err := filepath.Rel(dir, path)
	if err != nil {
		return file{}, err
	}
	info, err := os.Lstat(path)
	if err != nil {
		return file{}, err
	}
	if !info.Mode().IsRegular() {
		return file{}, fmt.Errorf("%s is not a regular file: write its content instead", path)
	}
	sum, err := hashFile(ctx, path)
	return file{Path: filepath.ToSlash(rel), Size: info.Size(), Sum: sum}, err
}

// hashFile is the hex sha256 of a file's content.
func hashFile(ctx context.Context, path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close() // read only: nothing to lose
	h := sha256.New()
	if _, err := io.CopyBuffer(h, readerWith{ctx, f}, make([]byte, 1<<20)); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// readerWith ends when ctx does: hashing a large file takes a minute.
type readerWith struct {
	ctx context.Context
	r   io.Reader
}

func (r readerWith) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// checkSizes reports the first recorded file that is missing or has another
// size. A missing dir is fs.ErrNotExist.
func checkSizes(dir string, files []file) error {
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	for _, f := range files {
		if err := checkSize(dir, f); err != nil {
			return err
		}
	}
	return nil
}

func checkSize(dir string, f file) error {
	if !filepath.IsLocal(f.Path) {
		return corrupt(dir, f, "its record leads out of the folder")
	}
	info, err := os.Lstat(filepath.Join(dir, f.Path))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return corrupt(dir, f, "it is missing")
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return corrupt(dir, f, "it is no regular file")
	case info.Size() != f.Size:
		return corrupt(dir, f, fmt.Sprintf("it has %d bytes, not the %d recorded", info.Size(), f.Size))
	}
	return nil
}

// checkSums is checkSizes with the content of each file compared too. It
// reports every bad file, and files that no record names.
func checkSums(ctx context.Context, dir string, files []file) (bad []error) {
	known := map[string]bool{}
	for _, f := range files {
		known[f.Path] = true
		if err := checkSum(ctx, dir, f); err != nil {
			bad = append(bad, err)
		}
	}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err == nil && !known[filepath.ToSlash(rel)] {
			bad = append(bad, corrupt(dir, file{Path: rel}, "it is not on record"))
		}
		return err
	})
	if err != nil {
		bad = append(bad, err)
	}
	return bad
}

func checkSum(ctx context.Context, dir string, f file) error {
	if err := checkSize(dir, f); err != nil {
		return err
	}
	sum, err := hashFile(ctx, filepath.Join(dir, f.Path))
	if err != nil {
		return err
	}
	if sum != f.Sum {
		return corrupt(dir, f, "its content changed since it was recorded")
	}
	return nil
}

func corrupt(dir string, f file, why string) error {
	return &CorruptError{Dir: dir, File: f.Path, Why: why,
		Hint: "restore the file, or delete the folder to have it made again"}
}
