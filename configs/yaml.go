package configs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// maxBrackets bounds nesting, in whose depth the YAML library takes quadratic
// time.
const maxBrackets = 1000

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

// valueOf reads n. It fails on what a configuration has no use for, anchors
// above all: without them a file cannot grow when read.
func valueOf(n ast.Node) (v value, problem string) {
	switch n := n.(type) {
	case nil, *ast.NullNode:
		return value{shape: shapeNull, text: "null"}, ""
	case *ast.MappingNode, *ast.MappingValueNode:
		return value{shape: shapeMap}, ""
	case *ast.SequenceNode:
		v = value{shape: shapeList}
		for _, e := range n.Values {
			item, problem := valueOf(e)
			if problem != "" {
				return v, problem
			}
			v.list = append(v.list, item)
		}
		return v, ""
	case *ast.LiteralNode:
		return value{shape: shapeText, text: n.Value.Value}, ""
	case *ast.AnchorNode, *ast.AliasNode, *ast.MergeKeyNode:
		return v, "anchors and aliases are not supported; write the value out"
	case *ast.TagNode:
		return v, "tags are not supported; write the value without one"
	}
	t := n.GetToken()
	if t == nil {
		return v, "cannot be read"
	}
	if t.Type == token.SingleQuoteType || t.Type == token.DoubleQuoteType {
		return value{shape: shapeText, text: t.Value}, ""
	}
	return plain(t.Value), ""
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
