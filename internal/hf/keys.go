package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// keys is a JSON object whose values are taken one by one. A fault in one is
// noted and the next is read, so that one error names them all.
type keys struct {
	prefix string // of key names in faults
	raw    map[string]json.RawMessage
	faults []error
}

// parseKeys reads a JSON object. Its errors give line and column.
func parseKeys(text []byte) (*keys, error) {
	k := &keys{}
	err := json.Unmarshal(text, &k.raw)
	var syntax *json.SyntaxError
	switch {
	case errors.As(err, &syntax):
		before := text[:min(int(syntax.Offset), len(text))]
		line := 1 + bytes.Count(before, []byte("\n"))
		column := len(before) - (bytes.LastIndexByte(before, '\n') + 1)
		return nil, fmt.Errorf("line %d column %d: %w", line, column, err)
	case err != nil || k.raw == nil:
		return nil, errors.New("want a JSON object")
	}
	return k, nil
}

// has says whether a key is present and not null.
func (k *keys) has(key string) bool {
	raw, ok := k.raw[key]
	return ok && !bytes.Equal(raw, []byte("null"))
}

func (k *keys) fault(key string, err error) {
	k.faults = append(k.faults, fmt.Errorf("%s%s: %w", k.prefix, key, err))
}

// value is the value of a key, or fallback when it is absent or null.
func value[T any](k *keys, key string, fallback T) T {
	if !k.has(key) {
		return fallback
	}
	var v T
	if err := json.Unmarshal(k.raw[key], &v); err != nil {
		k.fault(key, fmt.Errorf("want %s, got %.60s", kindOf(v), k.raw[key]))
		return fallback
	}
	return v
}

// kindOf names the JSON form of a Go value for an error.
func kindOf(v any) string {
	switch v.(type) {
	case string:
		return "a string"
	case bool:
		return "true or false"
	case int:
		return "an integer"
	case float64:
		return "a number"
	case []int:
		return "a list of integers"
	case []string:
		return "a list of strings"
	default:
		return "an object"
	}
}

// size is an integer from 1 to limit. A fallback of 0 makes the key required.
func (k *keys) size(key string, fallback, limit int) int {
	if !k.has(key) && fallback == 0 {
		k.fault(key, errMissing)
		return 0
	}
	before := len(k.faults)
	n := value(k, key, fallback)
	if len(k.faults) == before && (n < 1 || n > limit) {
		k.fault(key, fmt.Errorf("want 1 to %d, got %d", limit, n))
	}
	return n
}

// positive is a number above 0 and at most limit, and otherwise as size.
func (k *keys) positive(key string, fallback, limit float64) float64 {
	if !k.has(key) && fallback == 0 {
		k.fault(key, errMissing)
		return 0
	}
	before := len(k.faults)
	x := value(k, key, fallback)
	if len(k.faults) == before && !(x > 0 && x <= limit) {
		k.fault(key, fmt.Errorf("want above 0 and at most %g, got %g", limit, x))
	}
	return x
}

// ids is none, one or a list of token ids.
func (k *keys) ids(key string) []int {
	if !k.has(key) {
		return nil
	}
	var list []int
	if bytes.HasPrefix(k.raw[key], []byte("[")) {
		list = value(k, key, list)
	} else {
		list = []int{value(k, key, 0)}
	}
	hole := bytes.Contains(k.raw[key], []byte("null")) // encoding/json makes it id 0
	for _, id := range list {
		if hole || id < 0 || id >= maxVocab {
			k.fault(key, fmt.Errorf("want token ids, got %.60s", k.raw[key]))
			return nil
		}
	}
	return list
}

// id is one token id, or -1 when there is none.
func (k *keys) id(key string) int {
	n := value(k, key, -1)
	if n < -1 || n >= maxVocab {
		k.fault(key, fmt.Errorf("want a token id, got %d", n))
	}
	return n
}
