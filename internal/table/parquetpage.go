package table

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"

	"github.com/apache/arrow/go/v17/parquet/compress"
	"github.com/pierrec/lz4/v4"
)

// Parquet's page types and encodings that are read.
const (
	pageData       = 0
	pageDictionary = 2
	pageDataV2     = 3

	encodingPlain     = 0
	encodingPlainDict = 2
	encodingRLE       = 3
	encodingRLEDict   = 8

	physicalBool = 0
)

// A pageReader reads the pages of one column chunk.
type pageReader struct {
	r     *io.SectionReader
	off   int64
	codec int64 // Parquet's CompressionCodec
}

// A page is a page's header and its bytes, unpacked. Of a V2 page, levels holds
// the levels, which are never compressed; of a V1 page they lead data.
type page struct {
	head   thrift
	levels []byte
	data   []byte
}

// next reads the next page; io.EOF when there is none.
func (p *pageReader) next() (page, error) {
	head, err := p.header()
	if err != nil {
		return page{}, err
	}
	packed, size := head.int(3), head.int(2)
	if packed < 0 || size < 0 || packed > p.r.Size()-p.off || size > unpackedLimit(packed) {
		return page{}, fmt.Errorf("damaged data: a page of %d bytes claims to unpack to %d; %d are left", packed, size, p.r.Size()-p.off)
	}
	b := make([]byte, packed)
	if _, err := p.r.ReadAt(b, p.off); err != nil && packed > 0 {
		return page{}, err
	}
	p.off += packed
	pg := page{head: head}
	codec := p.codec
	if head.int(1) == pageDataV2 {
		v2 := head.child(8)
		n := v2.int(5) + v2.int(6)
		if v2.int(5) < 0 || v2.int(6) < 0 || n > packed || n > size {
			return page{}, errors.New("damaged data: levels larger than their page")
		}
		pg.levels, b, size = b[:n], b[n:], size-n
		if v2.get(7) == false {
			codec = 0
		}
	}
	pg.data, err = unpack(codec, b, size)
	return pg, err
}

// header reads the Thrift header of a page, trying more bytes until it fits.
func (p *pageReader) header() (thrift, error) {
	if p.off >= p.r.Size() {
		return nil, io.EOF
	}
	for n := int64(512); ; n *= 8 {
		b := make([]byte, min(n, p.r.Size()-p.off))
		if _, err := p.r.ReadAt(b, p.off); err != nil {
			return nil, err
		}
		head, size, err := parseThrift(b)
		if err == nil {
			p.off += int64(size)
			return head, nil
		}
		if int64(len(b)) < n || n > 1<<20 {
			return nil, fmt.Errorf("page header: %w", err)
		}
	}
}

// unpack decompresses b into exactly size bytes.
func unpack(codec int64, b []byte, size int64) ([]byte, error) {
	var name compress.Compression
	switch codec {
	case 0:
		if int64(len(b)) != size {
			return nil, fmt.Errorf("damaged data: a page of %d bytes, want %d", len(b), size)
		}
		return b, nil
	case 1:
		if n, used := binary.Uvarint(b); used <= 0 || int64(n) != size {
			return nil, fmt.Errorf("damaged data: a snappy block of %d bytes, want %d", n, size)
		}
		c, err := compress.GetCodec(compress.Codecs.Snappy)
		if err != nil {
			return nil, err
		}
		return c.Decode(make([]byte, size), b), nil
	case 2:
		name = compress.Codecs.Gzip
	case 6:
		name = compress.Codecs.Zstd
		if size == 0 {
			return nil, nil
		}
		if err := checkZstd(b, size); err != nil {
			return nil, err
		}
	case 7: // LZ4_RAW, a block without a frame
		if size == 0 {
			return nil, nil
		}
		data := make([]byte, size)
		n, err := lz4.UncompressBlock(b, data)
		if err != nil || int64(n) != size {
			return nil, fmt.Errorf("damaged data: an lz4 block of %d bytes, want %d", n, size)
		}
		return data, nil
	default:
		return nil, fmt.Errorf("compression %d is not read here: write the file with zstd, snappy, gzip or lz4", codec)
	}
	c, err := compress.GetCodec(name)
	if err != nil {
		return nil, err
	}
	r := c.NewReader(bytes.NewReader(b))
	defer r.Close()
	data := make([]byte, size)
	if _, err := io.ReadFull(r, data); err != nil {
		return nil, fmt.Errorf("damaged data: %w", err)
	}
	return data, nil
}

