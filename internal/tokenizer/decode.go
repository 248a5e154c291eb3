package tokenizer

import (
	"strings"
	"unicode/utf8"
)

// A decoder knows what each id adds to the text.
type decoder struct {
	kind  decoderKind
	texts []string // by id
	bytes []int16  // by id: the byte that a byte token stands for, else -1; only byteFallback
	strip bool     // drop one space that the text begins with
	bare  bool     // drop every metaspace of the first token
}

type decoderKind uint8

const (
	textsJoined  decoderKind = iota
	bytesJoined              // byte-level: texts are bytes of UTF-8
	byteFallback             // SentencePiece BPE: some tokens are bytes
)

// Decode returns the text of ids. Ids without a token add nothing, nor do
// special tokens if skipSpecial. Broken UTF-8 is mended as in the reference.
func (t *Tokenizer) Decode(ids []int32, skipSpecial bool) string {
	s := Stream{t: t, skip: skipSpecial}
	out := make([]byte, 0, 4*len(ids))
	for _, id := range ids {
		out = s.push(out, id)
	}
	return string(s.flush(out))
}

// Piece returns the bytes that id stands for, perhaps only a part of a
// character; none for an id without a token. A whole text may differ from its
// pieces joined: see [Tokenizer.Decode].
func (t *Tokenizer) Piece(id int32) string {
	d := &t.decoder
	switch {
	case t.kind(id) == absent:
		return ""
	case d.kind == byteFallback && d.bytes[id] >= 0:
		return string([]byte{byte(d.bytes[id])})
	}
	return d.texts[id]
}

// Stream starts the decoding of a sequence that arrives id by id, with special tokens left out.
func (t *Tokenizer) Stream() *Stream { return &Stream{t: t, skip: true} }

// A Stream decodes one sequence; all it returns, joined, is what
// [Tokenizer.Decode] returns for all the ids. It is for one goroutine.
type Stream struct {
	t       *Tokenizer
	skip    bool
	held    []byte // bytes whose text depends on what follows
	started bool   // a token has been seen
	written bool   // text has been returned
}

// Push adds an id and returns the text that is certain now.
func (s *Stream) Push(id int32) string { return string(s.push(nil, id)) }

// Flush returns the rest of the text and makes s ready for another sequence.
func (s *Stream) Flush() string {
	out := s.flush(nil)
	*s = Stream{t: s.t, skip: s.skip, held: s.held[:0]}
	return string(out)
}

func (s *Stream) push(dst []byte, id int32) []byte {
	k := s.t.kind(id)
	if k == absent || k == special && s.skip {
		return dst
	}
	d := &s.t.decoder
	text := d.texts[id]
	isFirst := !s.started
	s.started = true
	switch {
	case d.kind == bytesJoined:
		if len(s.held) > 0 {
			text = string(s.held) + text
		}
		out, tail := appendRepaired(dst, text)
		s.held = append(s.held[:0], tail...)
		return out
	case d.kind == byteFallback && d.bytes[id] >= 0:
		s.held = append(s.held, byte(d.bytes[id]))
		return dst
	case d.bare && isFirst:
		text = strings.ReplaceAll(s.t.tokens[id], metaspace, "")
	}
	return s.write(s.release(dst), text)
}

func (s *Stream) flush(dst []byte) []byte {
	if s.t.decoder.kind == bytesJoined && len(s.held) > 0 {
		s.held = s.held[:0]
		return append(dst, replacement...)
	}
	return s.release(dst)
}

// release writes a run of byte tokens: as text if it is UTF-8, else one U+FFFD a byte.
func (s *Stream) release(dst []byte) []byte {
	if len(s.held) == 0 {
		return dst
	}
	text := string(s.held)
	if !utf8.ValidString(text) {
		text = strings.Repeat(replacement, len(s.held))
	}
	s.held = s.held[:0]
	return s.write(dst, text)
}

func (s *Stream) write(dst []byte, text string) []byte {
	if s.t.decoder.strip && !s.written {
		s.written = text != ""
		text = strings.TrimPrefix(text, " ")
	}
	return append(dst, text...)
}
