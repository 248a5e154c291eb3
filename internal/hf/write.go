package hf

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// WriteFile writes one safetensors file as the reference writer does: wide
// types first, then by name. The file is new and synced; an existing one is an
// error.
func WriteFile(path string, tensors []Tensor, metadata map[string]string) error {
	if err := checkTensors(tensors); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	tensors = slices.SortedFunc(slices.Values(tensors), func(a, b Tensor) int {
		if a.DType != b.DType {
			return a.DType.rank() - b.DType.rank()
		}
		return strings.Compare(a.Name, b.Name)
	})
	header, err := formatHeader(tensors, metadata)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return writeNew(path, func(w io.Writer) error {
		if _, err := w.Write(header); err != nil {
			return err
		}
		for _, t := range tensors {
			if err := t.writeTo(w); err != nil {
				return err
			}
		}
		return nil
	})
}

// formatHeader is the length and the header of tensors in file order, padded
// with spaces so that data starts at a multiple of eight bytes.
func formatHeader(tensors []Tensor, metadata map[string]string) ([]byte, error) {
	b := bytes.NewBuffer(make([]byte, 8))
	separator := "{"
	field := func(key string, value any) {
		b.WriteString(separator)
		appendJSON(b, key)
		b.WriteByte(':')
		appendJSON(b, value)
		separator = ","
	}
	if len(metadata) > 0 {
		field("__metadata__", metadata)
	}
	at := int64(0)
	for _, t := range tensors {
		end := at + t.size()
		field(t.Name, struct {
			DType   DType    `json:"dtype"`
			Shape   []int64  `json:"shape"`
			Offsets [2]int64 `json:"data_offsets"`
		}{t.DType, append([]int64{}, t.Shape...), [2]int64{at, end}})
		at = end
	}
	if separator == "{" {
		b.WriteByte('{')
	}
	b.WriteByte('}')
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	n := b.Len() - 8
	if n > maxHeader {
		return nil, fmt.Errorf("header of %d bytes, at most %d are allowed", n, maxHeader)
	}
	binary.LittleEndian.PutUint64(b.Bytes(), uint64(n))
	return b.Bytes(), nil
}

// appendJSON writes strings, numbers and lists of them, which cannot fail,
// without the escapes for HTML that other writers do not make.
func appendJSON(b *bytes.Buffer, value any) {
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	_ = e.Encode(value)
	b.Truncate(b.Len() - 1) // Encode ends with a newline
}

// checkTensors reports every tensor that a file cannot hold.
func checkTensors(tensors []Tensor) error {
	var faults []error
	seen := map[string]bool{}
	for _, t := range tensors {
		want, err := byteSize(t.DType, t.Shape)
		switch {
		case err != nil:
		case seen[t.Name] || t.Name == "__metadata__":
			err = errors.New("duplicate or reserved name")
		case t.Bytes == nil && want != int64(len(t.Data)):
			err = fmt.Errorf("%s%v needs %d bytes, got %d", t.DType, t.Shape, want, len(t.Data))
		}
		if seen[t.Name] = true; err != nil {
			faults = append(faults, fmt.Errorf("tensor %.100q: %w", t.Name, err))
		}
	}
	return joinSome(faults)
}

// writeNew makes a file that must not exist yet, and syncs it.
func writeNew(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(file, 1<<20)
	return errors.Join(write(w), w.Flush(), file.Sync(), file.Close())
}
