package tokenizer

import (
	"errors"

	sugarme "github.com/sugarme/tokenizer"
	"github.com/sugarme/tokenizer/normalizer"
	"github.com/sugarme/tokenizer/processor"
)

// Sugarme returns t as a tokenizer of sugarme/tokenizer, whose Encoding holds
// tokens and byte offsets beside the ids. Its ids equal t's. Its parts are
// [Normalizer], [PreTokenizer], [Model] and [Decoder] and its own
// TemplateProcessing.
//
// Added tokens are cut out by the PreTokenizer, which also normalizes, as
// sugarme's own vocabulary of added tokens would lose some: it stays empty, so
// Decode does not know special tokens and leaves none out: use [Tokenizer.Decode].
// It panics on text that is not UTF-8, before its parts are asked: use [Repair].
func (t *Tokenizer) Sugarme() *sugarme.Tokenizer {
	s := sugarme.NewTokenizer(Model{t})
	s.WithPreTokenizer(PreTokenizer{t})
	s.WithDecoder(Decoder{t})
	if t.template.spec != nil {
		s.WithPostProcessor(t.template.spec.processing())
	}
	return s
}

// A Normalizer is the normalizer of a [Tokenizer] for sugarme/tokenizer.
type Normalizer struct{ Tokenizer *Tokenizer }

// Normalize returns n normalized further, aligned to n's original.
func (p Normalizer) Normalize(n *normalizer.NormalizedString) (*normalizer.NormalizedString, error) {
	a := alignedText{text: n.GetNormalized()}
	for _, origin := range n.Alignments() {
		a.from = append(a.from, span{origin[0], origin[1]})
	}
	for _, st := range p.Tokenizer.normalize {
		a = a.rewrite(st)
	}
	return a.normalized(n.GetOriginal(), n.Shift()), nil
}

// A PreTokenizer cuts out added tokens, normalizes and splits, as far as the
// words that the model takes.
type PreTokenizer struct{ Tokenizer *Tokenizer }

// PreTokenize splits p, of which it takes the original text.
func (p PreTokenizer) PreTokenize(s *sugarme.PreTokenizedString) (*sugarme.PreTokenizedString, error) {
	return s.Split(func(_ int, n *normalizer.NormalizedString) []sugarme.SplitIdx {
		c := sugarmeCut{t: p.Tokenizer, original: n.GetOriginal(), shift: n.Shift()}
		c.text(align(c.original))
		return c.splits
	}), nil
}

// A sugarmeCut walks a text as [Tokenizer.AppendIDs] does, keeping origins.
type sugarmeCut struct {
	t        *Tokenizer
	original string
	shift    int
	splits   []sugarme.SplitIdx
}

func (c *sugarmeCut) text(a alignedText) {
	cutAligned(a, c.t.raw, func(piece alignedText, start bool) {
		for _, st := range c.t.normalize {
			piece = piece.rewrite(st)
		}
		cutAligned(piece, c.t.normalized, func(part alignedText, begins bool) {
			c.words(part.rewrite(c.t.words.prepare(start && begins)))
		}, c.token)
	}, c.token)
}

// cutAligned calls text for what stands between added tokens, and whether a
// begins with it, and token for these, in order.
func cutAligned(a alignedText, by *cutter, text func(part alignedText, begins bool), token func(alignedText, *addedSpec)) {
	for at := 0; at < len(a.text); {
		before, added, after := by.next(a.text[at:], true)
		if before != "" {
			text(a.slice(at, at+len(before)), at == 0)
		}
		end := len(a.text) - len(after)
		if added != nil {
			token(a.slice(at+len(before), end), added)
		}
		at = end
	}
}

func (c *sugarmeCut) words(a alignedText) {
	for start := 0; start < len(a.text); {
		end := start + c.t.words.split(a.text[start:])
		word := a.slice(start, end)
		c.splits = append(c.splits, sugarme.SplitIdx{Normalized: word.normalized(c.original, c.shift)})
		start = end
	}
}

func (c *sugarmeCut) token(a alignedText, added *addedSpec) {
	c.splits = append(c.splits, sugarme.SplitIdx{
		Normalized: a.normalized(c.original, c.shift),
		Tokens:     []sugarme.Token{sugarme.NewToken(int(added.ID), added.Content, []int{0, len(a.text)})},
	})
}

