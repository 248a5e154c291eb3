package table

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"os"
	"path/filepath"
	"reflect"

	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"github.com/apache/arrow/go/v17/parquet"
	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/apache/arrow/go/v17/parquet/pqarrow"
)

// WriteJSONL writes rows as one JSON object a line, its members in the order
// of the columns. Numbers that JSON lacks, NaN and the infinities, are null.
func WriteJSONL[R any](w io.Writer, rows iter.Seq2[R, error]) error {
	cols, err := columnsOf(reflect.TypeFor[R]())
	if err != nil {
		return err
	}
	out := bufio.NewWriter(w)
	var line bytes.Buffer
	for row, err := range rows {
		if err != nil {
			return err
		}
		line.Reset()
		if err := appendObject(&line, cols, reflect.ValueOf(&row).Elem()); err != nil {
			return fmt.Errorf("table: write JSONL: %w", err)
		}
		line.WriteByte('\n')
		if _, err := out.Write(line.Bytes()); err != nil {
			return fmt.Errorf("table: write JSONL: %w", err)
		}
	}
	if err := out.Flush(); err != nil {
		return fmt.Errorf("table: write JSONL: %w", err)
	}
	return nil
}

func appendObject(b *bytes.Buffer, cols []column, v reflect.Value) error {
	for i, c := range cols {
		b.WriteByte("{,"[min(i, 1)])
		b.WriteString(`"` + c.name + `":`)
		if err := appendJSON(b, c.codec, v.Field(c.field)); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
	}
	b.WriteByte('}')
	return nil
}

func appendJSON(b *bytes.Buffer, c codec, v reflect.Value) error {
	switch c := c.(type) {
	case record:
		return appendObject(b, c.cols, v)
	case list:
		b.WriteByte('[')
		for i := range v.Len() {
			if i > 0 {
				b.WriteByte(',')
			}
			if err := appendJSON(b, c.elem, v.Index(i)); err != nil {
				return err
			}
		}
		b.WriteByte(']')
		return nil
	}
	if v.CanFloat() && (math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0)) {
		b.WriteString("null")
		return nil
	}
	enc := json.NewEncoder(b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v.Interface())
	b.Truncate(b.Len() - 1) // the encoder's line break
	return err
}

// WriteRows writes rows to path: a .jsonl or .parquet file, or else a folder
// that datasets.load_from_disk opens. What is there already stays, as an error;
// what is written appears whole or not at all.
func WriteRows[R any](path string, meta map[string]string, rows iter.Seq2[R, error]) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s exists: choose another name, or remove it", path)
	}
	switch filepath.Ext(path) {
	case ".parquet":
		return WriteParquet(path, meta, rows)
	case ".jsonl":
		return whole(path, func(f *os.File) error { return WriteJSONL(f, rows) })
	case ".json", ".arrow", ".csv":
		return fmt.Errorf("%s: want a name that ends in .jsonl or .parquet, or a folder", path)
	}
	part := filepath.Clean(path) + ".part"
	defer os.RemoveAll(part) // gone already when all went well
	w, err := Create[R](part, meta)
	if err != nil {
		return err
	}
	for r, err := range rows {
		if err == nil {
			err = w.Write(r)
		}
		if err != nil {
			return errors.Join(err, w.Close())
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	if err := os.Rename(part, path); err != nil {
		return fmt.Errorf("table: write: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// whole writes a file that appears whole or not at all.
func whole(path string, fill func(*os.File) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fmt.Errorf("table: write: %w", err)
	}
	defer os.Remove(f.Name()) // gone already when all went well
	if err := errors.Join(fill(f), f.Chmod(0o644), f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("table: write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("table: write: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// WriteParquet writes rows to a Parquet file, packed with zstd, that carries
// the Arrow schema: datasets, pandas and [ReadPrompts] read it. The file
// appears whole or not at all.
func WriteParquet[R any](path string, meta map[string]string, rows iter.Seq2[R, error]) error {
	row := reflect.TypeFor[R]()
	cols, err := columnsOf(row)
	if err != nil {
		return err
	}
	schema, err := schemaOf(row, cols, meta)
	if err != nil {
		return err
	}
	return whole(path, func(f *os.File) error {
		// The writer gets no Close to call: the file is synced first.
		props := parquet.NewWriterProperties(parquet.WithCompression(compress.Codecs.Zstd))
		pw, err := pqarrow.NewFileWriter(schema, struct{ io.Writer }{f}, props, pqarrow.NewArrowWriterProperties(pqarrow.WithStoreSchema()))
		if err != nil {
			return err
		}
		build := array.NewRecordBuilder(memory.DefaultAllocator, schema)
		defer build.Release()
		return errors.Join(writeBatches(pw, build, cols, rows), pw.Close())
	})
}

// writeBatches writes rows as row groups of at most some rows or bytes.
func writeBatches[R any](w *pqarrow.FileWriter, build *array.RecordBuilder, cols []column, rows iter.Seq2[R, error]) error {
	held, size := 0, 0
	flush := func() error {
		rec := build.NewRecord()
		defer rec.Release()
		held, size = 0, 0
		return w.Write(rec)
	}
	for row, err := range rows {
		if err != nil {
			return err
		}
		for i, c := range cols {
			n, err := c.codec.append(build.Field(i), reflect.ValueOf(&row).Elem().Field(c.field))
			if err != nil {
				return fmt.Errorf("column %s: %w", c.name, err)
			}
			size += n
		}
		if held++; held == 64*batchRows || size >= 8*batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if held == 0 {
		return nil
	}
	return flush()
}
