package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
)

// parseWords reads the pre_tokenizer section.
func parseWords(raw json.RawMessage) (w *words, err error) {
	shape, parts, err := flatten(raw, "pretokenizers")
	if err == nil {
		switch shape {
		case "":
			w = &words{split: wholeText}
		case "Metaspace":
			w, err = parseMetaspace(parts[0])
		case "ByteLevel":
			w, err = parseByteLevel(parts[0], nil)
		case "Split ByteLevel":
			w, err = parseByteLevel(parts[1], parts[0])
		case "Split":
			w, err = parseGemmaSplit(parts[0])
		default:
			err = fmt.Errorf("%.200q is not supported", shape)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("pre_tokenizer: %w", err)
	}
	return w, nil
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
		return nil, fmt.Errorf("ByteLevel: %w", err)
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
		return nil, errors.New("ByteLevel after Split is supported only with use_regex and add_prefix_space false")
	default:
		var err error
		if w.split, err = parseSplit(split); err != nil {
			return nil, fmt.Errorf("Split: %w", err)
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
		return nil, fmt.Errorf("Split: %w", err)
	}
	p := spec.Pattern
	if p.String == nil || *p.String != " " || p.Regex != nil || spec.Behavior != "MergedWithPrevious" || spec.Invert {
		return nil, errors.New(`Split without ByteLevel is supported only at " ", MergedWithPrevious`)
	}
	return &words{split: wholeText, spaceless: true}, nil
}

// parseMetaspace reads a Metaspace pre-tokenizer or decoder.
func parseMetaspace(raw json.RawMessage) (*words, error) {
	var spec struct {
		Type           string  `json:"type"`
		Replacement    string  `json:"replacement"`
		PrependScheme  string  `json:"prepend_scheme"`
		AddPrefixSpace *bool   `json:"add_prefix_space"` // before prepend_scheme
		StrRep         *string `json:"str_rep"`
		Split          *bool   `json:"split"` // true if missing
	}
	if err := strict(raw, &spec); err != nil {
		return nil, fmt.Errorf("Metaspace: %w", err)
	}
	if spec.Replacement != metaspace {
		return nil, fmt.Errorf("Metaspace: replacement %.40q is not supported", spec.Replacement)
	}
	w := &words{kind: metaspaceWords, split: wholeText, mark: markSpaces, prefix: prefixMetaspace}
	if spec.Split == nil || *spec.Split {
		w.split, w.splits = beforeEach, true
	}
	unprefixed := spec.AddPrefixSpace != nil && !*spec.AddPrefixSpace
	switch scheme := spec.PrependScheme; {
	case scheme == "never" || scheme == "" && unprefixed:
		w.scheme = never
	case unprefixed:
		return nil, fmt.Errorf("Metaspace: prepend_scheme %.40q contradicts add_prefix_space false", scheme)
	case scheme == "first":
		w.scheme = first
	case scheme == "always" || scheme == "":
		w.scheme = always
	default:
		return nil, fmt.Errorf("Metaspace: prepend_scheme %.40q is not known", scheme)
	}
	return w, nil
}
