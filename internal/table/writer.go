package table

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/array"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
	"golang.org/x/sys/unix"
)

// Bounds of what a writer holds and of the files it makes. They shape the
// bytes on disk: changing one changes every table's hash.
const (
	batchRows  = 1024
	batchBytes = 4 << 20
	rowBytes   = 1 << 30 // Arrow's 32-bit offsets end at 2 GiB a batch
	shardBytes = 500e6   // as datasets' max_shard_size
)

// A Writer writes rows of type R into a table folder. It holds two record
// batches in memory: one goes to disk while the next is filled. It is not safe
// for concurrent use.
type Writer[R any] struct {
	dir    string
	schema *arrow.Schema
	cols   []column
	mem    *recycler
	build  *array.RecordBuilder

	going  chan error // of the batch on its way to disk; nil: none is
	limit  int64      // bytes of a file
	shard  *shard     // the file being written
	shards int        // files begun
	rows   int        // rows accepted
	held   int        // rows in build
	bytes  int        // about their size
	sum    checksum
	notes  map[string]string
	err    error // the first failure; nothing is written after it
	closed bool
}

// WriteAll makes the table of rows in dir: [Create], Write and Close.
func WriteAll[R any](dir string, meta map[string]string, rows []R) error {
	w, err := Create[R](dir, meta)
	if err != nil {
		return err
	}
	return errors.Join(w.Write(rows...), w.Close())
}

// Create starts a table in dir, which it makes; dir must hold no table yet.
// The folder is a table only after Close. meta goes into the schema's
// metadata, from which [Table.Meta] reads it.
func Create[R any](dir string, meta map[string]string) (*Writer[R], error) {
	return create[R](dir, meta, memory.DefaultAllocator)
}

func create[R any](dir string, meta map[string]string, mem memory.Allocator) (*Writer[R], error) {
	row := reflect.TypeFor[R]()
	cols, err := columnsOf(row)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(row, cols, meta)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return nil, fmt.Errorf("table: create: %w", err)
	}
	if old, _ := filepath.Glob(filepath.Join(dir, "data-*.arrow*")); len(old) > 0 {
		return nil, fmt.Errorf("table: create %s: there is a table already; remove the folder or choose another", dir)
	}
	again := &recycler{Allocator: mem}
	return &Writer[R]{
		dir: dir, schema: schema, cols: cols, mem: again, limit: shardBytes,
		build: array.NewRecordBuilder(again, schema),
	}, nil
}

// Write appends rows. After an error the table cannot be finished.
func (w *Writer[R]) Write(rows ...R) error {
	if w.closed {
		return fmt.Errorf("table: write %s: the writer is closed", w.dir)
	}
	for i := range rows {
		if w.err == nil {
			w.err = w.add(reflect.ValueOf(&rows[i]).Elem())
		}
	}
	return w.err
}

// Note adds metadata that is known only once the rows are. It lies beside them,
// and [Table.Meta] has it with the rest.
func (w *Writer[R]) Note(key, value string) {
	if w.notes == nil {
		w.notes = map[string]string{}
	}
	w.notes[key] = value
}

