package table

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"
)

// This file and its neighbours parquetpage.go and thrift.go read the Parquet
// that data sets come in: columns of texts, numbers, lists and structs, however
// nested; plain and dictionary encodings; uncompressed, snappy, gzip, zstd and lz4.
// Arrow's Parquet reader is not used, because on damaged files it panics in
// goroutines of its own, which ends the process, or loops.

const maxFooter = 16 << 20

// A parquetNode is a node of the schema's tree.
type parquetNode struct {
	name       string
	kids       []*parquetNode
	repetition int64 // required, optional or repeated
	def, rep   int   // levels of an entry in which the node is there
	physical   int64 // of a leaf: Parquet's Type
	chunk      int   // of a leaf: its place in every row group
	leaf       *leafReader
}

const (
	optional = 1
	repeated = 2
)

// A parquetFile is an open file and its footer.
type parquetFile struct {
	*os.File
	size   int64
	root   *parquetNode
	leaves int
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
		if err := want.in(f.names()); err != nil {
			yield(foreignRow{}, fmt.Errorf("%s: %w", path, err))
			return
		}
		n, e := int64(0), new(encoder)
		for g, group := range f.groups {
			cols, err := f.columns(group, want)
			if err != nil {
				yield(foreignRow{}, fmt.Errorf("%s: row group %d: %w", path, g, err))
				return
			}
			for range group.int(3) {
				n++
				row := foreignRow{at: fmt.Sprintf(": row %d", n)}
				if err := nextRow(e, cols); err != nil {
					yield(row, broken(path, row.at, err)) // the columns are out of step from here
					return
				}
				row.data = e.b
				if !yield(row, nil) {
					return
				}
			}
		}
	}
}

