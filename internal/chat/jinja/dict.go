package jinja

import (
	"math"
	"strings"
)

// A Dict is an ordered mapping, as Python's.
type Dict struct {
	keys  []Value
	vals  []Value
	index map[Value]int // hashed key -> position
}

// NewDict returns an empty mapping.
func NewDict() *Dict { return &Dict{} }

// Set adds or replaces an entry and returns the mapping.
func (d *Dict) Set(key string, v Value) *Dict {
	d.set(key, v)
	return d
}

// Len returns the number of entries.
func (d *Dict) Len() int { return len(d.keys) }

// smallDict is the size up to which a scan beats a map.
const smallDict = 8

func (d *Dict) find(key Value) int {
	h := hashed(key)
	if d.index != nil {
		if i, ok := d.index[h]; ok {
			return i
		}
		return -1
	}
	for i, k := range d.keys {
		if hashed(k) == h {
			return i
		}
	}
	return -1
}

func (d *Dict) get(key Value) (Value, bool) {
	if i := d.find(key); i >= 0 {
		return d.vals[i], true
	}
	return nil, false
}

func (d *Dict) set(key, v Value) {
	if i := d.find(key); i >= 0 {
		d.vals[i] = v
		return
	}
	d.keys = append(d.keys, key)
	d.vals = append(d.vals, v)
	switch {
	case d.index != nil:
		d.index[hashed(key)] = len(d.keys) - 1
	case len(d.keys) > smallDict:
		d.index = make(map[Value]int, 2*smallDict)
		for i, k := range d.keys {
			d.index[hashed(k)] = i
		}
	}
}

func (d *Dict) keyList() []Value { return append([]Value(nil), d.keys...) }

func (d *Dict) pairs() []Value {
	out := make([]Value, len(d.keys))
	for i := range d.keys {
		out[i] = &List{Items: []Value{d.keys[i], d.vals[i]}, Kind: Tuple}
	}
	return out
}

func (d *Dict) clone() *Dict {
	c := NewDict()
	for i, k := range d.keys {
		c.set(k, d.vals[i])
	}
	return c
}

// tupleKey is the hash of a tuple: comparable where the tuple is not.
type tupleKey string

// hashed maps a key to a comparable value such that Python's equal keys (1,
// 1.0 and True) map to the same one; it fails for keys that have no hash.
func hashed(key Value) Value {
	switch k := key.(type) {
	case string, nil, int64:
		return k
	case bool:
		i, _ := asInt(k)
		return i
	case float64:
		if k == math.Trunc(k) && math.Abs(k) < 1<<62 {
			return int64(k)
		}
		return k
	case *List:
		if k.Kind == Tuple {
			return tupleHash(k)
		}
	case *Undefined, *Func:
		return k
	}
	fail("a value of type %s cannot be a key", typeName(key))
	return nil
}

func tupleHash(t *List) tupleKey {
	var b strings.Builder
	for _, v := range t.Items {
		if b.Len() > maxKey {
			fail("a tuple of more than %d bytes cannot be a key", maxKey)
		}
		h := hashed(v)
		b.WriteString(typeName(h))
		if s, ok := h.(tupleKey); ok {
			b.WriteString("(" + string(s) + ")")
		} else {
			b.WriteString(repr(h))
		}
		b.WriteByte(',')
	}
	return tupleKey(b.String())
}
