package sampler

import (
	"crypto/sha256"
	"encoding/binary"
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
