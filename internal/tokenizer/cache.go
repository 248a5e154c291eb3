package tokenizer

import (
	"encoding/binary"
	"math/bits"
)

const (
	cacheSlots   = 1 << 15
	cacheKeys    = 1 << 19 // bytes of words
	cacheIDs     = 1 << 18
	cacheMaxWord = 64 // bytes; longer words seldom come again
)

// A cache remembers the ids of words, directly mapped. Its memory is fixed
// (about 2 MB): when an arena is full, all is forgotten.
type cache struct {
	slots []cacheSlot
	keys  []byte
	ids   []int32
}

type cacheSlot struct {
	hash     uint32 // 0 is empty
	key, ids uint32 // offsets into the arenas
	nkey     uint8
	nids     uint8
}

func newCache() *cache {
	return &cache{
		slots: make([]cacheSlot, cacheSlots),
		keys:  make([]byte, 0, cacheKeys),
		ids:   make([]int32, 0, cacheIDs),
	}
}

// get returns the ids of word, valid until the next put.
func (c *cache) get(word string, hash uint32) ([]int32, bool) {
	s := &c.slots[hash%cacheSlots]
	if s.hash != hash || int(s.nkey) != len(word) || string(c.keys[s.key:s.key+uint32(s.nkey)]) != word {
		return nil, false
	}
	return c.ids[s.ids : s.ids+uint32(s.nids)], true
}

// put remembers the ids of word; a word has no more ids than bytes.
func (c *cache) put(word string, hash uint32, ids []int32) {
	if len(c.keys)+len(word) > cap(c.keys) || len(c.ids)+len(ids) > cap(c.ids) {
		clear(c.slots)
		c.keys, c.ids = c.keys[:0], c.ids[:0]
	}
	c.slots[hash%cacheSlots] = cacheSlot{
		hash: hash, key: uint32(len(c.keys)), ids: uint32(len(c.ids)),
		nkey: uint8(len(word)), nids: uint8(len(ids)),
	}
	c.keys = append(c.keys, word...)
	c.ids = append(c.ids, ids...)
}

// hashWord is never 0.
func hashWord(word string) uint32 {
	const k = 0x9E3779B97F4A7C15
	h := uint64(len(word)) * k
	for len(word) >= 8 {
		h = bits.RotateLeft64(h^load64(word), 29) * k
		word = word[8:]
	}
	var tail [8]byte
	copy(tail[:], word)
	h = bits.RotateLeft64(h^binary.LittleEndian.Uint64(tail[:]), 29) * k
	return uint32(h>>32) | 1<<31
}

func load64(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}
