package tokenizer

import "unicode/utf8"

// A step rewrites text, source to out. If it reports false instead, the text
// stays as it is, whatever out holds.
type step func(source string, out *rewriter) bool

// A rewriter collects what a step writes: each call accounts for the next
// bytes of the source, none left out. If traced it also keeps where every
// byte written comes from, which offsets need and the hot path does not.
type rewriter struct {
	text   []byte
	traced bool
	from   []span // by byte of text
	at     int    // source bytes accounted for
}

// A span is a range of bytes.
type span struct{ start, end int }

// keep writes the next bytes of the source, s, unchanged.
func (r *rewriter) keep(s string) {
	r.text = append(r.text, s...)
	if r.traced {
		r.from = appendSpans(r.from, s, r.at)
	}
	r.at += len(s)
}

// put writes text in place of the next n bytes of the source.
func (r *rewriter) put(text string, n int) {
	r.text = append(r.text, text...)
	if r.traced {
		for range len(text) {
			r.from = append(r.from, span{r.at, r.at + n})
		}
	}
	r.at += n
}

// appendSpans appends the span of its own code point for each byte of s, counted from at.
func appendSpans(dst []span, s string, at int) []span {
	for i := 0; i < len(s); {
		_, n := utf8.DecodeRuneInString(s[i:])
		for range n {
			dst = append(dst, span{at + i, at + i + n})
		}
		i += n
	}
	return dst
}

// run returns s after st, which may be nil, using r's memory.
func (r *rewriter) run(st step, s string) string {
	if st == nil {
		return s
	}
	r.text, r.from, r.at = r.text[:0], r.from[:0], 0
	if !st(s, r) {
		return s
	}
	return string(r.text)
}

// alignedText is rewritten text that knows, by byte, where it comes from.
type alignedText struct {
	text string
	from []span
}

func align(s string) alignedText { return alignedText{s, appendSpans(nil, s, 0)} }

// rewrite is a after st.
func (a alignedText) rewrite(st step) alignedText {
	r := rewriter{traced: true}
	if st == nil || !st(a.text, &r) {
		return a
	}
	for i, s := range r.from {
		r.from[i] = a.source(s.start, s.end)
	}
	return alignedText{string(r.text), r.from}
}

// source is where the bytes from start to end come from; an empty range comes
// from the empty one before its place.
func (a alignedText) source(start, end int) span {
	switch {
	case start < end:
		return span{a.from[start].start, a.from[end-1].end}
	case start < len(a.from):
		return span{a.from[start].start, a.from[start].start}
	case len(a.from) > 0:
		return span{a.from[start-1].end, a.from[start-1].end}
	}
	return span{}
}

// slice is the part of a from start to end.
func (a alignedText) slice(start, end int) alignedText {
	return alignedText{a.text[start:end], a.from[start:end]}
}
