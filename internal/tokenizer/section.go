package tokenizer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// strict decodes one JSON value that has no field unknown to v.
func strict(raw []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return errors.New("more data after the JSON value")
	}
	return nil
}

// isNull tells a missing section from a present one.
func isNull(raw json.RawMessage) bool { return len(raw) == 0 || string(raw) == "null" }

// partType is the "type" of a section.
func partType(raw json.RawMessage) (string, error) {
	if isNull(raw) {
		return "", errors.New("missing")
	}
	var head struct {
		Type string `json:"type"`
	}
	if err := json.Unmarshal(raw, &head); err != nil {
		return "", err
	}
	if head.Type == "" {
		return "", errors.New(`no "type"`)
	}
	return head.Type, nil
}

// typeOnly is a part that has no settings.
type typeOnly struct {
	Type string `json:"type"`
}

// maxParts bounds the parts of a section, through all its Sequences.
const maxParts = 32

// eachPart calls f for a section's part, or in turn for the parts of a
// Sequence, which holds them in field. An absent section has none.
func eachPart(raw json.RawMessage, field string, f func(kind string, raw json.RawMessage) error) error {
	if isNull(raw) {
		return nil
	}
	queue := []json.RawMessage{raw}
	for n := 0; len(queue) > 0; n++ {
		if n == maxParts {
			return fmt.Errorf("more than %d parts", maxParts)
		}
		part := queue[0]
		queue = queue[1:]
		kind, err := partType(part)
		if err != nil {
			return err
		}
		if kind != "Sequence" {
			if err := f(kind, part); err != nil {
				return err
			}
			continue
		}
		parts, err := sequenceParts(part, field)
		if err != nil {
			return fmt.Errorf("Sequence: %w", err)
		}
		queue = append(parts, queue...)
	}
	return nil
}

// sequenceParts is the parts of a Sequence, which has nothing else.
func sequenceParts(raw json.RawMessage, field string) (parts []json.RawMessage, err error) {
	var sequence map[string]json.RawMessage
	if err := json.Unmarshal(raw, &sequence); err != nil {
		return nil, err
	}
	for name := range sequence {
		if name != field && name != "type" {
			return nil, fmt.Errorf("unknown field %.40q", name)
		}
	}
	err = json.Unmarshal(sequence[field], &parts)
	return parts, err
}

// flatten is a section's parts and, as its shape, their types in order.
func flatten(raw json.RawMessage, field string) (shape string, parts []json.RawMessage, err error) {
	var kinds []string
	err = eachPart(raw, field, func(kind string, raw json.RawMessage) error {
		kinds, parts = append(kinds, kind), append(parts, raw)
		return nil
	})
	return strings.Join(kinds, " "), parts, err
}
