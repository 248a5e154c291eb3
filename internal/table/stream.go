package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"

	"github.com/apache/arrow/go/v17/arrow"
	"github.com/apache/arrow/go/v17/arrow/ipc"
	"github.com/apache/arrow/go/v17/arrow/memory"
)

const (
	continuation = 0xFFFFFFFF // opens every message of an IPC stream
	fileMagic    = "ARROW1"   // opens the file format, whose middle is a stream
	maxMetadata  = 16 << 20   // bytes of one message's flatbuffer
)

var errCutShort = errors.New("no end-of-stream mark: the file was cut short")

// A stream walks the messages of an Arrow IPC stream and vouches for their
// sizes. It is the only way by which Arrow's own reader, which trusts every
// length, gets bytes here: it implements [ipc.MessageReader].
type stream struct {
	f    *os.File
	size int64
	off  int64 // of the next message
	mem  memory.Allocator
	need shapes // what the schema asks of later messages
	last *ipc.Message
}

// openStream opens an IPC stream, or an IPC file, which is read as the stream
// within it.
func openStream(path string, mem memory.Allocator) (*stream, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	s := &stream{f: f, size: st.Size(), mem: mem}
	var magic [8]byte
	if _, err := f.ReadAt(magic[:], 0); err == nil && string(magic[:6]) == fileMagic {
		s.off = 8
	}
	return s, nil
}

func (s *stream) Close() error {
	s.Release()
	return s.f.Close()
}

// next reads and checks the metadata of the next message and leaves s.off at
// its body. At the end of the stream it returns io.EOF.
func (s *stream) next() ([]byte, message, error) {
	var head [8]byte
	if s.size-s.off < 8 {
		return nil, message{}, errCutShort
	}
	if _, err := s.f.ReadAt(head[:], s.off); err != nil {
		return nil, message{}, err
	}
	if binary.LittleEndian.Uint32(head[:]) != continuation {
		return nil, message{}, fmt.Errorf("no Arrow IPC message at byte %d", s.off)
	}
	n := int64(int32(binary.LittleEndian.Uint32(head[4:])))
	if n == 0 {
		return nil, message{}, io.EOF
	}
	s.off += 8
	if n < 0 || n > s.size-s.off || n > maxMetadata {
		return nil, message{}, fmt.Errorf("message at byte %d claims %d bytes of metadata, %d are left", s.off-8, n, s.size-s.off)
	}
	meta := make([]byte, n)
	if _, err := s.f.ReadAt(meta, s.off); err != nil {
		return nil, message{}, err
	}
	s.off += n
	m, err := parseMessage(meta)
	if err != nil {
		return nil, message{}, fmt.Errorf("message at byte %d: %w", s.off-n-8, err)
	}
	if m.kind == kindSchema {
		s.need = m.shapes
	} else if err := s.need.check(m); err != nil {
		return nil, message{}, fmt.Errorf("message at byte %d: %w", s.off-n-8, err)
	}
	if m.body < 0 || m.body > s.size-s.off {
		return nil, message{}, fmt.Errorf("message at byte %d claims a body of %d bytes, %d are left", s.off-n-8, m.body, s.size-s.off)
	}
	return meta, m, nil
}

// Message reads the next message for Arrow's reader.
func (s *stream) Message() (*ipc.Message, error) {
	meta, m, err := s.next()
	if err != nil {
		return nil, err
	}
	s.Release()
	body := memory.NewResizableBuffer(s.mem)
	defer body.Release()
	body.Resize(int(m.body))
	if _, err := s.f.ReadAt(body.Bytes(), s.off); err != nil && m.body > 0 {
		return nil, err
	}
	s.off += m.body
	if err := m.checkBody(body.Bytes()); err != nil {
		return nil, err
	}
	s.last = ipc.NewMessage(memory.NewBufferBytes(meta), body)
	return s.last, nil
}

// Release frees the last message.
func (s *stream) Release() {
	if s.last != nil {
		s.last.Release()
		s.last = nil
	}
}

// Retain does nothing: the stream has one owner, who calls Close.
func (s *stream) Retain() {}

// count returns the number of rows without reading any body.
func (s *stream) count() (int, error) {
	rows := 0
	for {
		_, m, err := s.next()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return 0, err
		}
		s.off += m.body
		rows += m.rows
	}
}

// records yields the record batches of a file; each is valid until the next.
// Panics of Arrow's reader become errors.
func records(path string, mem memory.Allocator) iter.Seq2[arrow.Record, error] {
	return func(yield func(arrow.Record, error) bool) {
		s, err := openStream(path, mem)
		if err != nil {
			yield(nil, err)
			return
		}
		defer s.Close()
		r, err := s.reader()
		if err != nil {
			yield(nil, err)
			return
		}
		defer r.Release()
		for r.Next() { // recovers by itself
			if !yield(r.Record(), nil) {
				return
			}
		}
		if err := r.Err(); err != nil {
			yield(nil, err)
		}
	}
}

// reader hands the stream to Arrow, which reads the schema and recovers by
// itself.
func (s *stream) reader() (*ipc.Reader, error) {
	return ipc.NewReaderFromMessageReader(s, ipc.WithAllocator(s.mem))
}

// readSchema returns the schema of a file and its number of rows.
func readSchema(path string, mem memory.Allocator) (schema *arrow.Schema, rows int, err error) {
	s, err := openStream(path, mem)
	if err != nil {
		return nil, 0, err
	}
	defer s.Close()
	r, err := s.reader()
	if err != nil {
		return nil, 0, err
	}
	defer r.Release()
	rows, err = s.count()
	return r.Schema(), rows, err
}

// recoverDamage turns a panic over bad data, of Arrow's arrays and decoders or
// of ours, into an error. It guards decoding alone, never a caller's code.
func recoverDamage(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the file is damaged: %v", p)
	}
}
