package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"strings"
)

// This file and its neighbours parquetpage.go and thrift.go read the Parquet
// that data sets come in: flat columns and lists of texts, numbers or flat
// structs; plain and dictionary encodings; uncompressed, snappy, gzip and zstd.
// Arrow's Parquet reader is not used, because on damaged files it panics in
// goroutines of its own, which ends the process, or loops.

const maxFooter = 16 << 20

// A parquetLeaf is a column of values: a node of the schema without children.
type parquetLeaf struct {
	path     []string
	physical int64 // Parquet's Type
	chunk    int   // its place in every row group
	maxDef   int   // definition level of a value that is there
	maxRep   int
	listDef  int // definition level of a list element that is there, maybe null
	repeated int // index in path of the repeated node
	group    int // children of the repeated node
}

// A parquetFile is an open file and its footer.
type parquetFile struct {
	*os.File
	size   int64
	leaves []parquetLeaf
	groups []thrift
}

// parquetRows reads a Parquet file.
func parquetRows(path string, want columns) iter.Seq2[foreignRow, error] {
	return func(yield func(foreignRow, error) bool) {
		f, err := openParquet(path)
		if err != nil {
			yield(foreignRow{}, fmt.Errorf("%s: %w", path, err))
			return
		}
		defer f.Close()
		if err := f.hasAny(want); err != nil {
			yield(foreignRow{}, fmt.Errorf("%s: %w", path, err))
			return
		}
		n := int64(0)
		for g, group := range f.groups {
			cols, err := f.columns(group, want)
			if err != nil {
				yield(foreignRow{}, fmt.Errorf("%s: row group %d: %w", path, g, err))
				return
			}
			for range group.int(3) {
				n++
				row := foreignRow{at: fmt.Sprintf(": row %d", n)}
				if row.cols, err = cols.next(); err != nil {
					yield(row, rowError(path, row.at, err)) // the columns are out of step from here
					return
				}
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// hasAny checks that there is a wanted column.
func (p *parquetFile) hasAny(want columns) error {
	var have []string
	for _, l := range p.leaves {
		if len(have) == 0 || have[len(have)-1] != l.path[0] {
			have = append(have, l.path[0])
		}
	}
	return want.in(have)
}

// openParquet reads and checks the footer.
func openParquet(path string) (*parquetFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	p := &parquetFile{File: f}
	if err := p.footer(); err != nil {
		f.Close()
		return nil, err
	}
	return p, nil
}

func (p *parquetFile) footer() error {
	st, err := p.Stat()
	if err != nil {
		return err
	}
	p.size = st.Size()
	if p.size < 12 {
		return errors.New("the file is cut short")
	}
	var tail [8]byte
	if _, err := p.ReadAt(tail[:], p.size-8); err != nil {
		return err
	}
	if magic := string(tail[4:]); magic != "PAR1" {
		return errors.New("no Parquet footer at the end: the file is cut short or encrypted")
	}
	n := int64(binary.LittleEndian.Uint32(tail[:]))
	if n > p.size-12 || n > maxFooter {
		return fmt.Errorf("the footer claims %d bytes of %d, the limit is %d", n, p.size, maxFooter)
	}
	b := make([]byte, n)
	if _, err := p.ReadAt(b, p.size-8-n); err != nil {
		return err
	}
	meta, _, err := parseThrift(b)
	if err != nil {
		return err
	}
	p.groups = meta.list(4)
	if p.leaves, err = parquetLeaves(meta.list(2)); err != nil {
		return err
	}
	rows := int64(0)
	for _, g := range p.groups {
		if len(g.list(1)) != len(p.leaves) || g.int(3) < 0 {
			return errors.New("damaged metadata: a row group does not fit the schema")
		}
		rows += g.int(3)
	}
	if rows != meta.int(3) {
		return fmt.Errorf("damaged metadata: %d rows in the row groups, %d in the file", rows, meta.int(3))
	}
	return nil
}

// parquetLeaves flattens the schema, which is a tree in depth-first order, and
// works out the levels of each leaf (Parquet's Dremel encoding).
func parquetLeaves(nodes []thrift) ([]parquetLeaf, error) {
	var leaves []parquetLeaf
	at := 0
	var visit func(up parquetLeaf, depth int) error
	visit = func(up parquetLeaf, depth int) error {
		if at == len(nodes) || depth > maxDepth {
			return errors.New("damaged metadata: the schema does not fit together")
		}
		node := nodes[at]
		at++
		leaf, kids := up, node.int(5)
		if depth > 0 {
			leaf.path = append(append([]string(nil), up.path...), node.text(4))
			switch node.int(3) { // repetition: required, optional, repeated
			case 1:
				leaf.maxDef++
			case 2:
				leaf.maxDef++
				leaf.maxRep++
				leaf.listDef, leaf.repeated, leaf.group = leaf.maxDef, len(leaf.path)-1, int(kids)
			}
		}
		if kids == 0 && depth > 0 {
			leaf.physical, leaf.chunk = node.int(1), len(leaves)
			leaves = append(leaves, leaf)
			return nil
		}
		for range kids {
			if err := visit(leaf, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	if err := visit(parquetLeaf{}, 0); err != nil {
		return nil, err
	}
	if at != len(nodes) {
		return nil, errors.New("damaged metadata: the schema does not fit together")
	}
	return leaves, nil
}

// key tells how a leaf's values sit in its column's: "" for the value itself,
// else the name of a member of the list's structs.
func (l parquetLeaf) key() (string, error) {
	below := l.path[l.repeated+1:] // under the repeated node
	switch {
	case l.maxRep == 0 && len(l.path) == 1, l.maxRep == 1 && len(below) == 0:
		return "", nil
	case l.maxRep == 1 && len(below) == 1 && l.group == 1:
		return "", nil
	case l.maxRep == 1 && len(below) == 1:
		return below[0], nil
	case l.maxRep == 1 && len(below) == 2 && l.group == 1:
		return below[1], nil
	}
	return "", fmt.Errorf("column %s: only flat values, and lists of values or of flat structs, can be read", strings.Join(l.path, "."))
}

// parquetColumns reads wanted columns of a row group in step.
type parquetColumns []parquetColumn

type parquetColumn struct {
	name   string
	leaves []*leafReader
}

// columns opens the wanted columns of a row group.
func (p *parquetFile) columns(group thrift, want columns) (parquetColumns, error) {
	var cols parquetColumns
	chunks := group.list(1)
	for _, name := range want.all() {
		col := parquetColumn{name: name}
		for _, leaf := range p.leaves {
			if leaf.path[0] != name {
				continue
			}
			r, err := p.leaf(leaf, chunks[leaf.chunk])
			if err != nil {
				return nil, err
			}
			col.leaves = append(col.leaves, r)
		}
		if len(col.leaves) > 0 {
			cols = append(cols, col)
		}
	}
	return cols, nil
}

// leaf opens one column chunk, whose place and size must lie in the file.
func (p *parquetFile) leaf(leaf parquetLeaf, chunk thrift) (*leafReader, error) {
	key, err := leaf.key()
	if err != nil {
		return nil, err
	}
	meta := chunk.child(3)
	from, n := meta.int(9), meta.int(7)
	if dict := meta.int(11); dict > 0 && dict < from {
		from = dict
	}
	if from < 4 || n < 0 || from > p.size || n > p.size-from || meta.int(5) < 0 {
		return nil, fmt.Errorf("damaged metadata: column %s at %d of %d bytes in a file of %d", leaf.path[0], from, n, p.size)
	}
	if chunk.text(1) != "" {
		return nil, errors.New("the columns are in other files")
	}
	return &leafReader{
		leaf: leaf, key: key, values: meta.int(5),
		pages: pageReader{r: io.NewSectionReader(p, from, n), codec: meta.int(4)},
	}, nil
}

// next reads the next row.
func (c parquetColumns) next() (cols map[string]any, err error) {
	defer recoverDamage(&err)
	cols = map[string]any{}
	left := newBudget()
	for _, col := range c {
		if cols[col.name], err = col.next(left); err != nil {
			return nil, fmt.Errorf("column %s: %w", col.name, err)
		}
	}
	return cols, nil
}

// next joins the leaves of one column: the members of a list's structs come
// from leaves of their own.
func (c parquetColumn) next(left *budget) (any, error) {
	var joined []any
	for i, l := range c.leaves {
		v, err := l.next(left)
		if err != nil || l.key == "" || v == nil {
			return v, err
		}
		list := v.([]any)
		if i == 0 {
			joined = make([]any, len(list))
			for k := range joined {
				joined[k] = map[string]any{}
			}
		}
		if len(list) != len(joined) {
			return nil, errors.New("damaged data: the members of a list differ in number")
		}
		for k, member := range list {
			joined[k].(map[string]any)[l.key] = member
		}
	}
	return joined, nil
}
