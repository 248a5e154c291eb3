package eval

import (
	"errors"
	"fmt"
	"html/template"
	"io"
	"path/filepath"
	"strings"
)

// A Page is what an experiment of the paper came to: claims, each decided by its
// number alone, and tables.
type Page struct {
	Name   string // of its files
	Title  string
	Lead   string // a paragraph: what was run
	Claims []Claim
	Tables []Table
	Notes  []string // what to mind
}

// A Claim is a sentence and the number that decides it.
type Claim struct {
	Text   string
	Number string
	Holds  bool

	// Paper marks a sentence of the paper about models of billions of parameters,
	// which a small task may contradict: it is said, and is no failure.
	Paper    bool
	Opposite bool // it does not hold, and the whole interval speaks against it
}

// A Table has a cell a column in each row.
type Table struct {
	Title string
	Note  string
	Head  []string
	Rows  [][]string
}

func (t *Table) row(cells ...string) { t.Rows = append(t.Rows, cells) }

// ErrClaim is that an experiment contradicts a claim.
var ErrClaim = errors.New("a claim does not hold")

// Verdict names the claims that do not hold and should.
func (p Page) Verdict() error {
	var failed []string
	for _, c := range p.Claims {
		if !c.Holds && !c.Paper {
			failed = append(failed, fmt.Sprintf("%s: %s", c.Text, c.Number))
		}
	}
	if len(failed) == 0 {
		return nil
	}
	return fmt.Errorf("%s: %w: %s", p.Name, ErrClaim, strings.Join(failed, "; "))
}

// Word says whether the claim shows.
func (c Claim) Word() string {
	switch {
	case c.Holds:
		return "yes"
	case c.Paper && c.Opposite:
		return "no: here the small task disagrees with the paper"
	case c.Paper:
		return "not told apart: the small task does not show what the paper has"
	}
	return "NO"
}

// Markdown writes the page.
func (p Page) Markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", p.Title, p.Lead)
	if len(p.Claims) > 0 {
		t := Table{Title: "What shows and what does not", Head: []string{"claim", "number", "shows"}}
		for _, c := range p.Claims {
			t.row(c.Text, c.Number, c.Word())
		}
		t.markdown(&b)
	}
	for _, t := range p.Tables {
		t.markdown(&b)
	}
	if len(p.Notes) > 0 {
		b.WriteString("\n## Mind\n\n")
		for _, n := range p.Notes {
			fmt.Fprintf(&b, "- %s\n", n)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (t Table) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n\n", t.Title)
	if t.Note != "" {
		fmt.Fprintf(b, "%s\n\n", t.Note)
	}
	line := func(cells []string) {
		b.WriteString("|")
		for _, c := range cells {
			fmt.Fprintf(b, " %s |", strings.ReplaceAll(c, "|", `\|`))
		}
		b.WriteString("\n")
	}
	line(t.Head)
	b.WriteString(strings.Repeat("|---", len(t.Head)) + "|\n")
	for _, r := range t.Rows {
		line(r)
	}
}

// Save writes the page as NAME.md and NAME.html, and its numbers as NAME.json
// and NAME.jsonl, into dir.
func (p Page) Save(dir string, r Result, items []Item) error {
	var text, page strings.Builder
	if err := errors.Join(p.Markdown(&text), pageTemplate.Execute(&page, p)); err != nil {
		return err
	}
	at := func(ext string) string { return filepath.Join(dir, p.Name+ext) }
	return errors.Join(put(at(".md"), []byte(text.String())), put(at(".html"), []byte(page.String())), r.Write(at(".json"), items))
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{.Title}}</title>
<style>
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 70rem; margin: 0 auto; padding: 1rem; }
div { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem; text-align: left; border-bottom: 1px solid #8884; }
</style>
<h1>{{.Title}}</h1>
<p>{{.Lead}}</p>
{{with .Claims}}<h2>What shows and what does not</h2>
<div><table><tr><th>claim<th>number<th>shows</tr>{{range .}}
<tr><td>{{.Text}}<td>{{.Number}}<td>{{.Word}}</tr>{{end}}</table></div>
{{end}}{{range .Tables}}<h2>{{.Title}}</h2>
{{with .Note}}<p>{{.}}</p>
{{end}}<div><table><tr>{{range .Head}}<th>{{.}}{{end}}</tr>{{range .Rows}}
<tr>{{range .}}<td>{{.}}{{end}}</tr>{{end}}</table></div>
{{end}}{{with .Notes}}<h2>Mind</h2>
<ul>{{range .}}<li>{{.}}{{end}}</ul>
{{end}}</html>
`))
