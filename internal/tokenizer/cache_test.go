package tokenizer

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestCache fills the cache many times over: it may forget, never mistake.
func TestCache(t *testing.T) {
	c := newCache()
	rng := rand.New(rand.NewPCG(7, 8))
	hits := 0
	for i := range 1_000_000 {
		n := rng.IntN(i/5 + 10)
		word := fmt.Sprintf("%0*d", n%cacheMaxWord, n)
		want := []int32{int32(n), int32(len(word))}
		hash := hashWord(word)
		got, ok := c.get(word, hash)
		switch {
		case !ok:
			c.put(word, hash, want)
		case !slices.Equal(got, want):
			t.Fatalf("get(%q) = %v, want %v", word, got, want)
		default:
			hits++
		}
		if len(c.keys) > cacheKeys || len(c.ids) > cacheIDs {
			t.Fatalf("the arenas hold %d bytes and %d ids", len(c.keys), len(c.ids))
		}
	}
	if hits == 0 {
		t.Error("no word was ever found again")
	}
}
