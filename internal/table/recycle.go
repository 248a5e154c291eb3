package table

import (
	"math/bits"
	"sync"

	"github.com/apache/arrow/go/v17/arrow/memory"
)

// A recycler is an allocator that keeps what it is given back for the next
// batch, which asks for the same sizes again: memory from the collector would
// have to be found, cleared and faulted in for each batch anew.
type recycler struct {
	memory.Allocator
	dirty bool // what is handed out again need not be zero: a reader of batches fills all of it
	mu    sync.Mutex
	free  [bits.UintSize][][]byte // by the power of two that their sizes are
}

// minRecycled is the least size, in bytes, that is worth keeping.
const minRecycled = 4 << 10

// class is the power of two that holds size bytes.
func class(size int) int { return bits.Len(uint(size - 1)) }

func (r *recycler) Allocate(size int) []byte {
	if size < minRecycled {
		return r.Allocator.Allocate(size)
	}
	c := class(size)
	r.mu.Lock()
	defer r.mu.Unlock()
	last := len(r.free[c]) - 1
	if last < 0 {
		return r.Allocator.Allocate(1 << c)[:size]
	}
	b := r.free[c][last]
	r.free[c] = r.free[c][:last]
	if !r.dirty {
		clear(b[:size])
	}
	return b[:size]
}

func (r *recycler) Reallocate(size int, b []byte) []byte {
	if size >= minRecycled && cap(b) >= minRecycled && class(size) == class(cap(b)) {
		clear(b[min(len(b), size):size])
		return b[:size]
	}
	if size < minRecycled && cap(b) < minRecycled {
		return r.Allocator.Reallocate(size, b)
	}
	grown := r.Allocate(size)
	copy(grown, b)
	r.Free(b)
	return grown
}

func (r *recycler) Free(b []byte) {
	if cap(b) < minRecycled {
		r.Allocator.Free(b)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	c := class(cap(b))
	r.free[c] = append(r.free[c], b[:cap(b)])
}

// drain gives all that is kept back to the allocator below.
func (r *recycler) drain() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c, all := range r.free {
		for _, b := range all {
			r.Allocator.Free(b)
		}
		r.free[c] = nil
	}
}
