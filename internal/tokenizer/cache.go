package tokenizer

import "math/bits"

const (
	cacheSets    = 1 << 15
	cacheKeys    = 1 << 20 // bytes of words
	cacheIDs     = 1 << 18
	cacheMaxWord = 64 // bytes; longer words seldom come again
)

// A cache remembers the ids of words: two to a set, the older of which gives
// way. Its memory is bounded (3 MB): when an arena is full, all is forgotten.
type cache struct {
	sets [][2]cacheSlot
	keys []byte
	ids  []int32
}

type cacheSlot struct {
	hash     uint32 // 0 is empty
	key, ids uint32 // offsets into the arenas
	nkey     uint8
	nids     uint8
}

func newCache() *cache {
	return &cache{sets: make([][2]cacheSlot, cacheSets)}
}

// get returns the ids of word, valid until the next put.
func (c *cache) get(word string, hash uint32) ([]int32, bool) {
	set := &c.sets[hash%cacheSets]
	for i := range set {
		s := &set[i]
		if s.hash == hash && string(c.keys[s.key:s.key+uint32(s.nkey)]) == word {
			return c.ids[s.ids : s.ids+uint32(s.nids)], true
		}
	}
	return nil, false
}

// put remembers the ids of word; a word has no more ids than bytes.
func (c *cache) put(word string, hash uint32, ids []int32) {
	if len(c.keys)+len(word) > cacheKeys || len(c.ids)+len(ids) > cacheIDs {
		clear(c.sets)
		c.keys, c.ids = c.keys[:0], c.ids[:0]
	}
	set := &c.sets[hash%cacheSets]
	set[1] = set[0]
	set[0] = cacheSlot{
		hash: hash, key: uint32(len(c.keys)), ids: uint32(len(c.ids)),
		nkey: uint8(len(word)), nids: uint8(len(ids)),
	}
	c.keys = append(c.keys, word...)
	c.ids = append(c.ids, ids...)
}

// hashWord is never 0. Words of 8 bytes and more end with a load that may
// overlap the one before.
func hashWord(word string) uint32 {
	const k = 0x9E3779B97F4A7C15
	n := len(word)
	h := uint64(n) * k
	switch {
	case n >= 8:
		for i := 0; i < n-8; i += 8 {
			h = bits.RotateLeft64(h^load64(word[i:]), 29) * k
		}
		h ^= load64(word[n-8:])
	case n >= 4:
		h ^= load32(word) | load32(word[n-4:])<<32
	case n > 0:
		h ^= uint64(word[0]) | uint64(word[n/2])<<8 | uint64(word[n-1])<<16
	}
	h = bits.RotateLeft64(h, 29) * k
	return uint32(h>>32) ^ uint32(h>>60) | 1<<31
}

func load64(s string) uint64 { return load32(s) | load32(s[4:])<<32 }

func load32(s string) uint64 {
	_ = s[3]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24
}