// parquetNames are the columns of a Parquet file.
func parquetNames(path string) ([]string, error) {
	f, err := openParquet(path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	defer f.Close()
	return f.names(), nil
}

// names are the file's columns.
func (p *parquetFile) names() []string {
	var have []string
	for _, column := range p.root.kids {
		have = append(have, column.name)
	}
	return have
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
	if p.root, p.leaves, err = parquetTree(meta.list(2)); err != nil {
		return err
	}
	rows := int64(0)
	for _, g := range p.groups {
		if len(g.list(1)) != p.leaves || g.int(3) < 0 {
			return errors.New("damaged metadata: a row group does not fit the schema")
		}
		rows += g.int(3)
	}
	if rows != meta.int(3) {
		return fmt.Errorf("damaged metadata: %d rows in the row groups, %d in the file", rows, meta.int(3))
	}
	return nil
}

// parquetTree builds the schema, which is listed in depth-first order, with the
// levels of each node (Parquet's Dremel encoding), and counts its leaves.
func parquetTree(nodes []thrift) (root *parquetNode, leaves int, err error) {
	at := 0
	var visit func(up *parquetNode, depth int) (*parquetNode, error)
	visit = func(up *parquetNode, depth int) (*parquetNode, error) {
		if at == len(nodes) || depth > maxDepth {
			return nil, errors.New("damaged metadata: the schema does not fit together")
		}
		node := nodes[at]
		at++
		n := &parquetNode{name: node.text(4), repetition: node.int(3), def: up.def, rep: up.rep, physical: node.int(1)}
		if depth > 0 && n.repetition != 0 {
			n.def++
		}
		if depth > 0 && n.repetition == repeated {
			n.rep++
		}
		if node.int(5) == 0 && depth > 0 {
			n.chunk = leaves
			leaves++
		}
		for range node.int(5) {
			kid, err := visit(n, depth+1)
			if err != nil {
				return nil, err
			}
			n.kids = append(n.kids, kid)
		}
		return n, nil
	}
	root, err = visit(new(parquetNode), 0)
	if err == nil && at != len(nodes) {
		err = errors.New("damaged metadata: the schema does not fit together")
	}
	return root, leaves, err
}

// columns opens the wanted columns of a row group; nil where the file has none
// of a name.
func (p *parquetFile) columns(group thrift, want columns) ([]*parquetNode, error) {
	var cols []*parquetNode
	for _, name := range want.all() {
		at := slices.IndexFunc(p.root.kids, func(n *parquetNode) bool { return n.name == name })
		if at < 0 {
			cols = append(cols, nil)
			continue
		}
		if err := p.attach(p.root.kids[at], group.list(1)); err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		cols = append(cols, p.root.kids[at])
	}
	return cols, nil
}

// attach opens the column chunks of n's leaves, whose places and sizes must
// lie in the file.
func (p *parquetFile) attach(n *parquetNode, chunks []thrift) error {
	for _, kid := range n.kids {
		if err := p.attach(kid, chunks); err != nil {
			return err
		}
	}
	if len(n.kids) > 0 {
		return nil
	}
	meta := chunks[n.chunk].child(3)
	from, size := meta.int(9), meta.int(7)
	if dict := meta.int(11); dict > 0 && dict < from {
		from = dict
	}
	if from < 4 || size < 0 || from > p.size || size > p.size-from || meta.int(5) < 0 {
		return fmt.Errorf("damaged metadata: it stands at %d of %d bytes in a file of %d", from, size, p.size)
	}
	if chunks[n.chunk].text(1) != "" {
		return errors.New("the columns are in other files")
	}
	n.leaf = &leafReader{
		node: n, values: meta.int(5),
		pages: pageReader{r: io.NewSectionReader(p, from, size), codec: meta.int(4)},
	}
	return nil
}

// nextRow reads the next row of columns, which are in step.
func nextRow(e *encoder, columns []*parquetNode) (err error) {
	defer recoverDamage(&err)
	e.reset()
	for _, c := range columns {
		if c == nil {
			e.tag(tagAbsent)
			continue
		}
		if err := c.next(e); err != nil {
			return fmt.Errorf("column %s: %w", c.name, err)
		}
		if rep, _, err := c.first().peek(); err != nil || rep != 0 {
			return errors.Join(err, fmt.Errorf("column %s: damaged data: the row goes on", c.name))
		}
	}
	return nil
}

// first is the leaf that comes first below n: its levels tell for all of them
// whether n is there.
func (n *parquetNode) first() *leafReader {
	for len(n.kids) > 0 {
		n = n.kids[0]
	}
	return n.leaf
}

// next reads what n is in the entry at hand: a value, a list or an object.
func (n *parquetNode) next(e *encoder) error {
	if n.repetition == repeated {
		return n.list(e)
	}
	if n.repetition == optional {
		_, def, err := n.first().peek()
		if err != nil {
			return err
		}
		if def < n.def {
			return errors.Join(e.tag(tagNull), n.skip(e))
		}
	}
	return n.one(e)
}

// one reads n, which is there once.
func (n *parquetNode) one(e *encoder) error {
	switch {
	case len(n.kids) == 0:
		return n.leaf.take(e)
	case len(n.kids) == 1 && n.kids[0].repetition == repeated:
		return n.kids[0].list(e)
	}
	err := e.tag(tagObject)
	for _, kid := range n.kids {
		if err == nil {
			err = e.name(kid.name)
		}
		if err == nil {
			err = kid.next(e)
		}
	}
	e.end()
	return err
}

// list reads all that n, which is repeated, is in the entry at hand. A repeated
// group of one member stands for that member.
func (n *parquetNode) list(e *encoder) error {
	first := n.first()
	_, def, err := first.peek()
	if err := errors.Join(err, e.tag(tagList)); err != nil {
		return err
	}
	defer e.end()
	if def < n.def {
		return n.skip(e)
	}
	for {
		if len(n.kids) == 1 {
			err = n.kids[0].next(e)
		} else {
			err = n.one(e)
		}
		if err != nil {
			return err
		}
		rep, _, err := first.peek()
		if err != nil {
			return err
		}
		if err := n.inStep(rep >= n.rep); err != nil {
			return err
		}
		if rep < n.rep {
			return nil
		}
	}
}

// skip passes over the entry that stands for n in each leaf.
func (n *parquetNode) skip(e *encoder) error {
	return n.each(func(leaf *leafReader) error {
		_, err := leaf.entry()
		return errors.Join(err, e.spend(0))
	})
}

// inStep checks that the list n goes on, or ends, in each of its leaves.
func (n *parquetNode) inStep(more bool) error {
	return n.each(func(leaf *leafReader) error {
		rep, _, err := leaf.peek()
		if err == nil && rep >= n.rep != more {
			err = errors.New("damaged data: the members of a list differ in number")
		}
		return err
	})
}

// each calls do with every leaf of n, up to the first error.
func (n *parquetNode) each(do func(*leafReader) error) error {
	if len(n.kids) == 0 {
		return do(n.leaf)
	}
	for _, kid := range n.kids {
		if err := kid.each(do); err != nil {
			return err
		}
	}
	return nil
}
