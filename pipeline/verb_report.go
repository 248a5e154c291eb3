package pipeline

import (
	"encoding/json"
	"io"
	"maps"
	"slices"

	"github.com/goccy/go-yaml"

	"radpo/eval"
	"radpo/internal/flow"
)

// An account is what a comparison reads of a complete run.
type account struct {
	eval.Input
	config  json.RawMessage
	sources map[string]flow.Fingerprint
}

// account reads the run without writing into it.
func (r Run) account() (a account, err error) {
	err = r.with(func(store *flow.Store, l *loop) error {
		g, err := newGallery(store, l)
		if err != nil {
			return err
		}
		if a.Input, err = g.input(); err != nil {
			return err
		}
		a.sources = g.read()
		a.config, err = yaml.YAMLToJSON([]byte(a.Config))
		return err
	})
	return a, err
}

// Versus compares two complete runs: their settings, what they read, and their
// results on the same held-out prompts. It writes Markdown to w and, where page
// names a file, a page there.
func Versus(first, second Run, page string, w io.Writer) error {
	a, err := first.account()
	if err != nil {
		return err
	}
	b, err := second.account()
	if err != nil {
		return err
	}
	a.Title, b.Title = first.Dir, second.Dir
	v := eval.Versus{First: a.Input, Second: b.Input}
	for _, c := range flow.Changes(a.config, b.config) {
		v.Settings = append(v.Settings, eval.Change{Name: c.Key, First: c.Old, Second: c.Now})
	}
	both := maps.Clone(a.sources)
	maps.Copy(both, b.sources)
	for _, name := range slices.Sorted(maps.Keys(both)) {
		if x, y := hashOf(a.sources, name), hashOf(b.sources, name); x != y {
			v.Sources = append(v.Sources, eval.Change{Name: name, First: x, Second: y})
		}
	}
	if page != "" {
		if err := replace(page, v.WriteHTML); err != nil {
			return err
		}
	}
	return v.WriteMarkdown(w)
}

func hashOf(sources map[string]flow.Fingerprint, name string) string {
	if print, ok := sources[name]; ok {
		return print.String()
	}
	return "(absent)"
}
