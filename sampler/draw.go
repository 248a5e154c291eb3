package sampler

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// A stream is the source of one sample's draws: the counter-based generator
// Philox4x32-10 (Salmon et al., SC 2011), keyed by the seed, with the prompt,
// the sample's number and the token's position as counter.
type stream struct {
	seed   uint64
	prompt uint64
	sample uint32
}

// newStream is the source for a sample of a prompt.
func newStream(seed int64, prompt []int32, sample int) stream {
	h := sha256.New()
	var b [4]byte
	for _, id := range prompt {
		binary.LittleEndian.PutUint32(b[:], uint32(id))
		h.Write(b[:])
	}
	return stream{seed: uint64(seed), prompt: binary.LittleEndian.Uint64(h.Sum(nil)), sample: uint32(sample)}
}

// uniform is the draw for a position, in [0,1).
func (s stream) uniform(position int) float64 {
	x := philox([4]uint32{uint32(s.prompt), uint32(s.prompt >> 32), s.sample, uint32(position)},
		[2]uint32{uint32(s.seed), uint32(s.seed >> 32)})
	return float64(uint64(x[0])<<21^uint64(x[1])>>11) / (1 << 53)
}

func philox(c [4]uint32, k [2]uint32) [4]uint32 {
	for range 10 {
		h0, l0 := bits.Mul32(0xD2511F53, c[0])
		h1, l1 := bits.Mul32(0xCD9E8D57, c[2])
		c = [4]uint32{h1 ^ c[1] ^ k[0], l1, h0 ^ c[3] ^ k[1], l0}
		k[0], k[1] = k[0]+0x9E3779B9, k[1]+0xBB67AE85
	}
	return c
}

// A chooser picks the next token from log-probabilities at temperature 1.
type chooser struct {
	temperature float64 // 0: the most likely token
	topP        float64 // 1: off
	topK        int     // 0: off
	probs       []float32
	order       []int32
}

// choose returns the token for uniform draw u: the first, in order of ids,
// at which the cumulated probability of the kept tokens exceeds u.
func (c *chooser) choose(logps []float32, u float64) int {
	best := argmax(logps)
	if c.temperature == 0 {
		return best
	}
	c.probs = c.probs[:0]
	inverse, top := 1/c.temperature, float64(logps[best])
	var total float64
	for _, l := range logps {
		p := math.Exp((float64(l) - top) * inverse)
		c.probs = append(c.probs, float32(p))
		total += float64(float32(p))
	}
	if kept, ok := c.truncate(total); ok {
		total = kept
	}
	var sum float64
	for i, p := range c.probs {
		if sum += float64(p); p > 0 && sum > u*total {
			return i
		}
	}
	return best // u·total was lost to rounding
}

// truncate zeroes all tokens but the topK likeliest, and of these all but the
// smallest set whose share reaches topP, as transformers' warpers do. Ties go
// to the lower id. It returns the mass kept.
func (c *chooser) truncate(total float64) (float64, bool) {
	k := len(c.probs)
	if c.topK > 0 {
		k = min(k, c.topK)
	}
	if k == len(c.probs) && c.topP >= 1 {
		return 0, false
	}
	c.order = likeliest(c.order[:0], c.probs, k, c.topP, total)
	if k < len(c.probs) { // top-p then works on what top-k kept
		total = 0
		for _, i := range c.order {
			total += float64(c.probs[i])
		}
	}
	var kept float64
	n := 0
	for n < len(c.order) && (n == 0 || kept < c.topP*total) {
		kept += float64(c.probs[c.order[n]])
		n++
	}
	keep := c.order[:n]
	least := c.probs[keep[n-1]]
	last := keep[n-1]
	for i, p := range c.probs {
		if p < least || p == least && int32(i) > last {
			c.probs[i] = 0
		}
	}
	return kept, true
}

func argmax(v []float32) int {
	best := 0
	for i, x := range v {
		if x > v[best] {
			best = i
		}
	}
	return best
}
