package tokenizer

// A trie holds byte strings, each with an id; node 0 is the root.
type trie struct {
	children *pairs
	ids      []int32 // by node; -1 where no string ends
}

func newTrie(strings int) *trie {
	return &trie{children: newPairs(4 * strings), ids: []int32{-1}}
}

// add stores s under id; of two equal strings the later one holds.
func (t *trie) add(s string, id int32) {
	node := int32(0)
	for i := range len(s) {
		next, ok := t.step(node, s[i])
		if !ok {
			next = int32(len(t.ids))
			t.ids = append(t.ids, -1)
			t.children.put(node, int32(s[i]), uint64(next))
		}
		node = next
	}
	t.ids[node] = id
}

func (t *trie) step(node int32, c byte) (next int32, ok bool) {
	v, ok := t.children.get(node, int32(c))
	return int32(v), ok
}

// longest is the longest string that s begins with: its id (-1 for none) and length.
func (t *trie) longest(s string) (id int32, n int) {
	id = -1
	node, ok := int32(0), true
	for i := range len(s) {
		if node, ok = t.step(node, s[i]); !ok {
			break
		}
		if t.ids[node] >= 0 {
			id, n = t.ids[node], i+1
		}
	}
	return id, n
}
