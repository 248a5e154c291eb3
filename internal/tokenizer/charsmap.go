package tokenizer

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

const (
	maxCluster = 5  // bytes of a grapheme cluster that is looked up as a whole
	maxMapped  = 64 // bytes that a character may become; 33 in the map in use
)

// A charsMap is SentencePiece's precompiled character map: a double-array
// trie (darts-clone) from text to an offset among zero-terminated strings.
type charsMap struct {
	units []uint32
	texts []byte
	keeps [utf8.RuneSelf]bool // ASCII but CR that no entry touches
}

func newCharsMap(blob []byte) (*charsMap, error) {
	if len(blob) < 4 {
		return nil, errors.New("shorter than its header")
	}
	size := binary.LittleEndian.Uint32(blob)
	blob = blob[4:]
	if size == 0 || size%4 != 0 || uint64(size) > uint64(len(blob)) {
		return nil, errors.New("the trie is longer than the map, empty or cut")
	}
	m := &charsMap{units: make([]uint32, size/4), texts: blob[size:]}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(blob[4*i:])
	}
	if !utf8.Valid(m.texts) {
		return nil, errors.New("its strings are not UTF-8")
	}
	for text := range bytes.SplitSeq(m.texts, []byte{0}) {
		if len(text) > maxMapped {
			return nil, fmt.Errorf("a character becomes %d bytes, more than %d", len(text), maxMapped)
		}
	}
	for c := range m.keeps {
		_, mapped := m.find(string(rune(c)))
		m.keeps[c] = !mapped && c != '\r'
	}
	return m, nil
}

// find is what the shortest key that s begins with maps to. The reference
// drops the rest of s.
func (m *charsMap) find(s string) (string, bool) {
	node := m.offset(0)
	for i := range len(s) {
		node ^= uint32(s[i])
		if s[i] == 0 || node >= uint32(len(m.units)) || m.units[node]&(1<<31|0xFF) != uint32(s[i]) {
			return "", false
		}
		leaf := m.units[node]>>8&1 == 1
		node ^= m.offset(node)
		if leaf {
			return m.text(node)
		}
	}
	return "", false
}

func (m *charsMap) offset(node uint32) uint32 {
	unit := m.units[node]
	return unit >> 10 << (unit & (1 << 9) >> 6)
}

// text is the string at the offset that a leaf holds.
func (m *charsMap) text(leaf uint32) (string, bool) {
	if leaf >= uint32(len(m.units)) {
		return "", false
	}
	at := m.units[leaf] &^ (1 << 31)
	if at >= uint32(len(m.texts)) {
		return "", false
	}
	text := m.texts[at:]
	if !utf8.RuneStart(text[0]) {
		return "", false
	}
	if end := bytes.IndexByte(text, 0); end >= 0 {
		text = text[:end]
	}
	return string(text), true
}

// rewrite maps each short grapheme cluster as a whole, the rest by code point.
func (m *charsMap) rewrite(s string, out *rewriter) bool {
	for s != "" {
		// ASCII before ASCII is a cluster of its own, but for CR LF.
		n := 0
		for n < len(s) && s[n] < utf8.RuneSelf && m.keeps[s[n]] {
			n++
		}
		if n < len(s) && s[n] >= utf8.RuneSelf {
			n-- // what follows may belong to its cluster
		}
		if n > 0 {
			out.keep(s[:n])
			s = s[n:]
			continue
		}
		var cluster string
		cluster, s, _, _ = uniseg.FirstGraphemeClusterInString(s, -1)
		m.writeCluster(out, cluster)
	}
	return true
}

func (m *charsMap) writeCluster(out *rewriter, cluster string) {
	if len(cluster) <= maxCluster {
		if text, ok := m.find(cluster); ok {
			out.put(text, len(cluster))
			return
		}
	}
	for i, r := range cluster {
		part := cluster[i : i+utf8.RuneLen(r)]
		if text, ok := m.find(part); ok {
			out.put(text, len(part))
		} else {
			out.keep(part)
		}
	}
}

func parsePrecompiled(raw json.RawMessage) (step, error) {
	var spec struct {
		Type string `json:"type"`
		Map  []byte `json:"precompiled_charsmap"`
	}
	if err := strict(raw, &spec); err != nil {
		return nil, err
	}
	m, err := newCharsMap(spec.Map)
	if err != nil {
		return nil, fmt.Errorf("precompiled_charsmap: %w", err)
	}
	return m.rewrite, nil
}
