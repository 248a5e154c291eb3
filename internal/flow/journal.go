package flow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// A journal is a file of JSON lines, each with its own checksum. It only grows:
// a later line overrides an earlier one, by whatever key its reader uses.
type journal[T any] struct {
	fs   fsys
	path string
	size int64 // bytes of whole lines; the next line goes here, over a torn one
}

// A line is one record and the hex sha256 of its bytes.
type line struct {
	Sum    string          `json:"sum"`
	Record json.RawMessage `json:"record"`
}

// openJournal reads the records of the file at path; none exist if it does not.
func openJournal[T any](fsys fsys, path string) (*journal[T], []T, error) {
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, nil, err
	}
	records, size, err := parseJournal[T](data)
	if err != nil {
		dir, file := filepath.Split(path)
		return nil, nil, &CorruptError{Dir: filepath.Clean(dir), File: file, Why: err.Error(),
			Hint: "restore the file, or delete that line to have its stage run again"}
	}
	return &journal[T]{fs: fsys, path: path, size: size}, records, nil
}

// parseJournal returns the records of data and the bytes they fill. What a
// crash can leave is ignored: a last line without its newline, or with the zero
// bytes of a block that was never written.
func parseJournal[T any](data []byte) (records []T, size int64, err error) {
	for n := 1; len(data) > 0; n++ {
		text, rest, whole := bytes.Cut(data, []byte{'\n'})
		if !whole {
			break
		}
		record, err := parseLine[T](text)
		if err != nil {
			if len(rest) == 0 && bytes.IndexByte(text, 0) >= 0 {
				break
			}
			return nil, 0, fmt.Errorf("line %d: %w", n, err)
		}
		records = append(records, record)
		size += int64(len(text)) + 1
		data = rest
	}
	return records, size, nil
}

// whole is an error where the file has more than whole lines.
func (j *journal[T]) whole() error {
	st, err := os.Stat(j.path)
	if errors.Is(err, fs.ErrNotExist) && j.size == 0 {
		return nil
	}
	if err == nil && st.Size() != j.size {
		err = fmt.Errorf("%s: its last line is cut off or damaged", j.path)
	}
	return err
}

func parseLine[T any](text []byte) (record T, err error) {
	var l line
	if err := json.Unmarshal(text, &l); err != nil {
		return record, err
	}
	// The whole line, not the sum alone: JSON is lax about the case of keys.
	if again, err := lineOf(l.Record); err != nil || !bytes.Equal(again, text) {
		return record, errors.New("its checksum does not match")
	}
	return record, json.Unmarshal(l.Record, &record)
}

// lineOf is the text of a line, without its newline.
func lineOf(record json.RawMessage) ([]byte, error) {
	sum := sha256.Sum256(record)
	return json.Marshal(line{Sum: hex.EncodeToString(sum[:]), Record: record})
}

// add appends a record. When it returns nil the record survives a power cut;
// when it fails the next add overwrites what it left.
func (j *journal[T]) add(record T) error {
	raw, err := json.Marshal(record)
	if err != nil {
		return err
	}
	text, err := lineOf(raw)
	if err != nil {
		return err
	}
	text = append(text, '\n')
	if err := j.fs.append(j.path, j.size, text); err != nil {
		return err
	}
	if j.size == 0 { // perhaps a new file: its name must be durable too
		if err := j.fs.sync(filepath.Dir(j.path)); err != nil {
			return err
		}
	}
	j.size += int64(len(text))
	return nil
}
