package pipeline

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sumsFile lists the hashes of a run folder's files that are no artifacts, as
// sha256sum -c reads them. Artifacts have theirs in the manifest, whose records
// have their own.
const sumsFile = "SHA256SUMS"

// pages are the files that it lists: configuration, report, and the models that
// the binary brought along.
func pages(dir string) ([]string, error) {
	all := []string{ConfigFile, "report.html", "report.md", "report.json"}
	err := filepath.WalkDir(filepath.Join(dir, "builtin"), func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		all = append(all, filepath.ToSlash(name))
		return err
	})
	return all, err
}

// writeSums records the pages as they are.
func writeSums(dir string) error {
	all, err := pages(dir)
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, sumsFile), func(w io.Writer) error {
		for _, name := range all {
			sum, err := sumOf(filepath.Join(dir, name))
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(w, "%s  %s\n", sum, name); err != nil {
				return err
			}
		}
		return nil
	})
}

// checkSums names each page that is not as recorded; a run under way has no
// record of them.
func checkSums(dir string) (bad []error) {
	path := filepath.Join(dir, sumsFile)
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	} else if err != nil {
		return []error{err}
	}
	defer f.Close()
	left, err := pages(dir)
	if err != nil {
		return []error{err}
	}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		want, name, _ := strings.Cut(lines.Text(), "  ")
		if len(left) == 0 || name != left[0] {
			return append(bad, fmt.Errorf("%s is damaged at %.80q", path, lines.Text()))
		}
		left = left[1:]
		if sum, err := sumOf(filepath.Join(dir, name)); err != nil {
			bad = append(bad, err)
		} else if sum != want {
			bad = append(bad, fmt.Errorf("%s is not as %s has it", filepath.Join(dir, name), path))
		}
	}
	if err := lines.Err(); err != nil || len(left) > 0 {
		bad = append(bad, errors.Join(fmt.Errorf("%s is cut short: it lacks %s", path, strings.Join(left, ", ")), err))
	}
	return bad
}

func sumOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