// A leafReader reads the entries of one column chunk: values, and what stands
// for lists and values that are not there.
type leafReader struct {
	node   *parquetNode
	pages  pageReader
	values int64 // not yet read, nulls included

	left      int // of the page
	reps      *runs
	defs      *runs
	plain     []byte
	indexes   *runs
	dict      []any // values, texts as []byte into the dictionary page
	rep, def  int   // levels of the next entry, if peeked
	haveAhead bool
}

// peek is the repetition and the definition level of the next entry. Behind the
// last one they are those of a new row.
func (l *leafReader) peek() (rep, def int, err error) {
	if l.haveAhead {
		return l.rep, l.def, nil
	}
	if l.values == 0 {
		return 0, 0, nil
	}
	for l.left == 0 {
		if err := l.page(); err != nil {
			return 0, 0, err
		}
	}
	if l.rep, err = l.reps.next(); err != nil {
		return 0, 0, err
	}
	if l.def, err = l.defs.next(); err != nil {
		return 0, 0, err
	}
	l.haveAhead = true
	return l.rep, l.def, nil
}

// take writes the next entry.
func (l *leafReader) take(e *encoder) error {
	v, err := l.entry()
	if err != nil {
		return err
	}
	switch v := v.(type) {
	case bool:
		return e.bool(v)
	case int64:
		return e.int(v)
	case float64:
		return e.float(v)
	case []byte:
		return putText(e, v)
	}
	return e.tag(tagNull)
}

// entry reads the next entry: nil where it has no value.
func (l *leafReader) entry() (any, error) {
	if l.values == 0 {
		return nil, errors.New("damaged data: the column has too few values")
	}
	if _, _, err := l.peek(); err != nil {
		return nil, err
	}
	l.haveAhead = false
	l.left--
	l.values--
	if l.def < l.node.def {
		return nil, nil
	}
	return l.read()
}

// read takes the next value that is not null.
func (l *leafReader) read() (v any, err error) {
	if l.indexes == nil {
		v, l.plain, err = plainValue(l.node.physical, l.plain)
		return v, err
	}
	i, err := l.indexes.next()
	if err == nil && i >= len(l.dict) {
		err = fmt.Errorf("damaged data: entry %d of a dictionary of %d", i, len(l.dict))
	}
	if err != nil {
		return nil, err
	}
	return l.dict[i], nil
}

// page turns to the next page with values.
func (l *leafReader) page() error {
	p, err := l.pages.next()
	if err == io.EOF {
		return errors.New("damaged data: the column has too few pages")
	}
	if err != nil {
		return err
	}
	switch p.head.int(1) {
	case pageDictionary:
		return l.dictionary(p)
	case pageData:
		h := p.head.child(5)
		data := p.data
		if l.reps, data, err = levelsV1(l.node.rep, h.int(4), data); err != nil {
			return err
		}
		if l.defs, data, err = levelsV1(l.node.def, h.int(3), data); err != nil {
			return err
		}
		return l.start(h.int(1), h.int(2), data)
	case pageDataV2:
		h := p.head.child(8)
		reps := h.int(6)
		l.reps = newRuns(width(l.node.rep), p.levels[:reps])
		l.defs = newRuns(width(l.node.def), p.levels[reps:])
		return l.start(h.int(1), h.int(4), p.data)
	}
	return nil // an index page
}

// start sets up n entries in an encoding.
func (l *leafReader) start(n, encoding int64, data []byte) error {
	if n < 0 || n > l.values {
		return fmt.Errorf("damaged data: a page of %d values, %d are left", n, l.values)
	}
	l.left = int(n)
	l.plain, l.indexes = data, nil
	if l.node.physical == physicalBool {
		return l.bits(encoding, data)
	}
	switch encoding {
	case encodingPlain:
		return nil
	case encodingPlainDict, encodingRLEDict:
		if len(data) == 0 { // all null
			data = []byte{0}
		}
		if data[0] > 32 {
			return fmt.Errorf("damaged data: dictionary indexes of %d bits", data[0])
		}
		l.indexes = newRuns(int(data[0]), data[1:])
		return nil
	}
	return fmt.Errorf("encoding %d is not read here: write the file with plain or dictionary encoding", encoding)
}

// bits sets up truth values, which take a bit each.
func (l *leafReader) bits(encoding int64, data []byte) (err error) {
	switch encoding {
	case encodingPlain:
		l.indexes = &runs{width: 1, left: 8 * uint64(len(data)), bits: data}
	case encodingRLE:
		l.indexes, _, err = levelsV1(1, encodingRLE, data)
	default:
		err = fmt.Errorf("encoding %d is not read here: write the file with plain encoding", encoding)
	}
	l.dict = []any{false, true}
	return err
}