// Append writes every row of the table in dir.
func (w *Writer[R]) Append(dir string) error {
	t, err := Open[R](dir)
	if err != nil {
		return err
	}
	for r, err := range t.Rows() {
		if err == nil {
			err = w.Write(r)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Adopt ends both tables' rows and takes over the files of o, a table with the
// same metadata, behind its own; o is closed then.
func (w *Writer[R]) Adopt(o *Writer[R]) error {
	for _, t := range []*Writer[R]{w, o} {
		t.err = t.end()
	}
	o.closed = true
	o.free()
	w.err = errors.Join(w.err, o.err)
	for i := 0; i < o.shards && w.err == nil; i++ {
		w.err = os.Rename(o.partName(i), w.partName(w.shards))
		w.shards++
	}
	w.rows += o.rows
	w.sum.Write(o.sum.bytes())
	return w.err
}

// add appends one row and writes the batch out once it is full: where batches
// end depends on the rows alone, not on how Write was called.
func (w *Writer[R]) add(row reflect.Value) error {
	size := 0
	for i, c := range w.cols {
		n, err := c.codec.append(w.build.Field(i), row.Field(c.field))
		if err != nil {
			return fmt.Errorf("table: write %s: row %d: column %s: %w", w.dir, w.rows, c.name, err)
		}
		size += n
	}
	if size > rowBytes {
		return fmt.Errorf("table: write %s: row %d has %d bytes, the limit is %d", w.dir, w.rows, size, int(rowBytes))
	}
	w.rows++
	w.held++
	w.bytes += size
	if w.held == batchRows || w.bytes >= batchBytes {
		return w.flush()
	}
	return nil
}

// flush sends the batch held to disk, behind the one before.
func (w *Writer[R]) flush() error {
	if err := w.wait(); err != nil {
		return err
	}
	rec := w.build.NewRecord()
	w.held, w.bytes = 0, 0
	going := make(chan error, 1)
	w.going = going
	go func() {
		defer rec.Release()
		going <- w.put(rec)
	}()
	return nil
}

// wait is until the batch on its way has been written.
func (w *Writer[R]) wait() error {
	if w.going == nil {
		return nil
	}
	err := <-w.going
	w.going = nil
	return err
}

// put writes a batch, and ends the file when that filled it.
func (w *Writer[R]) put(rec arrow.Record) error {
	if w.shard == nil {
		s, err := newShard(w.partName(w.shards), w.schema, &w.sum, w.mem)
		if err != nil {
			return err
		}
		w.shard = s
		w.shards++
	}
	if rec.NumRows() == 0 {
		return nil
	}
	if err := w.shard.ipc.Write(rec); err != nil {
		return fmt.Errorf("table: write %s: %w", w.dir, err)
	}
	w.shard.hurry()
	if w.shard.size.n >= w.limit {
		return w.endShard()
	}
	return nil
}

func (w *Writer[R]) endShard() error {
	s := w.shard
	w.shard = nil
	return s.close()
}

// end writes what is held and ends the file. After a failure it only closes.
func (w *Writer[R]) end() error {
	err := errors.Join(w.err, w.wait())
	if err == nil && w.held > 0 {
		err = errors.Join(w.flush(), w.wait())
	}
	if w.shard != nil {
		err = errors.Join(err, w.endShard())
	}
	return err
}

// free gives back the memory of batches.
func (w *Writer[R]) free() {
	w.build.Release()
	w.mem.drain()
}

// Close writes what is held, gives the files their names, and adds the two
// JSON files that make the folder a table. All is synced to disk. After a
// failed Write it only frees and returns that error.
func (w *Writer[R]) Close() error {
	if w.closed {
		return w.err
	}
	w.closed = true
	defer w.free()
	if w.err == nil && w.rows == 0 && w.shards == 0 { // a table without rows has a file too
		w.err = w.flush()
	}
	if w.err = w.end(); w.err == nil {
		w.err = w.finish()
	}
	return w.err
}

// finish names the files, now that their number is known, and describes them.
func (w *Writer[R]) finish() error {
	files := make([]string, w.shards)
	for i := range files {
		files[i] = fmt.Sprintf("data-%05d-of-%05d.arrow", i, w.shards)
		if err := os.Rename(w.partName(i), filepath.Join(w.dir, files[i])); err != nil {
			return fmt.Errorf("table: close: %w", err)
		}
	}
	if err := writeJSON(filepath.Join(w.dir, infoFile), newInfo(w.cols)); err != nil {
		return err
	}
	if w.notes != nil {
		if err := writeJSON(filepath.Join(w.dir, notesFile), w.notes); err != nil {
			return err
		}
	}
	if err := writeJSON(filepath.Join(w.dir, stateFile), newState(files, w.sum.bytes())); err != nil {
		return err
	}
	return syncDir(w.dir)
}

func (w *Writer[R]) partName(i int) string {
	return filepath.Join(w.dir, fmt.Sprintf("data-%05d.arrow.part", i))
}

// A shard is one Arrow IPC stream file on its way to disk.
type shard struct {
	file *os.File
	buf  *bufio.Writer
	size *counter
	ipc  *ipc.Writer
	sent int64 // bytes that the disk has been asked to write
}

// newShard begins a file. What goes into it also goes into sum.
func newShard(path string, schema *arrow.Schema, sum *checksum, mem memory.Allocator) (*shard, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("table: write: %w", err)
	}
	s := &shard{file: f, buf: bufio.NewWriterSize(f, 1<<16), size: new(counter)}
	s.ipc = ipc.NewWriter(io.MultiWriter(s.buf, sum, s.size), ipc.WithSchema(schema), ipc.WithAllocator(mem))
	return s, nil
}

// hurry has the disk begin with what the kernel would keep to itself until Sync.
func (s *shard) hurry() {
	const least = 16 << 20
	if n := s.size.n - s.sent; n >= least {
		_ = unix.SyncFileRange(int(s.file.Fd()), s.sent, n, unix.SYNC_FILE_RANGE_WRITE) // Sync tells of failures
		s.sent = s.size.n
	}
}

func (s *shard) close() error {
	err := errors.Join(s.ipc.Close(), s.buf.Flush(), s.file.Sync(), s.file.Close())
	if err != nil {
		return fmt.Errorf("table: write %s: %w", s.file.Name(), err)
	}
	return nil
}

// A counter counts bytes.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}

// A checksum is of a table's bytes, 64 bits of them as datasets' own
// fingerprints are: two polynomials, each computed by the processor itself. It
// tells versions of a table apart and guards against nobody.
type checksum struct{ ieee, castagnoli uint32 }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func (c *checksum) Write(p []byte) (int, error) {
	c.ieee = crc32.Update(c.ieee, crc32.IEEETable, p)
	c.castagnoli = crc32.Update(c.castagnoli, castagnoli, p)
	return len(p), nil
}

func (c *checksum) bytes() []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, c.ieee), c.castagnoli)
}
