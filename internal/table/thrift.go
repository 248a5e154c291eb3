package table

import (
	"encoding/binary"
	"fmt"
)

// A thrift value is a struct in Thrift's compact protocol, in which Parquet
// keeps its footer and page headers. It is small and its sizes are those of
// the bytes it was read from, so no claim in it can exhaust memory.
type thrift []thriftField

type thriftField struct {
	id    int16
	value any // bool, int64, []byte, []any or thrift; nil for a double or map, which Parquet's sizes never are
}

func (t thrift) get(id int16) any {
	for _, f := range t {
		if f.id == id {
			return f.value
		}
	}
	return nil
}

func (t thrift) int(id int16) int64 { n, _ := t.get(id).(int64); return n }

func (t thrift) text(id int16) string { b, _ := t.get(id).([]byte); return string(b) }

func (t thrift) child(id int16) thrift { c, _ := t.get(id).(thrift); return c }

func (t thrift) list(id int16) []thrift {
	l, _ := t.get(id).([]any)
	structs := make([]thrift, 0, len(l))
	for _, v := range l {
		s, _ := v.(thrift)
		structs = append(structs, s)
	}
	return structs
}

// parseThrift reads one struct from the front of b and returns its length.
func parseThrift(b []byte) (t thrift, n int, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged metadata: %v", p)
		}
	}()
	r := &thriftReader{b: b}
	t = r.record(0)
	return t, r.at, nil
}

// A thriftReader reads the compact protocol; what is out of range panics.
type thriftReader struct {
	b  []byte
	at int
}

func (r *thriftReader) byte() byte {
	r.at++
	return r.b[r.at-1]
}

func (r *thriftReader) bytes(n uint64) []byte {
	if n > uint64(len(r.b)-r.at) {
		panic("more is claimed than there are bytes")
	}
	r.at += int(n)
	return r.b[r.at-int(n) : r.at]
}

func (r *thriftReader) uvarint() uint64 {
	n, size := binary.Uvarint(r.b[r.at:])
	if size <= 0 {
		panic("a number breaks off")
	}
	r.at += size
	return n
}

func (r *thriftReader) varint() int64 {
	n := r.uvarint()
	return int64(n>>1) ^ -int64(n&1)
}

func (r *thriftReader) record(depth int) thrift {
	if depth > 32 {
		panic("nested too deep")
	}
	var t thrift
	id := int16(0)
	for {
		head := r.byte()
		typ := head & 15
		if typ == 0 {
			return t
		}
		if delta := head >> 4; delta != 0 {
			id += int16(delta)
		} else {
			id = int16(r.varint())
		}
		if typ == 1 || typ == 2 { // a bool in a struct is its type
			t = append(t, thriftField{id, typ == 1})
			continue
		}
		t = append(t, thriftField{id, r.value(typ, depth)})
	}
}

// value reads one value of a type that is not a bool.
func (r *thriftReader) value(typ byte, depth int) any {
	switch typ {
	case 3:
		return int64(int8(r.byte()))
	case 4, 5, 6:
		return r.varint()
	case 7:
		r.bytes(8)
		return nil
	case 8:
		return r.bytes(r.uvarint())
	case 9, 10:
		return r.list(depth)
	case 11:
		r.skipMap(depth)
		return nil
	case 12:
		return r.record(depth + 1)
	}
	panic(fmt.Sprintf("type %d is unknown", typ))
}

func (r *thriftReader) list(depth int) any {
	head := r.byte()
	n, typ := uint64(head>>4), head&15
	if n == 15 {
		n = r.uvarint()
	}
	if n > uint64(len(r.b)-r.at) { // an element takes at least a byte
		panic("more is claimed than there are bytes")
	}
	list := make([]any, n)
	for i := range list {
		if typ == 1 || typ == 2 {
			list[i] = r.byte() == 1
		} else {
			list[i] = r.value(typ, depth+1)
		}
	}
	return list
}

func (r *thriftReader) skipMap(depth int) {
	n := r.uvarint()
	if n == 0 {
		return
	}
	types := r.byte()
	for range min(n, uint64(len(r.b))) {
		r.value(types>>4, depth+1)
		r.value(types&15, depth+1)
	}
}