func (l *leafReader) dictionary(p page) error {
	h := p.head.child(7)
	n := h.int(1)
	if n < 0 || n > int64(len(p.data)/4) { // a value takes at least four bytes
		return fmt.Errorf("damaged data: a dictionary of %d values in %d bytes", n, len(p.data))
	}
	l.dict = make([]any, n)
	var err error
	for i := range l.dict {
		if l.dict[i], p.data, err = plainValue(l.node.physical, p.data); err != nil {
			return err
		}
	}
	return nil
}

// plainValue reads one value in the plain encoding. A text stays in b.
func plainValue(physical int64, b []byte) (any, []byte, error) {
	size := 4
	if physical == 2 || physical == 5 {
		size = 8
	}
	if len(b) < size {
		return nil, nil, errors.New("damaged data: a page ends in a value")
	}
	switch physical {
	case 1:
		return int64(int32(binary.LittleEndian.Uint32(b))), b[4:], nil
	case 2:
		return int64(binary.LittleEndian.Uint64(b)), b[8:], nil
	case 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(b))), b[4:], nil
	case 5:
		return math.Float64frombits(binary.LittleEndian.Uint64(b)), b[8:], nil
	case 6:
		n := binary.LittleEndian.Uint32(b)
		if uint64(n) > uint64(len(b)-4) {
			return nil, nil, errors.New("damaged data: a text larger than its page")
		}
		return b[4 : 4+n : 4+n], b[4+n:], nil
	}
	return nil, nil, fmt.Errorf("Parquet type %d is not read here", physical)
}

// width is the number of bits of levels up to highest.
func width(highest int) int { return bits.Len(uint(highest)) }

// levelsV1 takes levels, with their length in front, off a V1 page.
func levelsV1(highest int, encoding int64, b []byte) (*runs, []byte, error) {
	if highest == 0 {
		return newRuns(0, nil), b, nil
	}
	if encoding != encodingRLE {
		return nil, nil, fmt.Errorf("levels in encoding %d are not read here", encoding)
	}
	if len(b) < 4 || uint64(binary.LittleEndian.Uint32(b)) > uint64(len(b)-4) {
		return nil, nil, errors.New("damaged data: levels larger than their page")
	}
	n := binary.LittleEndian.Uint32(b)
	return newRuns(width(highest), b[4:4+n]), b[4+n:], nil
}

// A runs decodes Parquet's hybrid of run lengths and bit-packed groups of
// eight. At width 0 every value is 0 and takes no bytes.
type runs struct {
	width int
	b     []byte
	left  uint64 // of the run
	same  int    // its value, when packed is nil
	bits  []byte // its bit-packed values
	at    uint   // the next one's first bit
}

func newRuns(width int, b []byte) *runs { return &runs{width: width, b: b} }

func (r *runs) next() (int, error) {
	if r.width == 0 {
		return 0, nil
	}
	for r.left == 0 {
		if err := r.run(); err != nil {
			return 0, err
		}
	}
	r.left--
	if r.bits == nil {
		return r.same, nil
	}
	v := 0
	for i := range r.width {
		bit := r.at + uint(i)
		v |= int(r.bits[bit/8]>>(bit%8)&1) << i
	}
	r.at += uint(r.width)
	return v, nil
}

// run reads the header of the next run.
func (r *runs) run() error {
	head, n := binary.Uvarint(r.b)
	if n <= 0 {
		return errors.New("damaged data: a page has too few values")
	}
	r.b = r.b[n:]
	if head&1 == 0 {
		size := (r.width + 7) / 8
		if len(r.b) < size {
			return errors.New("damaged data: a run breaks off")
		}
		var raw [8]byte
		copy(raw[:], r.b[:size])
		r.left, r.bits, r.same = head>>1, nil, int(binary.LittleEndian.Uint64(raw[:]))
		r.b = r.b[size:]
		return nil
	}
	groups := head >> 1
	// The last group may be cut off behind the values that count.
	size := min(groups*uint64(r.width), uint64(len(r.b)))
	if groups > uint64(len(r.b)) {
		return errors.New("damaged data: a run breaks off")
	}
	r.left, r.bits, r.at = min(groups*8, size*8/uint64(r.width)), r.b[:size], 0
	r.b = r.b[size:]
	return nil
}
