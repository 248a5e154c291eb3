package demo

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
)

//go:embed models
var models embed.FS

// Unpack lays out an embedded model, "policy" or "reward", as a Hugging Face
// folder at dir. A folder that already has the same files is left alone, so
// what maps them stays valid; after an interruption Unpack finishes the work.
func Unpack(name, dir string) error {
	files, err := models.ReadDir(path.Join("models", name))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("unpack built-in model: this binary has no %s; `make demo-models` and a build put it in", name)
	}
	if err != nil {
		return fmt.Errorf("unpack built-in model: %w", err)
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fmt.Errorf("unpack built-in model: %w", err)
	}
	for _, file := range files {
		data, err := models.ReadFile(path.Join("models", name, file.Name()))
		if err != nil {
			return fmt.Errorf("unpack built-in model: %w", err)
		}
		if err := place(filepath.Join(dir, file.Name()), data); err != nil {
			return fmt.Errorf("unpack built-in model: %w", err)
		}
	}
	return nil
}

// place makes path hold data, whole or not at all.
func place(path string, data []byte) error {
	if old, err := os.ReadFile(path); err == nil && bytes.Equal(old, data) {
		return nil
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".part-*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
