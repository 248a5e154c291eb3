package table

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/apache/arrow/go/v17/arrow"
)

// The two files beside the data that datasets.load_from_disk reads, and others.
const (
	stateFile = "state.json"
	infoFile  = "dataset_info.json"
	splitFile = "dataset_dict.json" // only in a folder of several tables
	notesFile = "notes.json"        // metadata that a writer learnt last; datasets leaves it alone
)

// A state is state.json: which files, in order.
type state struct {
	Files       []dataFile     `json:"_data_files"`
	Fingerprint string         `json:"_fingerprint"`
	Columns     []string       `json:"_format_columns"`
	Kwargs      map[string]any `json:"_format_kwargs"`
	Type        *string        `json:"_format_type"`
	AllColumns  bool           `json:"_output_all_columns"`
	Split       *string        `json:"_split"`
}

type dataFile struct {
	Name string `json:"filename"`
}

// newState describes files; sum, over their bytes, is the fingerprint under
// which datasets caches what it derives from them.
func newState(files []string, sum []byte) state {
	s := state{Fingerprint: hex.EncodeToString(sum), Kwargs: map[string]any{}}
	for _, f := range files {
		s.Files = append(s.Files, dataFile{f})
	}
	return s
}

// readState returns the paths of a table folder's data files.
func readState(dir string) ([]string, error) {
	b, err := readSmall(filepath.Join(dir, stateFile))
	if errors.Is(err, os.ErrNotExist) {
		if splits := readSplits(dir); len(splits) > 0 {
			return nil, fmt.Errorf("table: open %s: the folder has the splits %q: name one, as in %s",
				dir, splits, filepath.Join(dir, splits[0]))
		}
		return nil, fmt.Errorf("table: open %s: no %s: not a table, or one whose writing did not finish", dir, stateFile)
	}
	if err != nil {
		return nil, fmt.Errorf("table: open: %w", err)
	}
	var s state
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, fmt.Errorf("table: open %s: %s: %w", dir, stateFile, err)
	}
	if len(s.Files) == 0 {
		return nil, fmt.Errorf("table: open %s: %s names no files", dir, stateFile)
	}
	var paths []string
	for _, f := range s.Files {
		if f.Name != filepath.Base(f.Name) || !filepath.IsLocal(f.Name) {
			return nil, fmt.Errorf("table: open %s: %s: %q is not a file of the folder", dir, stateFile, f.Name)
		}
		paths = append(paths, filepath.Join(dir, f.Name))
	}
	return paths, nil
}

// readSplits names the tables of a folder of several, or none.
func readSplits(dir string) []string {
	var d struct {
		Splits []string `json:"splits"`
	}
	if b, err := readSmall(filepath.Join(dir, splitFile)); err == nil {
		_ = json.Unmarshal(b, &d) // a broken file names no splits
	}
	return d.Splits
}

// readNotes adds a table's notes, if it has any, to its metadata.
func readNotes(dir string, meta map[string]string) error {
	b, err := readSmall(filepath.Join(dir, notesFile))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = json.Unmarshal(b, &meta)
	}
	if err != nil {
		return fmt.Errorf("table: open %s: %s: %w", dir, notesFile, err)
	}
	return nil
}

// readSmall reads a JSON file of at most 1 MiB.
func readSmall(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const limit = 1 << 20
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && len(b) > limit {
		err = fmt.Errorf("%s: larger than %d bytes", path, limit)
	}
	return b, err
}

// An info is dataset_info.json: the column types in datasets' own terms.
type info struct {
	Citation    string   `json:"citation"`
	Description string   `json:"description"`
	Features    features `json:"features"`
	Homepage    string   `json:"homepage"`
	License     string   `json:"license"`
}

func newInfo(cols []column) info { return info{Features: features(fieldsOf(cols))} }

// features marshals as an object in the order of the columns.
type features []arrow.Field

func (f features) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, field := range f {
		if i > 0 {
			b.WriteByte(',')
		}
		name, err := json.Marshal(field.Name)
		if err != nil {
			return nil, err
		}
		typ, err := json.Marshal(feature(field.Type))
		if err != nil {
			return nil, err
		}
		b.Write(append(append(name, ':'), typ...))
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// feature is a type as datasets spells it.
func feature(t arrow.DataType) any {
	switch t := t.(type) {
	case *arrow.ListType:
		return struct {
			Feature any    `json:"feature"`
			Type    string `json:"_type"`
		}{feature(t.Elem()), "List"}
	case *arrow.StructType:
		return features(t.Fields())
	}
	names := map[arrow.Type]string{arrow.STRING: "string", arrow.FLOAT32: "float32", arrow.FLOAT64: "float64"}
	name, ok := names[t.ID()]
	if !ok {
		name = t.Name() // bool, int32, int64
	}
	return struct {
		DType string `json:"dtype"`
		Type  string `json:"_type"`
	}{name, "Value"}
}

// writeJSON writes v to path and syncs it.
func writeJSON(path string, v any) error {
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("table: write %s: %w", path, err)
	}
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("table: write: %w", err)
	}
	_, err = f.Write(append(b, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("table: write %s: %w", path, err)
	}
	return nil
}

// syncDir makes the names of dir's files durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("table: sync: %w", err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("table: sync %s: %w", dir, err)
	}
	return nil
}
