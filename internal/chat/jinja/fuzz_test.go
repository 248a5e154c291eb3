package jinja_test

import (
	"math/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"radpo/internal/chat/jinja"
)

// chatVariables are those of a small conversation with everything in it.
func chatVariables() map[string]jinja.Value {
	message := func(role string, content jinja.Value) *jinja.Dict {
		return jinja.NewDict().Set("role", role).Set("content", content)
	}
	call := jinja.NewDict().Set("name", "f").Set("arguments", jinja.NewDict().Set("x", int64(1)))
	return map[string]jinja.Value{
		"messages": jinja.NewList(message("system", "S"), message("user", " Ué\n"),
			message("assistant", nil).Set("tool_calls", jinja.NewList(jinja.NewDict().Set("function", call))),
			message("tool", "1.5"), message("user", jinja.NewList(jinja.NewDict().Set("type", "text").Set("text", "t")))),
		"tools": nil, "documents": nil, "add_generation_prompt": true, "bos_token": "<s>", "eos_token": "</s>",
	}
}

// check renders a template that may be anything: it must end in time with a
// text or an error, the same each time.
func check(t *testing.T, source string) {
	t.Helper()
	start := time.Now()
	tmpl, err := jinja.Parse(source)
	if err != nil {
		return
	}
	first, err1 := tmpl.Render(chatVariables(), time.Time{})
	again, err2 := tmpl.Render(chatVariables(), time.Time{})
	if first != again || (err1 == nil) != (err2 == nil) {
		t.Errorf("%q: got %q (%v), then %q (%v)", source, first, err1, again, err2)
	}
	if len(first) > jinja.MaxOutput {
		t.Errorf("%q: got %d bytes, want at most %d", source, len(first), jinja.MaxOutput)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("%q: took %v", source, d)
	}
}

// seeds are the templates of testdata and the hostile ones.
func seeds(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob("../testdata/templates/*.jinja")
	if err != nil || len(paths) == 0 {
		t.Fatal("no templates: ", err)
	}
	var out []string
	for _, path := range paths {
		source, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(source))
	}
	for _, source := range hostile {
		if len(source) < 1<<10 {
			out = append(out, source)
		}
	}
	return out
}

func FuzzRender(f *testing.F) {
	for _, source := range seeds(f) {
		f.Add(source)
	}
	f.Fuzz(check)
}

// Mutants of real templates: pieces cut, doubled, and put elsewhere.
func TestMutantsRenderOrFail(t *testing.T) {
	const mutants = 5000
	r := rand.New(rand.NewSource(1))
	sources := seeds(t)[:60]
	for range mutants {
		source := sources[r.Intn(len(sources))]
		piece := func(s string) (int, int) {
			from := r.Intn(len(s))
			return from, min(len(s), from+1+r.Intn(12))
		}
		for range 1 + r.Intn(3) {
			from, to := piece(source)
			donor := sources[r.Intn(len(sources))]
			a, b := piece(donor)
			switch r.Intn(3) {
			case 0:
				source = source[:from] + source[to:]
			case 1:
				source = source[:to] + strings.Repeat(source[from:to], 2) + source[to:]
			default:
				source = source[:from] + donor[a:b] + source[to:]
			}
		}
		check(t, source)
	}
}

func BenchmarkRender(b *testing.B) {
	for _, name := range []string{"llama3", "qwen3"} {
		b.Run(name, func(b *testing.B) {
			tmpl, err := jinja.Parse(readTemplate(b, name))
			if err != nil {
				b.Fatal(err)
			}
			vars := chatVariables()
			vars["messages"].(*jinja.List).Items = vars["messages"].(*jinja.List).Items[:2]
			b.ReportAllocs()
			for b.Loop() {
				if _, err := tmpl.Render(vars, time.Time{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
