package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// metaspace stands for a space in SentencePiece's vocabularies.
const metaspace = "\u2581"

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

// parseWords reads the pre_tokenizer section.
func parseWords(raw json.RawMessage) (*words, error) {
	var kinds []string
	var parts []json.RawMessage
	err := eachPart(raw, "pretokenizers", func(kind string, raw json.RawMessage) error {
		kinds, parts = append(kinds, kind), append(parts, raw)
		return nil
	})
	if err == nil {
		switch shape := strings.Join(kinds, " "); shape {
		case "":
			return &words{split: wholeText}, nil
		case "Metaspace":
			return parseMetaspace(parts[0])
		case "ByteLevel":
			return parseByteLevel(parts[0], nil)
		case "Split ByteLevel":
			return parseByteLevel(parts[1], parts[0])
		case "Split":
			return parseGemmaSplit(parts[0])
		default:
			err = fmt.Errorf("%.200q is not supported", shape)
		}
	}
	return nil, fmt.Errorf("pre_tokenizer: %w", err)
}

type splitSpec struct {
	Type     string      `json:"type"`
	Pattern  patternSpec `json:"pattern"`
	Behavior string      `json:"behavior"`
	Invert   bool        `json:"invert"`
}

// byteLevelSpec is a ByteLevel part of any section. trim_offsets concerns
// offsets alone.
type byteLevelSpec struct {
	Type           string `json:"type"`
	AddPrefixSpace bool   `json:"add_prefix_space"`
	TrimOffsets    bool   `json:"trim_offsets"`
	UseRegex       *bool  `json:"use_regex"` // true if missing
}

// parseByteLevel reads ByteLevel, alone or after a Split.
func parseByteLevel(raw, split json.RawMessage) (*words, error) {
	w := &words{kind: byteLevelWords}
	var spec byteLevelSpec
	if err := strict(raw, &spec); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: ByteLevel: %w", err)
	}
	if spec.AddPrefixSpace {
		w.scheme, w.prefix = always, prefixSpace
	}
	regex := spec.UseRegex == nil || *spec.UseRegex
	switch {
	case split == nil && regex:
		w.split = newGPT2Splitter()
	case split == nil:
		w.split = wholeText
	case regex || spec.AddPrefixSpace:
		return nil, errors.New("pre_tokenizer: ByteLevel after Split is supported only with use_regex and add_prefix_space false")
	default:
		var err error
		if w.split, err = parseSplit(split); err != nil {
			return nil, fmt.Errorf("pre_tokenizer: Split: %w", err)
		}
	}
	return w, nil
}

// parseSplit reads a Split by one of the known patterns. They match every
// character, so keeping the matches is the same as isolating them.
func parseSplit(raw json.RawMessage) (splitter, error) {
	var spec splitSpec
	if err := strict(raw, &spec); err != nil {
		return nil, err
	}
	isolates := spec.Behavior == "Isolated" && !spec.Invert || spec.Behavior == "Removed" && spec.Invert
	if !isolates {
		return nil, fmt.Errorf("behavior %.40q with invert %v is not supported", spec.Behavior, spec.Invert)
	}
	if spec.Pattern.Regex == nil || spec.Pattern.String != nil {
		return nil, errors.New("only a regular expression is supported")
	}
	newSplitter, ok := patterns[*spec.Pattern.Regex]
	if !ok {
		return nil, fmt.Errorf("regular expression %.300q is not known; GPT-2's, cl100k's, Llama 3's and Qwen2's are", *spec.Pattern.Regex)
	}
	return newSplitter(), nil
}

// parseGemmaSplit reads Gemma's Split at spaces. It never cuts, as the
// normalizer leaves no space; suits holds the normalizer to that.
func parseGemmaSplit(raw json.RawMessage) (*words, error) {
	var spec splitSpec
	if err := strict(raw, &spec); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: Split: %w", err)
	}
	p := spec.Pattern
	if p.String == nil || *p.String != " " || p.Regex != nil || spec.Behavior != "MergedWithPrevious" || spec.Invert {
		return nil, errors.New(`pre_tokenizer: Split without ByteLevel is supported only at " ", MergedWithPrevious`)
	}
	return &words{split: wholeText, spaceless: true}, nil
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

func parseMetaspace(raw json.RawMessage) (*words, error) {
	var spec struct {
		Type           string  `json:"type"`
		Replacement    string  `json:"replacement"`
		PrependScheme  string  `json:"prepend_scheme"`
		AddPrefixSpace *bool   `json:"add_prefix_space"` // before prepend_scheme
		StrRep         *string `json:"str_rep"`
		Split          *bool   `json:"split"` // true if missing
	}
	spec.PrependScheme = "always"
	if err := strict(raw, &spec); err != nil {
		return nil, fmt.Errorf("pre_tokenizer: Metaspace: %w", err)
	}
	if spec.Replacement != metaspace {
		return nil, fmt.Errorf("pre_tokenizer: Metaspace: replacement %.40q is not supported", spec.Replacement)
	}
	w := &words{kind: metaspaceWords, split: wholeText, mark: markSpaces, prefix: prefixMetaspace}
	if spec.Split == nil || *spec.Split {
		w.split, w.splits = beforeEach, true
	}
	if spec.AddPrefixSpace != nil && !*spec.AddPrefixSpace {
		spec.PrependScheme = "never"
	}
	scheme, ok := map[string]prefixing{"never": never, "first": first, "always": always}[spec.PrependScheme]
	if !ok {
		return nil, fmt.Errorf("pre_tokenizer: Metaspace: prepend_scheme %.40q is not known", spec.PrependScheme)
	}
	w.scheme = scheme
	return w, nil
}
