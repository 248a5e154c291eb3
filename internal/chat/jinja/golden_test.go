package jinja_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radpo/internal/chat/jinja"
)

// The goldens are Jinja2's own renders, written by tools/golden/chat.py.
type goldens struct {
	Conversations []json.RawMessage
	Clock         time.Time
	Jinja2        string
	cases         []golden
}

type golden struct {
	Template string
	Texts    []*string // one a conversation; nil where Jinja2 fails
}

func readGoldens(t testing.TB) goldens {
	t.Helper()
	f, err := os.Open("../testdata/renders.jsonl.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(z)
	lines.Buffer(nil, 16<<20)
	lines.Scan()
	var g goldens
	if err := json.Unmarshal(lines.Bytes(), &g); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		var c golden
		if err := json.Unmarshal(lines.Bytes(), &c); err != nil {
			t.Fatal(err)
		}
		g.cases = append(g.cases, c)
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return g
}

func readTemplate(t testing.TB, name string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join("../testdata/templates", name+".jinja"))
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// variables are what transformers gives a template for a conversation.
func variables(t testing.TB, conversation []byte) map[string]jinja.Value {
	t.Helper()
	vars := map[string]jinja.Value{"tools": nil, "documents": nil, "add_generation_prompt": false}
	for _, e := range parseJSON(t, conversation).(pairs) {
		if e.name == "extra" {
			for _, x := range e.value.(pairs) {
				vars[x.name] = toValue(x.value)
			}
			continue
		}
		vars[e.name] = toValue(e.value)
	}
	vars["bos_token"], vars["eos_token"] = "<s>", "</s>"
	return vars
}

func TestTemplatesRenderAsJinja2Does(t *testing.T) {
	g := readGoldens(t)
	if len(g.cases) < 60 || len(g.Conversations) != 12 {
		t.Fatalf("got %d templates and %d conversations, want at least 60 and 12", len(g.cases), len(g.Conversations))
	}
	for _, c := range g.cases {
		t.Run(c.Template, func(t *testing.T) {
			tmpl, err := jinja.Parse(readTemplate(t, c.Template))
			for i, want := range c.Texts {
				var got string
				if tmpl != nil {
					got, err = tmpl.Render(variables(t, g.Conversations[i]), g.Clock)
				}
				switch {
				case want == nil && err == nil:
					t.Errorf("conversation %d: got %q, want an error", i, got)
				case want != nil && err != nil:
					t.Errorf("conversation %d: got error %v, want %q", i, err, *want)
				case want != nil && got != *want:
					at := 0
					for at < min(len(got), len(*want)) && got[at] == (*want)[at] {
						at++
					}
					from := max(0, at-40)
					t.Errorf("conversation %d: texts part at byte %d:\n got %.120q\nwant %.120q", i, at, got[from:], (*want)[from:])
				}
			}
		})
	}
}

// pairs is a JSON object in its order.
type pairs []pair

type pair struct {
	name  string
	value any
}

// parseJSON keeps the order of objects.
func parseJSON(t testing.TB, data []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	v, err := decode(d)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func decode(d *json.Decoder) (any, error) {
	tok, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch tok {
	case json.Delim('{'):
		out := pairs{}
		for d.More() {
			key, err := d.Token()
			if err != nil {
				return nil, err
			}
			v, err := decode(d)
			if err != nil {
				return nil, err
			}
			out = append(out, pair{key.(string), v})
		}
		_, err = d.Token()
		return out, err
	case json.Delim('['):
		out := []any{}
		for d.More() {
			v, err := decode(d)
			if err != nil {
				return nil, err
			}
			out = append(out, v)
		}
		_, err = d.Token()
		return out, err
	}
	return tok, nil
}

func toValue(v any) jinja.Value {
	switch v := v.(type) {
	case pairs:
		d := jinja.NewDict()
		for _, p := range v {
			d.Set(p.name, toValue(p.value))
		}
		return d
	case []any:
		l := jinja.NewList()
		for _, item := range v {
			l.Items = append(l.Items, toValue(item))
		}
		return l
	case json.Number:
		if strings.ContainsAny(v.String(), ".eE") {
			f, _ := v.Float64()
			return f
		}
		i, _ := v.Int64()
		return i
	}
	return v
}
