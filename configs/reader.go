package configs

import (
	"fmt"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml/ast"
)

// A reader fills a Config and notes where each key came from.
type reader struct {
	keys   map[string]reflect.Value // by path; settable
	from   map[string]Fault         // by path: source, line and column of its value
	faults Errors
}

func newReader(c *Config) *reader {
	r := &reader{map[string]reflect.Value{}, map[string]Fault{}, nil}
	for _, l := range leaves(c) {
		r.keys[l.path] = l.value
	}
	return r
}

// written reports whether the file or an override has a value for path.
func (r *reader) written(path string) bool {
	_, ok := r.from[path]
	return ok
}

// known reports whether path is a key.
func (r *reader) known(path string) bool { return r.keys[path].IsValid() }

// file reads a YAML file and reports whether it is YAML at all.
func (r *reader) file(name string, data []byte) bool {
	fail := func(at Fault, message string) bool {
		at.Message = message
		r.faults = append(r.faults, at)
		return false
	}
	whole := Fault{Source: name}
	if len(data) > MaxBytes {
		return fail(whole, fmt.Sprintf("is larger than %d bytes: not a configuration", MaxBytes))
	}
	if !utf8.Valid(data) {
		return fail(whole, "is not UTF-8 text")
	}
	docs, at, err := parseYAML(strings.TrimPrefix(string(data), "\ufeff"))
	if err != nil {
		at.Source = name
		return fail(at, err.Error())
	}
	if len(docs) > 1 {
		return fail(place(name, docs[1]), "a second document or a directive; a file is one run")
	}
	return len(docs) == 0 || r.section(name, "", docs[0])
}

// section reads the keys under path, which is empty at the top level, and
// reports whether there are keys.
func (r *reader) section(name, path string, body ast.Node) bool {
	var entries []*ast.MappingValueNode
	switch n := body.(type) {
	case *ast.MappingNode:
		entries = n.Values
	case *ast.MappingValueNode:
		entries = []*ast.MappingValueNode{n}
	default:
		at := place(name, body)
		at.Path, at.Message = path, "wants keys, as in key: value"
		if v, problem := valueOf(body); problem != "" {
			at.Message = problem
		} else {
			at.Message += ", has " + v.String()
		}
		r.faults = append(r.faults, at)
		return false
	}
	seen := map[string]Fault{}
	for _, e := range entries {
		r.entry(name, path, e, seen)
	}
	return true
}

// entry reads one key of a section and what stands under it.
func (r *reader) entry(name, section string, e *ast.MappingValueNode, seen map[string]Fault) {
	at := place(name, e.Key)
	key, problem := valueOf(e.Key)
	path := strings.TrimPrefix(section+"."+key.text, ".")
	first, again := seen[path]
	switch {
	case problem != "":
		at.Path, at.Message = section, problem
	case key.shape&(shapeList|shapeMap) != 0:
		at.Path, at.Message = section, "a key must be a plain word"
	case again:
		at.Path, at.Message = clip(path), fmt.Sprintf("set twice; first in line %d", first.Line)
	case strings.Contains(key.text, ".") && r.known(path):
		in, leaf := split(path)
		at.Path, at.Message, at.Suggest = path, fmt.Sprintf("keys nest in a file: write %s: {%s: …}", in, leaf), path
	default:
		at.Path = path
	}
	if at.Message != "" {
		r.faults = append(r.faults, at)
		return
	}
	seen[at.Path] = at

	if isSection(at.Path) {
		if _, empty := e.Value.(*ast.NullNode); !empty {
			r.section(name, at.Path, e.Value)
		}
		return
	}
	v, problem := valueOf(e.Value)
	if !r.known(at.Path) {
		at.Message, at.Suggest = nearest(at.Path, v.shape)
		at.Path = clip(at.Path)
		r.faults = append(r.faults, at)
		return
	}
	where := place(name, e.Value)
	if where.Line == 0 || v.shape == shapeNull {
		where.Line, where.Column = at.Line, at.Column
	}
	where.Path = at.Path
	r.set(where, v, problem)
}

// overrides applies key=value settings, the last of a key winning.
func (r *reader) overrides(sets []string) {
	for _, s := range sets {
		path, text, ok := strings.Cut(s, "=")
		at := Fault{Source: "--set " + clip(withoutKey(s)), Path: clip(path)}
		switch {
		case !ok:
			at.Path, at.Message = "", "wants key=value, such as dpo.beta=0.05"
		case isSection(path):
			at.Message = "is a section; set one of its keys: " + keysOf(path)
		case !r.known(path):
			v, _ := r.override(path, text)
			at.Message, at.Suggest = nearest(path, v.shape)
		default:
			v, problem := r.override(path, text)
			r.set(at, v, problem)
			continue
		}
		r.faults = append(r.faults, at)
	}
}

// override reads the text of an override: as it stands for a key that holds
// text, else as YAML.
func (r *reader) override(path, text string) (value, string) {
	asText := value{shape: shapeText, text: text}
	if r.known(path) && r.keys[path].Kind() == reflect.String {
		return asText, ""
	}
	if len(text) > MaxBytes || !utf8.ValidString(text) {
		return asText, "is not a value"
	}
	docs, _, err := parseYAML(text)
	if err != nil || len(docs) != 1 {
		return asText, ""
	}
	return valueOf(docs[0])
}

// set stores a value under at.Path, unless there is a problem with it.
func (r *reader) set(at Fault, v value, problem string) {
	if problem == "" {
		problem = assign(r.keys[at.Path], v)
	}
	r.from[at.Path] = at
	if problem != "" {
		at.Message = problem
		r.faults = append(r.faults, at)
	}
}

// judge adds what was found wrong with the values to what was wrong with their
// writing, each at the place the value came from. A value that could not be
// read, or that was written under a misspelled key, is not judged: the writer
// knows already.
func (r *reader) judge(name string, found Errors) Errors {
	told := map[string]bool{}
	for _, f := range r.faults {
		told[f.Path], told[f.Suggest] = true, true
	}
	for _, f := range found {
		section, _ := split(f.Path)
		at, written := r.from[f.Path]
		if told[f.Path] || !written && section != "" && told[section] {
			continue
		}
		if !written {
			at.Source = name
		}
		f.Source, f.Line, f.Column = at.Source, at.Line, at.Column
		r.faults = append(r.faults, f)
	}
	return r.faults.sorted()
}
