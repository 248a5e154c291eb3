package tokenizer

import (
	"encoding/json"
	"fmt"
	"strings"
)

// A normalizer rewrites text before it is split, step after step. A step
// returns its argument itself when it has nothing to change.
type normalizer []func(string) string

func (n normalizer) apply(s string) string {
	for _, step := range n {
		s = step(s)
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

// parseNormalizer reads the normalizer section.
func parseNormalizer(raw json.RawMessage) (normalizer, error) {
	var steps normalizer
	err := eachPart(raw, "normalizers", func(kind string, raw json.RawMessage) error {
		step, err := parseNormalizerStep(kind, raw)
		steps = append(steps, step)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("normalizer: %w", err)
	}
	return steps, nil
}

func parseNormalizerStep(kind string, raw json.RawMessage) (func(string) string, error) {
	switch kind {
	case "NFC":
		return nfc, nil
	case "Precompiled":
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
		return m.apply, nil
	case "Prepend":
		var spec struct {
			Type    string `json:"type"`
			Prepend string `json:"prepend"`
		}
		if err := strict(raw, &spec); err != nil {
			return nil, err
		}
		return func(s string) string {
			if s == "" {
				return s
			}
			return spec.Prepend + s
		}, nil
	case "Replace":
		return parseReplace(raw)
	case "Strip":
		return parseStrip(raw)
	}
	return nil, fmt.Errorf("%q is not supported", kind)
}

func parseReplace(raw json.RawMessage) (func(string) string, error) {
	var spec replaceSpec
	if err := strict(raw, &spec); err != nil {
		return nil, err
	}
	switch p := spec.Pattern; {
	case p.Regex == nil && p.String != nil && *p.String != "":
		return func(s string) string { return strings.ReplaceAll(s, *p.String, spec.Content) }, nil
	case p.String == nil && p.Regex != nil && *p.Regex == " {2,}":
		return func(s string) string { return squeeze(s, spec.Content) }, nil
	case p.Regex != nil:
		return nil, fmt.Errorf("Replace: regular expression %.60q is not supported", *p.Regex)
	}
	return nil, fmt.Errorf("Replace: pattern must be a string that is not empty")
}

// squeeze replaces every run of two or more spaces.
func squeeze(s, with string) string {
	at := strings.Index(s, "  ")
	if at < 0 {
		return s
	}
	var out strings.Builder
	for ; at >= 0; at = strings.Index(s, "  ") {
		out.WriteString(s[:at])
		out.WriteString(with)
		s = strings.TrimLeft(s[at:], " ")
	}
	out.WriteString(s)
	return out.String()
}

func parseStrip(raw json.RawMessage) (func(string) string, error) {
	var spec struct {
		Type  string `json:"type"`
		Left  bool   `json:"strip_left"`
		Right bool   `json:"strip_right"`
	}
	if err := strict(raw, &spec); err != nil {
		return nil, err
	}
	return func(s string) string {
		if spec.Left {
			s = strings.TrimLeftFunc(s, isSpace)
		}
		if spec.Right {
			s = strings.TrimRightFunc(s, isSpace)
		}
		return s
	}, nil
}
