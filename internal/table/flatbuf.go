package table

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Kinds of IPC message (Arrow's Message.fbs).
const (
	kindSchema     = 1
	kindDictionary = 2
	kindBatch      = 3
)

// codecZstd is BodyCompression's ZSTD; the other, LZ4, has blocks of at most
// 4 MiB and needs no check.
const codecZstd = 1

// A message is what the flatbuffer of an IPC message says about sizes.
type message struct {
	kind       byte
	body       int64 // bytes that follow the metadata
	rows       int   // of a record batch
	compressed bool
	codec      int8
	buffers    []span // within the body
	nodes      int    // arrays described
	views      []int  // buffers of each view column
	dictionary int64  // of a dictionary: its id
	shapes     shapes // of a schema
}

type span struct{ off, n int64 }

// Bounds on a schema: Arrow's reader recurses into it and allocates for every
// field before it looks at one.
const (
	maxDepth  = 64
	maxFields = 4096
)

// parseMessage reads a message's flatbuffer and checks every length that
// Arrow's reader would trust: vectors against the bytes there are, the number
// and depth of fields, rows against nulls. Reads past the end panic and are
// recovered here.
func parseMessage(meta []byte) (m message, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged metadata: %v", p)
		}
	}()
	f := &flatbuffer{b: meta, left: 4 * len(meta)}
	root := f.table(f.offset(0))
	m = message{kind: root.byte(1), body: root.int64(3)}
	head, ok := root.child(2)
	if !ok {
		return m, errors.New("damaged metadata: a message without a header")
	}
	switch m.kind {
	case kindSchema:
		if head.byte(0) != 0 {
			return m, errors.New("the data are big-endian")
		}
		m.shapes = f.shapes(head)
		f.pairs(head, 2)
	case kindDictionary:
		if head.byte(2) != 0 { // Arrow joins them without bounds
			return m, errors.New("dictionaries in parts are not read here")
		}
		m.dictionary = head.int64(0)
		if head, ok = head.child(1); !ok {
			return m, errors.New("damaged metadata: a dictionary without data")
		}
		err = m.batch(head)
		m.rows = 0
	case kindBatch:
		err = m.batch(head)
	default:
		err = fmt.Errorf("message of kind %d, want a schema, dictionary or record batch", m.kind)
	}
	return m, err
}

// batch reads a RecordBatch table.
func (m *message) batch(t fbTable) error {
	rows := t.int64(0)
	if rows < 0 || rows > 1024+1024*m.body { // some column takes space for each row
		return fmt.Errorf("damaged metadata: %d rows in a body of %d bytes", rows, m.body)
	}
	m.rows = int(rows)
	nodes := t.vector(1, 16)
	m.nodes = nodes.n
	for i := range nodes.n {
		n, nulls := nodes.int64(16*i), nodes.int64(16*i+8)
		if n < 0 || n > 1<<31-1 || nulls < 0 || nulls > n {
			return fmt.Errorf("damaged metadata: an array of %d elements, %d of them null", n, nulls)
		}
	}
	bufs, total := t.vector(2, 16), int64(0)
	m.buffers = make([]span, bufs.n)
	for i := range m.buffers {
		s := span{bufs.int64(16 * i), bufs.int64(16*i + 8)}
		if s.off < 0 || s.n < 0 || s.off > m.body || s.n > m.body-s.off {
			return fmt.Errorf("damaged metadata: a buffer at %d of %d bytes in a body of %d", s.off, s.n, m.body)
		}
		total += s.n
		m.buffers[i] = s
	}
	if total > m.body {
		return fmt.Errorf("damaged metadata: buffers of %d bytes in a body of %d", total, m.body)
	}
	for i, v := 0, t.vector(4, 8); i < v.n; i++ { // buffers of a view column
		if n := v.int64(8 * i); n < 0 || n > int64(bufs.n) {
			return fmt.Errorf("damaged metadata: a column of %d buffers", n)
		} else {
			m.views = append(m.views, int(n))
		}
	}
	if c, ok := t.child(3); ok {
		m.compressed, m.codec = true, int8(c.byte(0))
	}
	return nil
}

// checkBody checks what compressed buffers claim to unpack to.
func (m message) checkBody(body []byte) error {
	if !m.compressed {
		return nil
	}
	budget := unpackedLimit(int64(len(body)))
	for _, s := range m.buffers {
		if s.n == 0 {
			continue
		}
		if s.n < 8 {
			return fmt.Errorf("damaged data: a compressed buffer of %d bytes", s.n)
		}
		packed := body[s.off : s.off+s.n]
		n := int64(binary.LittleEndian.Uint64(packed))
		if n == -1 { // stored as it is
			continue
		}
		if n < 0 || n > budget {
			return fmt.Errorf("a compressed buffer of %d bytes claims to unpack to %d", s.n, n)
		}
		budget -= n
		if m.codec == codecZstd {
			if err := checkZstd(packed[8:], n); err != nil {
				return err
			}
		}
	}
	return nil
}

