package table

import "github.com/apache/arrow/go/v17/arrow/memory"

// CreateWith and OpenWith are Create and Open with an allocator that tests check.
func CreateWith[R any](dir string, meta map[string]string, mem memory.Allocator) (*Writer[R], error) {
	return create[R](dir, meta, mem)
}

func OpenWith[R any](dir string, mem memory.Allocator) (*Table[R], error) { return open[R](dir, mem) }

// SetLimit bounds the files of w to about n bytes.
func SetLimit[R any](w *Writer[R], n int64) { w.limit = n }
