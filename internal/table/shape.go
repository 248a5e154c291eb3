package table

import "fmt"

// A shape is what arrays of some fields take in a message: Arrow's reader
// looks these up one after the other, past the end if there are too few.
type shape struct {
	nodes   int // one an array
	buffers int // without those that views count by themselves
	views   int
}

func (s *shape) add(o shape) {
	s.nodes += o.nodes
	s.buffers += o.buffers
	s.views += o.views
}

// shapes are the shape of a schema's record batches and of its dictionaries.
type shapes struct {
	batch        shape
	dictionaries map[int64]shape
}

// check holds a message against the schema before it.
func (s shapes) check(m message) error {
	want := s.batch
	if m.kind == kindDictionary {
		var ok bool
		if want, ok = s.dictionaries[m.dictionary]; !ok {
			return fmt.Errorf("damaged metadata: no column has the dictionary %d", m.dictionary)
		}
	}
	if len(m.views) < want.views {
		return fmt.Errorf("damaged metadata: %d view columns, want %d", len(m.views), want.views)
	}
	for _, n := range m.views[:want.views] {
		want.buffers += n
	}
	if m.nodes < want.nodes || len(m.buffers) < want.buffers {
		return fmt.Errorf("damaged metadata: %d arrays in %d buffers, want %d in %d", m.nodes, len(m.buffers), want.nodes, want.buffers)
	}
	return nil
}

// buffersOf is the number of buffers of each type of Schema.fbs, by its number
// in the union Type. Unions and run-end encodings are left out: no data set of
// text has them, and their lengths would need checks of their own.
var buffersOf = map[byte]int{
	1: 0,                                                           // null
	2: 2, 3: 2, 6: 2, 7: 2, 8: 2, 9: 2, 10: 2, 11: 2, 15: 2, 18: 2, // of fixed width
	4: 3, 5: 3, 19: 3, 20: 3, // binary and text
	12: 2, 17: 2, 21: 2, 25: 3, 26: 3, // list, map, large list, list views
	13: 1, 16: 1, // struct, list of fixed size
	23: 2, 24: 2, // views
}

// shapes walks a Schema table.
func (f *flatbuffer) shapes(schema fbTable) shapes {
	s := shapes{dictionaries: map[int64]shape{}}
	s.batch = f.fields(schema, 1, 0, s.dictionaries)
	return s
}

// fields is the shape of the Field tables in vector i of t.
func (f *flatbuffer) fields(t fbTable, i, depth int, dictionaries map[int64]shape) (sum shape) {
	if depth > maxDepth {
		panic("fields nest too deep")
	}
	v := t.vector(i, 4)
	if v.n > maxFields {
		panic("too many fields")
	}
	for k := range v.n {
		sum.add(f.field(v.table(k), depth, dictionaries))
	}
	return sum
}

// field is the shape of one field. Of a column with a dictionary a batch has
// the indexes alone; the values come before, in a message of their own.
func (f *flatbuffer) field(field fbTable, depth int, dictionaries map[int64]shape) shape {
	field.vector(0, 1) // name
	f.pairs(field, 6)
	typ := field.byte(2)
	buffers, ok := buffersOf[typ]
	if !ok {
		panic(fmt.Sprintf("type %d is not read here", typ))
	}
	s := shape{nodes: 1, buffers: buffers}
	if typ == 23 || typ == 24 {
		s.views = 1
	}
	s.add(f.fields(field, 5, depth+1, dictionaries))
	if encoding, ok := field.child(4); ok {
		dictionaries[encoding.int64(0)] = s
		return shape{nodes: 1, buffers: 2}
	}
	return s
}
