package tokenizer

import "math/bits"

// pairs is an open-addressing map from two small numbers to one: a merge
// table (left id, right id) and a byte trie (node, byte) are both that. A Go
// map spends several times as long on a miss, and most lookups miss.
type pairs struct {
	slots []pairSlot
	shift int
	n     int
}

type pairSlot struct{ key, value uint64 } // key 0 is empty

func pairKey(a, b int32) uint64 { return (uint64(uint32(a))<<32 | uint64(uint32(b))) + 1 }

// newPairs makes room for n pairs without growing.
func newPairs(n int) *pairs {
	log := max(bits.Len(uint(2*n)), 4)
	return &pairs{slots: make([]pairSlot, 1<<log), shift: 64 - log}
}

// find is the slot of key, or the empty one where it belongs.
func (p *pairs) find(key uint64) *pairSlot {
	mask := len(p.slots) - 1
	for i := int(key * 0x9E3779B97F4A7C15 >> p.shift); ; i = (i + 1) & mask {
		if s := &p.slots[i&mask]; s.key == key || s.key == 0 {
			return s
		}
	}
}

func (p *pairs) get(a, b int32) (value uint64, ok bool) {
	s := p.find(pairKey(a, b))
	return s.value, s.key != 0
}

// put stores value under (a, b), replacing what was there.
func (p *pairs) put(a, b int32, value uint64) {
	if 2*(p.n+1) > len(p.slots) {
		p.grow()
	}
	s := p.find(pairKey(a, b))
	if s.key == 0 {
		p.n++
	}
	*s = pairSlot{pairKey(a, b), value}
}

func (p *pairs) grow() {
	old := p.slots
	*p = pairs{slots: make([]pairSlot, 2*len(old)), shift: p.shift - 1, n: p.n}
	for _, s := range old {
		if s.key != 0 {
			*p.find(s.key) = s
		}
	}
}