// unpackedLimit is how much n compressed bytes may unpack to before they pass
// for a bomb.
func unpackedLimit(n int64) int64 { return 16<<20 + 64*n }

// checkZstd checks the window and content sizes in a zstd frame's header, from
// which decoders allocate (RFC 8878, 3.1.1.1). Other formats pass: LZ4's
// blocks are at most 4 MiB.
func checkZstd(b []byte, want int64) error {
	if len(b) < 6 || binary.LittleEndian.Uint32(b) != 0xFD2FB528 {
		return nil
	}
	desc, at := b[4], 5
	window := int64(0)
	if desc&0x20 == 0 { // not a single segment
		base := int64(1) << (10 + b[5]>>3)
		window = base + base/8*int64(b[5]&7)
		at++
	}
	at += []int{0, 1, 2, 4}[desc&3]
	size := []int{0, 2, 4, 8}[desc>>6]
	if size == 0 && desc&0x20 != 0 {
		size = 1
	}
	if at+size > len(b) {
		return errors.New("damaged data: a zstd frame cut short")
	}
	var raw [8]byte
	copy(raw[:], b[at:at+size])
	content := int64(binary.LittleEndian.Uint64(raw[:]))
	if window > 16<<20 || content < 0 || content > want+256 {
		return fmt.Errorf("a zstd frame claims a window of %d and %d bytes, want %d bytes", window, content, want)
	}
	return nil
}

// A flatbuffer reads little-endian flatbuffers; what is out of range panics.
type flatbuffer struct {
	b    []byte
	left int // budget of table and text bytes: tables may be shared, so visits are counted
}

func (f *flatbuffer) spend(n int) {
	if f.left -= n; f.left < 0 {
		panic("more is claimed than there are bytes")
	}
}

func (f *flatbuffer) offset(at int) int { return at + int(binary.LittleEndian.Uint32(f.b[at:])) }

// A fbTable is a table at pos with its vtable.
type fbTable struct {
	f      *flatbuffer
	pos    int
	vtable []byte
}

func (f *flatbuffer) table(pos int) fbTable {
	f.spend(4)
	at := pos - int(int32(binary.LittleEndian.Uint32(f.b[pos:])))
	size := int(binary.LittleEndian.Uint16(f.b[at:]))
	return fbTable{f, pos, f.b[at : at+size]}
}

// at returns the position of field i, or 0 when the table lacks it.
func (t fbTable) at(i int) int {
	if 4+2*i+2 > len(t.vtable) {
		return 0
	}
	if off := int(binary.LittleEndian.Uint16(t.vtable[4+2*i:])); off != 0 {
		return t.pos + off
	}
	return 0
}

func (t fbTable) byte(i int) byte {
	if at := t.at(i); at != 0 {
		return t.f.b[at]
	}
	return 0
}

func (t fbTable) int64(i int) int64 {
	if at := t.at(i); at != 0 {
		return int64(binary.LittleEndian.Uint64(t.f.b[at:]))
	}
	return 0
}

func (t fbTable) child(i int) (fbTable, bool) {
	if at := t.at(i); at != 0 {
		return t.f.table(t.f.offset(at)), true
	}
	return fbTable{}, false
}

// A vector is n elements.
type vector struct {
	f   *flatbuffer
	pos int
	n   int
}

// vector reads field i as a vector of elements of size bytes.
func (t fbTable) vector(i, size int) vector {
	at := t.at(i)
	if at == 0 {
		return vector{}
	}
	pos := t.f.offset(at)
	n := int(binary.LittleEndian.Uint32(t.f.b[pos:]))
	t.f.spend(n)
	_ = t.f.b[pos+4 : pos+4+n*size]
	return vector{t.f, pos + 4, n}
}

func (v vector) int64(at int) int64 { return int64(binary.LittleEndian.Uint64(v.f.b[v.pos+at:])) }

func (v vector) table(i int) fbTable { return v.f.table(v.f.offset(v.pos + 4*i)) }

// pairs visits the KeyValue tables in vector i of t.
func (f *flatbuffer) pairs(t fbTable, i int) {
	for k, v := 0, t.vector(i, 4); k < v.n; k++ {
		kv := v.table(k)
		kv.vector(0, 1)
		kv.vector(1, 1)
	}
}
