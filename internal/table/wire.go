package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"unicode/utf8"
)

// What a reading process hands over (reader.go) is blocks, each its length and
// so many bytes. The first has the names of the columns, the others have rows. A
// row is a value for each wanted column, in their order; a value is a tag and
// what the tag says. Lengths take four bytes, numbers eight, little-endian.
const (
	tagAbsent = iota // the file has no such column
	tagNull
	tagFalse
	tagTrue
	tagInt
	tagFloat
	tagText   // length, bytes of UTF-8
	tagList   // values up to tagEnd
	tagObject // pairs of a text and a value, up to tagEnd
	tagEnd

	tagRow    // length, values
	tagFault  // a text without its tag: why a row cannot be read; those after it can
	tagBroken // likewise: why nothing can be read from here on
	tagDone
)

const (
	blockBytes = 256 << 10       // a block is sent when it has so many
	maxBlock   = 2 * maxRowBytes // and has never more
)

var errTooBig = fmt.Errorf("the row is larger than %d bytes or %d values", maxRowBytes, maxRowValues)

var errNotUTF8 = errors.New("text is not UTF-8")

// An encoder writes the values of one row, no more than a row may hold: lists
// in a damaged file can share their elements and so claim far more than the file
// holds.
type encoder struct {
	b             []byte
	bytes, values int // that are left to the row
}

// reset makes way for the next row.
func (e *encoder) reset() { e.b, e.bytes, e.values = e.b[:0], maxRowBytes, maxRowValues }

// spend takes one value of n bytes.
func (e *encoder) spend(n int) error {
	e.bytes -= n
	e.values--
	if e.bytes < 0 || e.values < 0 {
		return errTooBig
	}
	return nil
}

func (e *encoder) tag(t byte) error {
	e.b = append(e.b, t)
	return e.spend(16)
}

func (e *encoder) end() { e.b = append(e.b, tagEnd) }

func (e *encoder) bool(v bool) error {
	if v {
		return e.tag(tagTrue)
	}
	return e.tag(tagFalse)
}

func (e *encoder) int(v int64) error {
	err := e.tag(tagInt)
	e.b = binary.LittleEndian.AppendUint64(e.b, uint64(v))
	return err
}

func (e *encoder) float(v float64) error {
	err := e.tag(tagFloat)
	e.b = binary.LittleEndian.AppendUint64(e.b, math.Float64bits(v))
	return err
}

// name writes the name of a member, with a tag as a value has: a length alone
// could be taken for tagEnd.
func (e *encoder) name(s string) error {
	e.b = appendText(append(e.b, tagText), s)
	return e.spend(len(s))
}

// putText writes a text, which must be UTF-8.
func putText[T string | []byte](e *encoder, s T) error {
	if err := e.spend(16 + len(s)); err != nil {
		return err
	}
	e.b = appendText(append(e.b, tagText), s)
	if !utf8.Valid(e.b[len(e.b)-len(s):]) {
		return errNotUTF8
	}
	return nil
}

func appendText[T string | []byte](b []byte, s T) []byte {
	return append(binary.LittleEndian.AppendUint32(b, uint32(len(s))), s...)
}

// A blockWriter sends rows off in blocks.
type blockWriter struct {
	w   io.Writer
	b   []byte // the block with room for its length
	err error  // of writing
}

// put adds a tag and a text to the block.
func (w *blockWriter) put(tag byte, text []byte) {
	if len(w.b) == 0 {
		w.b = append(w.b, 0, 0, 0, 0)
	}
	w.b = appendText(append(w.b, tag), text)
}

// add does so, and sends the block if it is large enough.
func (w *blockWriter) add(tag byte, text []byte) {
	if w.put(tag, text); len(w.b) >= blockBytes {
		w.flush()
	}
}

func (w *blockWriter) flush() {
	binary.LittleEndian.PutUint32(w.b, uint32(len(w.b)-4))
	_, err := w.w.Write(w.b)
	w.err = errors.Join(w.err, err)
	w.b = w.b[:0]
}

// A cursor reads what an encoder wrote, and panics where that is not so.
type cursor struct {
	s     string
	names map[string]string // of members, which many rows have
}

func (c *cursor) take(n int) string {
	s := c.s[:n]
	c.s = c.s[n:]
	return s
}

func (c *cursor) tag() byte { return c.take(1)[0] }

func (c *cursor) word() uint64 { return binary.LittleEndian.Uint64([]byte(c.take(8))) }

// text is a part of what the cursor goes over.
func (c *cursor) text() string { return c.take(int(binary.LittleEndian.Uint32([]byte(c.take(4))))) }

// more says whether a list or an object goes on, and passes its end.
func (c *cursor) more() bool {
	if c.s[0] == tagEnd {
		c.s = c.s[1:]
		return false
	}
	return true
}

// value is a value as readers of JSON have it, with numbers of a type of their
// own. Its texts are copies.
func (c *cursor) value() any {
	switch t := c.tag(); t {
	case tagNull:
		return nil
	case tagFalse, tagTrue:
		return t == tagTrue
	case tagInt:
		return int64(c.word())
	case tagFloat:
		return math.Float64frombits(c.word())
	case tagText:
		return strings.Clone(c.text())
	case tagList:
		list := []any{}
		for c.more() {
			list = append(list, c.value())
		}
		return list
	case tagObject:
		m := map[string]any{}
		for c.more() {
			name := c.name()
			m[name] = c.value()
		}
		return m
	default:
		panic(fmt.Sprintf("tag %d", t))
	}
}

// name is the name of a member, of which there is one copy.
func (c *cursor) name() string {
	c.tag()
	text := c.text()
	name, ok := c.names[text]
	if !ok {
		name = strings.Clone(text)
		c.names[name] = name
	}
	return name
}

// row is a row's columns, those of names that it has.
func (c *cursor) row(data string, names []string) (cols map[string]any, err error) {
	defer recoverDamage(&err)
	c.s, cols = data, make(map[string]any, len(names))
	for _, name := range names {
		if c.s[0] == tagAbsent {
			c.s = c.s[1:]
		} else {
			cols[name] = c.value()
		}
	}
	return cols, nil
}
