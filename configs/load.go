package configs

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// MaxBytes is the largest file that is read. A run takes a page; the limit
// bounds the time that a hostile file can cost.
const MaxBytes = 64 << 10

// maxBrackets bounds nesting, in whose depth the YAML library takes quadratic
// time.
const maxBrackets = 1000

// Load reads a run from a file: defaults, then the file, then overrides such
// as "dpo.beta=0.05". Relative paths in the file are relative to its folder,
// those of overrides to the current one. A model is taken for a folder when
// one of that name lies there, or when it starts with a dot, and for a name in
// the Hugging Face cache otherwise.
//
// Bad content gives [Errors], all faults at once.
func Load(path string, sets []string) (Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxBytes+1))
	if err != nil {
		return Config{}, fmt.Errorf("read config: %w", err)
	}
	return parse(path, data, sets, filepath.Dir(path))
}

// Parse is [Load] on bytes. Paths stay as written; name is for messages.
func Parse(name string, data []byte, sets []string) (Config, error) {
	return parse(name, data, sets, "")
}

// Override applies overrides to c. It is for stages run alone: the whole loop's
// needs, such as a prompt file, may stay unmet.
func Override(c Config, sets []string) (Config, error) {
	r := newReader(&c)
	r.overrides(sets)
	if faults := r.judge("", c.ranges()); len(faults) > 0 {
		return Config{}, faults
	}
	return c, nil
}

func parse(name string, data []byte, sets []string, folder string) (Config, error) {
	c := Default()
	r := newReader(&c)
	readable := r.file(name, data)
	if folder != "" {
		c.locate(folder)
	}
	r.overrides(sets)
	var found Errors
	if readable { // else what follows from the missing keys is noise
		found = append(c.ranges(), c.needs()...)
	}
	if faults := r.judge(name, found); len(faults) > 0 {
		return Config{}, faults
	}
	return c, nil
}

// locate makes the relative paths of a file relative to its folder.
func (c *Config) locate(folder string) {
	if p := c.Prompts.Path; p != "" && !filepath.IsAbs(p) {
		c.Prompts.Path = filepath.Join(folder, p)
	}
	for _, model := range []*string{&c.Model, &c.Ranker.Model} {
		if *model == "" || filepath.IsAbs(*model) {
			continue
		}
		beside := filepath.Join(folder, *model)
		if info, err := os.Stat(beside); strings.HasPrefix(*model, ".") || err == nil && info.IsDir() {
			*model = beside
		}
	}
}

// A reader fills a Config and notes where each key came from.
type reader struct {
	leaves []leaf
	from   map[string]Fault // path -> source, line and column of its value
	faults Errors
}

func newReader(c *Config) *reader {
	return &reader{leaves: leaves(c), from: map[string]Fault{}}
}

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

// parseYAML returns the documents' bodies, without comments, or the place and
// words of the first syntax error.
func parseYAML(text string) (docs []ast.Node, at Fault, err error) {
	defer func() { // the library is not ours to trust with hostile input
		if p := recover(); p != nil {
			err = errors.New("cannot be read as YAML")
		}
	}()
	if strings.Count(text, "[")+strings.Count(text, "{") > maxBrackets {
		return nil, at, fmt.Errorf("more than %d opening brackets: not a configuration", maxBrackets)
	}
	file, err := parser.ParseBytes([]byte(text), 0, parser.AllowDuplicateMapKey())
	if syntax := yaml.Error(nil); errors.As(err, &syntax) {
		if t := syntax.GetToken(); t != nil && t.Position != nil {
			at.Line, at.Column = t.Position.Line, t.Position.Column
		}
		return nil, at, errors.New("bad YAML: " + syntax.GetMessage())
	}
	if err != nil {
		return nil, at, err
	}
	for _, d := range file.Docs {
		if d.Body != nil { // nil when there are only comments
			docs = append(docs, d.Body)
		}
	}
	return docs, at, nil
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
		at := Fault{Source: "--set " + clip(s), Path: clip(path)}
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
	for _, l := range r.leaves {
		if l.path == path && shapeOf(l.value.Type()) == shapeText {
			return value{shape: shapeText, text: text}, ""
		}
	}
	asText := value{shape: shapeText, text: text}
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
	for _, l := range r.leaves {
		if l.path == at.Path && problem == "" {
			problem = assign(l.value, v)
		}
	}
	r.from[at.Path] = at
	if problem != "" {
		at.Message = problem
		r.faults = append(r.faults, at)
	}
}

// known reports whether path is a key.
func (r *reader) known(path string) bool {
	for _, l := range r.leaves {
		if l.path == path {
			return true
		}
	}
	return false
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
		if told[f.Path] || section != "" && told[section] {
			continue
		}
		at, ok := r.from[f.Path]
		if !ok {
			at.Source = name
		}
		f.Source, f.Line, f.Column = at.Source, at.Line, at.Column
		r.faults = append(r.faults, f)
	}
	return r.faults.sorted()
}

// place is where a node stands in a file.
func place(name string, n ast.Node) Fault {
	f := Fault{Source: name}
	if n == nil {
		return f
	}
	switch m := n.(type) { // a mapping's own token is a colon within it
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return place(name, m.Values[0].Key)
		}
	case *ast.MappingValueNode:
		return place(name, m.Key)
	}
	if t := n.GetToken(); t != nil && t.Position != nil {
		f.Line, f.Column = t.Position.Line, t.Position.Column
	}
	return f
}
