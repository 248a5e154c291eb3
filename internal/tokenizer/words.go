package tokenizer

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// metaspace stands for a space in SentencePiece's vocabularies.
const (
	metaspace     = "\u2581"
	metaspaceRune = 0x2581
)

// words is the pre-tokenizer: it rewrites a piece of text and cuts it up.
type words struct {
	kind   wordsKind
	split  splitter
	splits bool // split is part of the file's rules, not only a way to cut up work

	spaceless bool // no space may be left when text comes here

	mark   step // rewrites a piece; nil for nothing
	prefix step // does so and puts a space, or its mark, in front if there is none
	scheme prefixing
}

type wordsKind uint8

const (
	noWords        wordsKind = iota // the piece is one word
	byteLevelWords                  // split by a pattern
	metaspaceWords                  // metaspaces stand for spaces
)

// prefixing tells which pieces get a prefix.
type prefixing uint8

const (
	never prefixing = iota
	first           // only the one that the whole text begins with
	always
)

// prepare is the step before splitting; start tells that the whole text begins with the piece.
func (w *words) prepare(start bool) step {
	if w.scheme == always || w.scheme == first && start {
		return w.prefix
	}
	return w.mark
}

var markSpaces = replaceAll(" ", metaspace)

// prefixSpace puts a space in front if there is none.
func prefixSpace(s string, out *rewriter) bool {
	if strings.HasPrefix(s, " ") {
		return false
	}
	out.put(" ", 0)
	out.keep(s)
	return true
}

// prefixMetaspace is markSpaces and puts a metaspace in front if there is none.
func prefixMetaspace(s string, out *rewriter) bool {
	if strings.HasPrefix(s, " ") || strings.HasPrefix(s, metaspace) {
		return markSpaces(s, out)
	}
	out.put(metaspace, 0)
	if !markSpaces(s, out) {
		out.keep(s)
	}
	return true
}

// beforeEach splits before every metaspace.
func beforeEach(s string) int {
	_, n := utf8.DecodeRuneInString(s)
	if i := strings.Index(s[n:], metaspace); i >= 0 {
		return n + i
	}
	return len(s)
}

// suits refuses the normalizers that w does not go with.
func (w *words) suits(n steps) error {
	switch {
	case w.spaceless && strings.Contains(n.apply(new(rewriter), " x  x "), " "):
		return errors.New("pre_tokenizer: Split at spaces is supported only if the normalizer replaces them")
	case w.scheme == first && len(n) > 0:
		return errors.New("pre_tokenizer: Metaspace with prepend_scheme first is supported only without a normalizer")
	}
	return nil
}
