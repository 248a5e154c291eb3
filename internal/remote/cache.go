package remote

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// A cache keeps answers as files: the hash of the answer, a line break, the
// answer. A file that does not match its hash counts as absent.
type cache struct{ dir string }

// path is where the answer of from to body is.
func (c cache) path(from string, body []byte) string {
	h := sha256.New()
	fmt.Fprintf(h, "POST\n%s\n", from)
	h.Write(body)
	name := hex.EncodeToString(h.Sum(nil))
	return filepath.Join(c.dir, name[:2], name)
}

func (c cache) get(from string, body []byte) ([]byte, bool) {
	if c.dir == "" {
		return nil, false
	}
	f, err := os.Open(c.path(from, body))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxAnswer+sha256.Size*2+2))
	sum, answer, ok := bytes.Cut(text, []byte("\n"))
	return answer, err == nil && ok && string(sum) == hash(answer)
}

// put writes an answer whole or not at all, however many processes write it.
func (c cache) put(from string, body, answer []byte) error {
	if c.dir == "" {
		return nil
	}
	if err := c.write(c.path(from, body), answer); err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return nil
}

func (c cache) write(path string, answer []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, ".tmp-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(hash(answer) + "\n" + string(answer))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

func hash(answer []byte) string {
	sum := sha256.Sum256(answer)
	return hex.EncodeToString(sum[:])
}