// normalized is a for sugarme: a slice of original, which begins at shift.
func (a alignedText) normalized(original string, shift int) *normalizer.NormalizedString {
	whole := a.source(0, len(a.text))
	there := make([][]int, len(a.text))
	back := make([][]int, whole.end-whole.start)
	for i, s := range a.from {
		there[i] = []int{s.start - whole.start, s.end - whole.start}
		for j := s.start; j < s.end; j++ {
			switch b := &back[j-whole.start]; {
			case *b == nil:
				*b = []int{i, i + 1}
			default:
				(*b)[1] = i + 1
			}
		}
	}
	last := 0
	for i, b := range back { // bytes that left nothing behind
		if b == nil {
			back[i] = []int{last, last}
		} else {
			last = b[1]
		}
	}
	return normalizer.NewNormalizedString(original[whole.start:whole.end], a.text, there, back, shift+whole.start)
}

// A Model is the model of a [Tokenizer] for sugarme/tokenizer.
type Model struct{ Tokenizer *Tokenizer }

// Tokenize returns the tokens of a word as the PreTokenizer gives it.
func (m Model) Tokenize(word string) ([]sugarme.Token, error) {
	e := m.Tokenizer.free.get(m.Tokenizer.model)
	defer m.Tokenizer.free.put(e)
	ids := e.appendWord(nil, word)
	start := 0
	tokens := make([]sugarme.Token, len(ids))
	for i, end := range m.Tokenizer.model.ends(e, word, ids) {
		tokens[i] = sugarme.NewToken(int(ids[i]), m.Tokenizer.tokens[ids[i]], []int{start, end})
		start = end
	}
	return tokens, nil
}

// TokenToId is [Tokenizer.ID].
func (m Model) TokenToId(token string) (int, bool) {
	id, ok := m.Tokenizer.ID(token)
	return int(id), ok
}

// IdToToken is [Tokenizer.Token].
func (m Model) IdToToken(id int) (string, bool) {
	if id < 0 || id >= m.Tokenizer.Size() || m.Tokenizer.kind(int32(id)) == absent {
		return "", false
	}
	return m.Tokenizer.tokens[id], true
}

// GetVocab returns the ids by token, added tokens included.
func (m Model) GetVocab() map[string]int {
	vocab := make(map[string]int, len(m.Tokenizer.ids))
	for token, id := range m.Tokenizer.ids {
		vocab[token] = int(id)
	}
	return vocab
}

// GetVocabSize is the number of tokens.
func (m Model) GetVocabSize() int { return len(m.Tokenizer.ids) }

// Save fails: a tokenizer stays the file that it was read from.
func (m Model) Save(string, ...string) error {
	return errors.New("tokenizer: save is not supported: copy " + fileName + " instead")
}

// A Decoder is the decoder of a [Tokenizer] for sugarme/tokenizer.
type Decoder struct{ Tokenizer *Tokenizer }

// Decode joins tokens to text.
func (d Decoder) Decode(tokens []string) string {
	ids := make([]int32, 0, len(tokens))
	for _, token := range tokens {
		if id, ok := d.Tokenizer.ID(token); ok {
			ids = append(ids, id)
		}
	}
	return d.Tokenizer.Decode(ids, false)
}

// DecodeChain is Decode as the one link of a chain.
func (d Decoder) DecodeChain(tokens []string) []string { return []string{d.Decode(tokens)} }

// processing is s as sugarme's post-processor.
func (s *templateSpec) processing() *processor.TemplateProcessing {
	convert := func(pieces []templatePiece) (t processor.Template) {
		for _, p := range pieces {
			if p.Sequence != nil {
				t = append(t, processor.NewSequencePiece(p.Sequence.ID, p.Sequence.TypeID))
			} else {
				t = append(t, processor.NewSpecialTokenPiece(p.SpecialToken.ID, p.SpecialToken.TypeID))
			}
		}
		return t
	}
	tokens := make(map[string]processor.SpecialToken)
	for name, token := range s.SpecialTokens {
		ids := make([]int, len(token.IDs))
		for i, id := range token.IDs {
			ids[i] = int(id)
		}
		tokens[name] = *processor.NewSpecialToken(name, ids, token.Tokens)
	}
	return processor.NewTemplateProcessing(convert(s.Single), convert(s.Pair), processor.NewTokensFromMap(tokens))
}
