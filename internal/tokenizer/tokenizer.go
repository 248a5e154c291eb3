package tokenizer

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
)

// fileName is the tokenizer's file in a model folder.
const fileName = "tokenizer.json"

// maxFile bounds tokenizer.json, in bytes; the largest in use are about 35 MB.
const maxFile = 64 << 20

// A Tokenizer is one tokenizer.json, ready for use. It is safe for concurrent use.
type Tokenizer struct {
	*vocabulary
	raw        *cutter // added tokens found in the text as given
	normalized *cutter // and those found after normalization
	normalize  steps
	words      *words
	model      model
	template   template
	decoder    decoder
	free       encoders
}

// Load reads tokenizer.json from a model folder.
func Load(fsys fs.FS) (*Tokenizer, error) {
	f, err := fsys.Open(fileName)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("tokenizer: %w; tokenizer.model or vocab files alone are not read: save the tokenizer with transformers to get %s", err, fileName)
	}
	if err != nil {
		return nil, fmt.Errorf("tokenizer: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("tokenizer: read %s: %w", fileName, err)
	}
	return Parse(data)
}

// Encode returns the ids of text with the special tokens that the file's
// post-processor adds, as the reference does with add_special_tokens.
func (t *Tokenizer) Encode(text string) []int32 {
	return t.template.apply(t.AppendIDs(nil, text, true))
}

// EncodeMax is [Tokenizer.Encode] cut to at most limit ids: the text loses its
// end, the special tokens stay (truncation "right" of the reference).
func (t *Tokenizer) EncodeMax(text string, limit int) []int32 {
	ids := t.AppendIDs(nil, text, true)
	room := max(limit-len(t.template.before)-len(t.template.after), 0)
	return t.template.apply(ids[:min(len(ids), room)])
}

// AppendIDs appends the ids of text to dst, adding no special tokens of its
// own. Added tokens in text are taken as such; with specials false the special
// ones among them, which could end a turn, are split like any other text.
func (t *Tokenizer) AppendIDs(dst []int32, text string, specials bool) []int32 {
	e := t.free.get(t.model)
	defer t.free.put(e)
	rest := e.out.run(repair, text)
	for start := true; rest != ""; start = false {
		piece, token, after := t.raw.next(rest, specials)
		if piece != "" {
			dst = t.appendPiece(dst, e, piece, specials, start)
		}
		if token != nil {
			dst = append(dst, int32(token.ID))
		}
		rest = after
	}
	return dst
}

// appendPiece encodes text between raw added tokens; start tells that the whole text begins with it.
func (t *Tokenizer) appendPiece(dst []int32, e *encoder, piece string, specials, start bool) []int32 {
	rest := t.normalize.apply(&e.out, piece)
	for ; rest != ""; start = false {
		part, token, after := t.normalized.next(rest, specials)
		if part != "" {
			dst = t.appendWords(dst, e, e.out.run(t.words.prepare(start), part))
		}
		if token != nil {
			dst = append(dst, int32(token.ID))
		}
		rest = after
	}
	return dst
}

func (t *Tokenizer) appendWords(dst []int32, e *encoder, s string) []int32 {
	for s != "" {
		n := t.words.split(s)
		dst = e.appendWord(dst, s[:n])
		s = s[n:]
	}
	return dst
}

// ID returns the id of a token, spelled as in the file.
func (t *Tokenizer) ID(token string) (int32, bool) {
	id, ok := t.ids[token]
	return id, ok
}

// Token returns a token as the file spells it, or "" for an id that has none.
func (t *Tokenizer) Token(id int32) string {
	if t.kind(id) == absent {
		return ""
	}
	return t.tokens[id]
}

// Family is the algorithm that splits words into tokens.
func (t *Tokenizer) Family() string {
	switch t.model.(type) {
	case *byteLevel:
		return "byte-level BPE"
	case *sentencePiece:
		return "SentencePiece BPE"
	}
	return "Unigram"
}

// Size is one more than the highest id.
func (t *Tokenizer) Size() int { return len(t.tokens) }

// Fits reports whether a model with this vocabulary has every token. One that
// has more is fine: embeddings are often padded.
func (t *Tokenizer) Fits(vocabulary int) error {
	if n := t.Size(); n > vocabulary {
		return fmt.Errorf("tokenizer.json has %d tokens and the model's vocabulary %d: they are not of one model", n, vocabulary)
	}
	return nil
}

// IsSpecial tells whether id is an added token marked special.
func (t *Tokenizer) IsSpecial(id int32) bool { return t.kind(id) == special }
