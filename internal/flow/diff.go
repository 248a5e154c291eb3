package flow

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
)

// maxChanges bounds a list of changes that a person reads on one line.
const maxChanges = 4

// Changes lists every key whose value differs between two configs in JSON, with
// both values; one that a config lacks is "(absent)".
func Changes(old, now json.RawMessage) (out []Change) {
	before, after := flatten(old), flatten(now)
	keys := maps.Clone(before)
	maps.Copy(keys, after)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if before[key] != after[key] {
			out = append(out, Change{key, orAbsent(before[key]), orAbsent(after[key])})
		}
	}
	return out
}

// A Change is a key of a config and its two values as JSON.
type Change struct{ Key, Old, Now string }

// configChanges lists the keys whose values differ between two configs, as
// "dpo.beta 0.1 -> 0.05".
func configChanges(old, now json.RawMessage) []string {
	var changes []string
	for _, c := range Changes(old, now) {
		changes = append(changes, fmt.Sprintf("%s %s -> %s", c.Key, c.Old, c.Now))
	}
	if more := len(changes) - maxChanges; more > 0 {
		changes = append(changes[:maxChanges], fmt.Sprintf("and %d more", more))
	}
	return changes
}

func orAbsent(value string) string {
	if value == "" {
		return "(absent)"
	}
	return value
}

// flatten maps the path of every leaf of a JSON value to its text. What is no
// JSON is one leaf.
func flatten(raw json.RawMessage) map[string]string {
	leaves := map[string]string{}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // 1e-7 stays as it was written
	var v any
	if dec.Decode(&v) != nil {
		v = string(raw)
	}
	flattenInto(leaves, "", v)
	return leaves
}

func flattenInto(leaves map[string]string, at string, v any) {
	dot := at + "."
	if at == "" {
		dot = ""
	}
	switch v := v.(type) {
	case map[string]any:
		for key, value := range v {
			flattenInto(leaves, dot+key, value)
		}
	case []any:
		for i, value := range v {
			flattenInto(leaves, dot+strconv.Itoa(i), value)
		}
	default:
		text, err := json.Marshal(v)
		if err != nil {
			text = fmt.Append(nil, v)
		}
		leaves[at] = string(text)
	}
}

// inputChanges lists the inputs that are new, gone or another artifact.
func inputChanges(old map[string]Fingerprint, now []input) []string {
	var changes []string
	gone := maps.Clone(old)
	for _, in := range now {
		if in.name == "" {
			continue
		}
		switch print, ok := old[in.name]; {
		case !ok:
			changes = append(changes, "input "+in.name+" added")
		case print != in.print:
			changes = append(changes, "input "+in.name+" changed")
		}
		delete(gone, in.name)
	}
	for _, name := range slices.Sorted(maps.Keys(gone)) {
		changes = append(changes, "input "+name+" removed")
	}
	return changes
}
