package tokenizer

// mergeTable holds a BPE model's merges: (left, right) to rank<<32 | joined id.
// Lower ranks merge first, and of equal ranks the leftmost.
type mergeTable struct{ *pairs }

const noMerge = ^uint64(0)

func (t mergeTable) lookup(left, right int32) uint64 {
	if v, ok := t.get(left, right); ok {
		return v
	}
	return noMerge
}

// shortWord is the most symbols for which scanning for the lowest rank beats a heap.
const shortWord = 48

// arity is the heap's: four children to a node stay in one cache line.
const arity = 4

// A merger is the memory that merging works in.
type merger struct {
	symbols    []int32
	prev, next []int32
	heap       []uint64 // rank<<32 | position
}

// run merges m.symbols in place until no pair has a merge and returns them.
func (m *merger) run(t mergeTable) []int32 {
	if len(m.symbols) <= shortWord {
		return m.scan(t)
	}
	return m.queue(t)
}

func (m *merger) scan(t mergeTable) []int32 {
	var found [shortWord]uint64 // by left symbol
	s := m.symbols
	for i := range len(s) - 1 {
		found[i] = t.lookup(s[i], s[i+1])
	}
	for len(s) > 1 {
		best, at := noMerge, 0
		for i, v := range found[:len(s)-1] {
			if v < best {
				best, at = v, i
			}
		}
		if best == noMerge {
			break
		}
		s[at] = int32(uint32(best))
		copy(s[at+1:], s[at+2:])
		copy(found[at:len(s)-2], found[at+1:len(s)-1])
		s = s[:len(s)-1]
		if at > 0 {
			found[at-1] = t.lookup(s[at-1], s[at])
		}
		if at+1 < len(s) {
			found[at] = t.lookup(s[at], s[at+1])
		}
	}
	return s
}

// queue keeps candidate pairs in a heap over a linked list. An entry goes
// stale when either symbol changes; it is known by looking the pair up again.
func (m *merger) queue(t mergeTable) []int32 {
	s := m.symbols
	m.link(t)
	for len(m.heap) > 0 {
		top := m.pop()
		at := int32(uint32(top))
		right := m.next[at]
		if s[at] < 0 || right < 0 {
			continue
		}
		v := t.lookup(s[at], s[right])
		if v == noMerge || v>>32 != top>>32 {
			continue
		}
		s[at], s[right] = int32(uint32(v)), -1
		if m.next[at] = m.next[right]; m.next[at] >= 0 {
			m.prev[m.next[at]] = at
			m.offer(t, at)
		}
		if m.prev[at] >= 0 {
			m.offer(t, m.prev[at])
		}
	}
	n := 0
	for i := int32(0); i >= 0; i = m.next[i] {
		s[n] = s[i]
		n++
	}
	return s[:n]
}

// link chains the symbols up and fills the heap with their pairs.
func (m *merger) link(t mergeTable) {
	m.prev, m.next, m.heap = m.prev[:0], m.next[:0], m.heap[:0]
	last := int32(len(m.symbols) - 1)
	for i := range last + 1 {
		m.prev = append(m.prev, i-1)
		m.next = append(m.next, i+1)
	}
	m.next[last] = -1
	for i := range last {
		m.offer(t, i)
	}
}

// offer queues the pair at position at, if it has a merge.
func (m *merger) offer(t mergeTable, at int32) {
	v := t.lookup(m.symbols[at], m.symbols[m.next[at]])
	if v == noMerge {
		return
	}
	m.heap = append(m.heap, v>>32<<32|uint64(at))
	h := m.heap
	for i := len(h) - 1; i > 0; {
		parent := (i - 1) / arity
		if h[parent] <= h[i] {
			break
		}
		h[parent], h[i] = h[i], h[parent]
		i = parent
	}
}

// pop takes the least entry off the heap.
func (m *merger) pop() uint64 {
	h := m.heap
	top, last := h[0], len(h)-1
	h[0] = h[last]
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := arity*i + 1; child <= arity*i+arity && child < last; child++ {
			if h[child] < h[least] {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	m.heap = h
	return top
}
