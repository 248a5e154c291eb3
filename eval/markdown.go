package eval

import (
	"fmt"
	"io"
	"strings"

	"radpo/internal/table"
)

// WriteMarkdown writes the twin of [WriteHTML]: the same sections and numbers,
// with a table in place of each figure.
func WriteMarkdown(w io.Writer, in Input, ms []table.Measure) error {
	if err := in.check(); err != nil {
		return err
	}
	if err := newPage(in, ms).markdown(w); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func (p page) markdown(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s\n\n%s\n", plain(p.Title), plain(p.About))
	if len(p.Tiles) > 0 {
		b.WriteByte('\n')
	}
	for _, t := range p.Tiles {
		fmt.Fprintf(&b, "- %s: **%s**, %s\n", plain(t.Label), plain(t.Value), plain(t.Note))
	}
	for _, s := range p.Sections {
		s.markdown(&b)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// markdown writes a section. Its lanes are a picture of its first grid.
func (s chapter) markdown(b *strings.Builder) {
	fmt.Fprintf(b, "\n## %s\n", plain(s.Title))
	paragraph(b, s.Note)
	for _, l := range s.Lists {
		fmt.Fprintf(b, "\n### %s\n\n", plain(l.Title))
		for _, item := range l.Items {
			fmt.Fprintf(b, "- %s\n", plain(item))
		}
		if len(l.Items) == 0 {
			b.WriteString("Nothing here.\n")
		}
	}
	for _, g := range s.Grids {
		g.markdown(b)
	}
	for _, f := range s.Figures {
		fmt.Fprintf(b, "\n### %s\n", plain(f.Title))
		paragraph(b, f.Note)
		f.Data.markdown(b)
	}
	for _, p := range s.Prompts {
		p.markdown(b)
	}
	if s.Text != "" {
		fmt.Fprintf(b, "\n%[1]s\n%[2]s\n%[1]s\n", fence(s.Text), strings.TrimRight(visible(s.Text), "\n"))
	}
}

func paragraph(b *strings.Builder, text string) {
	if text != "" {
		fmt.Fprintf(b, "\n%s\n", plain(text))
	}
}

// fence is longer than any run of backticks in the text.
func fence(text string) string {
	mark := "```"
	for strings.Contains(text, mark) {
		mark += "`"
	}
	return mark
}

func (g grid) markdown(b *strings.Builder) {
	if g.Title != "" {
		fmt.Fprintf(b, "\n### %s\n", plain(g.Title))
	}
	columns := g.Columns
	if g.Named() {
		columns = append([]string{""}, columns...)
	}
	b.WriteByte('\n')
	line(b, columns)
	rule := " ---: |"
	if g.Words {
		rule = " --- |"
	}
	b.WriteString("| --- |" + strings.Repeat(rule, len(columns)-1) + "\n")
	for _, r := range g.Rows {
		cells := []string{plain(r.Name)}
		for _, c := range r.Cells {
			text := plain(c.Value)
			if c.Strong {
				text = "**" + text + "**"
			}
			cells = append(cells, strings.TrimSpace(text+" "+plain(c.Span)))
		}
		line(b, cells)
	}
}

func line(b *strings.Builder, cells []string) {
	fmt.Fprintf(b, "| %s |\n", strings.Join(cells, " | "))
}

func (p prompt) markdown(b *strings.Builder) {
	b.WriteString("\n### Prompt\n")
	for _, m := range p.Messages {
		fmt.Fprintf(b, "\n**%s** %s\n", plain(m.Role), plain(m.Content))
	}
	b.WriteByte('\n')
	line(b, append([]string{""}, p.Columns...))
	b.WriteString(strings.Repeat("| --- ", len(p.Columns)+1) + "|\n")
	for _, r := range p.Rows {
		cells := []string{plain(r.Policy)}
		for _, a := range r.Answers {
			text := missing
			if a.Given {
				text = fmt.Sprintf("**%s** %s", a.Reward, plain(a.Text))
			}
			if a.Cut {
				text += " *(cut)*"
			}
			cells = append(cells, text)
		}
		line(b, cells)
	}
}

// marks are what Markdown, or HTML in it, reads in the middle of a line, and a
// table's bar. Brackets alone are none: only with what follows them is a link.
var marks = strings.NewReplacer(append(escapes("\\", "`", "*", "_", "<", ">", "&", "|", "~", "$", "#", "@"),
	"](", `\](`, "][", `\][`, "]:", `\]:`, "://", `\://`, "www.", `www\.`, "\n", "<br>", "\t", " ")...)

func escapes(marks ...string) []string {
	var pairs []string
	for _, m := range marks {
		pairs = append(pairs, m, `\`+m)
	}
	return pairs
}

// plain writes text that Markdown shows as it is, in one line that begins no
// list and no rule.
func plain(s string) string {
	s = marks.Replace(visible(s))
	if s != "" && (s[0] == '=' || strings.HasPrefix(s, "- ") || strings.HasPrefix(s, "+ ") || strings.HasPrefix(s, "--")) {
		return `\` + s
	}
	return s
}
