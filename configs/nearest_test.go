package configs

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// TestEveryKeyHasARule fails for a key that nobody judges, for a rule without
// a key, and for a default that breaks its rule.
func TestEveryKeyHasARule(t *testing.T) {
	known := map[string]bool{}
	for _, k := range Schema() {
		known[k.Path] = true
		if strings.HasSuffix(k.Path, ".") || strings.Contains(k.Type, ".") {
			t.Errorf("%s: no yaml tag, or a type the loader cannot fill: %s", k.Path, k.Type)
		}
		if rule := rules[k.Path]; rule == nil {
			t.Errorf("%s has no rule", k.Path)
		} else if message := rule(k.Default); message != "" {
			t.Errorf("default of %s: %s", k.Path, message)
		}
	}
	for path := range rules {
		if !known[path] {
			t.Errorf("rule for %s, which is no key", path)
		}
	}
}

// written is a YAML value that fits a key of the given type.
func written(v any) string {
	switch reflect.TypeOf(v).Kind() {
	case reflect.String:
		return "word"
	case reflect.Slice:
		return "[]"
	case reflect.Bool:
		return "true"
	}
	return "1"
}

// TestSuggestions misspells and misplaces every key and wants the right one
// named first in 95 % of cases. Keys that lie one letter apart (top_p, top_k)
// or that two sections share (n, batch) cannot always be told apart.
func TestSuggestions(t *testing.T) {
	right, total := map[string]int{}, map[string]int{}
	try := func(kind, section, name, val, want string) {
		text := name + ": " + val
		if section != "" {
			text = section + ": {" + text + "}"
		}
		_, err := Parse("x", []byte(text), nil)
		faults, _ := err.(Errors)
		i := slices.IndexFunc(faults, func(f Fault) bool { return strings.HasPrefix(f.Message, "unknown key") })
		if i < 0 {
			t.Errorf("%s: %q is not rejected as unknown: %v", kind, text, err)
			return
		}
		total[kind]++
		if faults[i].Suggest == want {
			right[kind]++
		} else {
			t.Logf("%s: %q suggests %q, want %s", kind, text, faults[i].Suggest, want)
		}
	}
	known := map[string]bool{}
	sections := []string{""}
	for _, c := range candidates {
		known[c.path] = true
		if c.accepts == shapeMap {
			sections = append(sections, c.path)
		}
	}
	join := func(section, name string) string { return strings.TrimPrefix(section+"."+name, ".") }
	for _, k := range Schema() {
		section, name := split(k.Path)
		val := written(k.Default)
		for kind, names := range misspell(name) {
			for _, n := range names {
				if n != "" && !known[join(section, n)] {
					try(kind, section, n, val, k.Path)
				}
			}
		}
		for _, other := range sections {
			if other != section && !known[join(other, name)] {
				try("wrong section", other, name, val, k.Path)
			}
		}
	}
	var sum float64
	for _, kind := range []string{"delete", "swap", "insert", "wrong section"} {
		share := float64(right[kind]) / float64(total[kind])
		sum += share / 4
		t.Logf("%-14s %d of %d right, %.1f %%", kind, right[kind], total[kind], 100*share)
	}
	if sum < 0.95 {
		t.Errorf("right key first in %.1f %% of cases, want 95 %%", 100*sum)
	}
}

// misspell deletes a letter, swaps two neighbours and inserts a letter, at
// every place.
func misspell(name string) map[string][]string {
	all := map[string][]string{}
	for i := range name {
		all["delete"] = append(all["delete"], name[:i]+name[i+1:])
		if i > 0 && name[i] != name[i-1] {
			all["swap"] = append(all["swap"], name[:i-1]+string(name[i])+string(name[i-1])+name[i+1:])
		}
		for _, letter := range "aex" {
			all["insert"] = append(all["insert"], name[:i]+string(letter)+name[i:])
		}
	}
	return all
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"beta", "beta", 0}, {"", "abc", 3}, {"betta", "beta", 1}, {"bet", "beta", 1}, {"btea", "beta", 1},
		{"ca", "abc", 3}, {"kitten", "sitting", 3},
	} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("distance(%q, %q): got %d, want %d", tt.a, tt.b, got, tt.want)
		}
		if got := distance(tt.b, tt.a); got != tt.want {
			t.Errorf("distance(%q, %q): got %d, want %d", tt.b, tt.a, got, tt.want)
		}
	}
}

// TestIntervals holds both ends of an interval to its brackets.
func TestIntervals(t *testing.T) {
	for _, tt := range []struct {
		interval string
		v        any
		ok       bool
	}{
		{"[0, 0.5)", 0.0, true}, {"[0, 0.5)", 0.5, false}, {"(0, 1]", 0.0, false}, {"(0, 1]", 1.0, true}, {"(0, 1]", 1.1, false},
		{"[1, inf)", 1, true}, {"[1, inf)", 0, false}, {"[1, inf)", 1 << 31, false}, {"(-inf, inf)", -1e300, true},
	} {
		if got := in(tt.interval)(tt.v) == ""; got != tt.ok {
			t.Errorf("%v in %s: got %v, want %v", tt.v, tt.interval, got, tt.ok)
		}
	}
}

func TestErrorsAreShort(t *testing.T) {
	var faults Errors
	for i := range 1000 {
		faults = append(faults, Fault{Path: fmt.Sprint(i), Message: "bad"})
	}
	if got := faults.Error(); !strings.HasSuffix(got, "and 950 more faults") {
		t.Errorf("got ...%s", got[len(got)-60:])
	}
}
