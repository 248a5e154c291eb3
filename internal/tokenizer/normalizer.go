package tokenizer

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// steps is a normalizer: they rewrite text in turn before it is split.
type steps []step

func (n steps) apply(r *rewriter, s string) string {
	for _, st := range n {
		s = r.run(st, s)
	}
	return s
}

// replaceSpec is a Replace normalizer or decoder.
type replaceSpec struct {
	Type    string      `json:"type"`
	Pattern patternSpec `json:"pattern"`
	Content string      `json:"content"`
}

// patternSpec is {"String": s} or {"Regex": s}.
type patternSpec struct {
	String *string
	Regex  *string
}

// maxGrowth bounds how many times longer a normalizer may make a text, without
// which a few replacements in a row could fill any memory.
const maxGrowth = 16

// parseNormalizer reads the normalizer section.
func parseNormalizer(raw json.RawMessage) (steps, error) {
	var all steps
	total := 1
	err := eachPart(raw, "normalizers", func(kind string, raw json.RawMessage) error {
		st, growth, err := parseNormalizerStep(kind, raw)
		if err != nil {
			return fmt.Errorf("%.40s: %w", kind, err)
		}
		if total *= growth; total > maxGrowth {
			return fmt.Errorf("%.40s: text could become more than %d times longer", kind, maxGrowth)
		}
		all = append(all, st)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	return all, nil
}

// parseNormalizerStep also tells how many times longer a replacement makes text.
func parseNormalizerStep(kind string, raw json.RawMessage) (st step, growth int, err error) {
	growth = 1
	switch kind {
	case "NFC":
		st, err = nfc, strict(raw, new(typeOnly))
	case "Precompiled":
		st, err = parsePrecompiled(raw)
	case "Prepend":
		st, err = parsePrepend(raw)
	case "Replace":
		st, growth, err = parseReplace(raw)
	case "Strip":
		st, err = parseStrip(raw)
	default:
		err = errors.New("not supported")
	}
	return st, growth, err
}

func parsePrepend(raw json.RawMessage) (step, error) {
	var spec struct {
		Type    string `json:"type"`
		Prepend string `json:"prepend"`
	}
	if err := strict(raw, &spec); err != nil {
		return nil, err
	}
	if len(spec.Prepend) > maxGrowth {
		return nil, fmt.Errorf("%.60q is longer than %d bytes", spec.Prepend, maxGrowth)
	}
	return func(s string, out *rewriter) bool {
		if s == "" {
			return false
		}
		out.put(spec.Prepend, 0)
		out.keep(s)
		return true
	}, nil
}

func parseReplace(raw json.RawMessage) (st step, growth int, err error) {
	var spec replaceSpec
	if err := strict(raw, &spec); err != nil {
		return nil, 0, err
	}
	switch p := spec.Pattern; {
	case p.Regex == nil && p.String != nil && *p.String != "":
		growth = (len(spec.Content) + len(*p.String) - 1) / len(*p.String)
		return replaceAll(*p.String, spec.Content), max(growth, 1), nil
	case p.String == nil && p.Regex != nil && *p.Regex == " {2,}":
		return squeeze(spec.Content), max(len(spec.Content)/2, 1), nil
	case p.Regex != nil:
		return nil, 0, fmt.Errorf("regular expression %.60q is not supported", *p.Regex)
	}
	return nil, 0, errors.New("the pattern must be a string that is not empty")
}

// replaceAll writes new for every old.
func replaceAll(old, new string) step {
	return func(s string, out *rewriter) bool {
		at := strings.Index(s, old)
		if at < 0 {
			return false
		}
		for ; at >= 0; at = strings.Index(s, old) {
			out.keep(s[:at])
			out.put(new, len(old))
			s = s[at+len(old):]
		}
		out.keep(s)
		return true
	}
}

// squeeze writes with for every run of two or more spaces.
func squeeze(with string) step {
	return func(s string, out *rewriter) bool {
		at := strings.Index(s, "  ")
		if at < 0 {
			return false
		}
		for ; at >= 0; at = strings.Index(s, "  ") {
			out.keep(s[:at])
			rest := strings.TrimLeft(s[at:], " ")
			out.put(with, len(s)-at-len(rest))
			s = rest
		}
		out.keep(s)
		return true
	}
}

func parseStrip(raw json.RawMessage) (step, error) {
	var spec struct {
		Type  string `json:"type"`
		Left  bool   `json:"strip_left"`
		Right bool   `json:"strip_right"`
	}
	if err := strict(raw, &spec); err != nil {
		return nil, err
	}
	return func(s string, out *rewriter) bool {
		kept, left := s, 0
		if spec.Left {
			kept = strings.TrimLeftFunc(kept, isSpace)
			left = len(s) - len(kept)
		}
		if spec.Right {
			kept = strings.TrimRightFunc(kept, isSpace)
		}
		if len(kept) == len(s) {
			return false
		}
		out.put("", left)
		out.keep(kept)
		out.put("", len(s)-left-len(kept))
		return true
	}, nil
}
