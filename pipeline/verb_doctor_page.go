package pipeline

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"radpo/internal/hf"
)

// print writes the page: a line a fact, the example, then the problems.
func (d *Diagnosis) print(w io.Writer) error {
	var page strings.Builder
	t := tabwriter.NewWriter(&page, 0, 0, 2, ' ', 0)
	line := func(key, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", key, fmt.Sprintf(format, args...)) }
	line("folder", "%s", d.Path)
	if m := d.Model; m != nil {
		line("model", "%s: %d layers, width %d, %d heads, %d of keys and values, vocabulary %d",
			strings.Join(m.Architectures, ", "), m.Layers, m.Width, m.Heads, m.KeyValueHeads, m.Vocabulary)
		line("context", "%s", m.context())
	}
	if a := d.Adapter; a != nil {
		line("adapter", "LoRA of %q: rank %d, alpha %g, on %s", a.Base, a.Rank, a.Alpha, strings.Join(a.Targets, ", "))
	}
	if b := d.Weights; b != nil {
		line("weights", "%d parameters, %s, %s on disk", b.Parameters, strings.Join(b.DTypes, " and "), size(b.Bytes))
	}
	if k := d.Tokenizer; k != nil {
		line("tokenizer", "%s of %d tokens, special: %s", k.Family, k.Size, some(k.Specials))
	}
	if c := d.Template; c != nil {
		line("template", "%s", c.summary())
	}
	if len(d.Problems) == 0 {
		line("use", "%s", d.purpose())
	}
	var work []string
	for _, w := range slices.Sorted(maps.Keys(d.Memory)) {
		work = append(work, fmt.Sprintf("about %s to %s", size(d.Memory[w]), w))
	}
	if work != nil {
		line("memory", "%s, by dtype %s and dpo.shard %s; %s available", strings.Join(work, ", "), d.settings.DType, d.settings.DPO.Shard, available("auto"))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if c := d.Template; c != nil {
		title := "a conversation"
		if d.Use == "policy" {
			title = "a prompt that asks for a 10"
		}
		fmt.Fprintf(&page, "\n%s\n\n%s\n", title, indent(c.Example))
	}
	if len(d.Problems) > 0 {
		fmt.Fprint(&page, "\nwrong with it\n\n")
	}
	for _, p := range d.Problems {
		fmt.Fprintf(&page, "  - %s\n", p)
	}
	_, err := io.WriteString(w, page.String())
	return err
}

func (m *modelFacts) context() string {
	text := fmt.Sprintf("%d tokens", m.Context)
	near, width := 0, 0
	for _, w := range m.Windows {
		if w > 0 {
			near, width = near+1, w
		}
	}
	if near > 0 {
		text += fmt.Sprintf(", of which %d of %d layers see the last %d", near, m.Layers, width)
	}
	if r := m.RoPE; r.Type != "" && r.Type != hf.RoPEDefault {
		text += fmt.Sprintf(", positions scaled by %s with factor %g", r.Type, r.Factor)
	}
	return text
}

func (c *templateFacts) summary() string {
	parts := []string{c.Source, "no system turn, so a goal goes in front of the first user turn", "no BOS", "no special token ends a turn"}
	if c.System {
		parts[1] = "a goal goes into the system turn"
	}
	if c.BOS != "" {
		parts[2] = "one BOS " + c.BOS
	}
	if c.EndOfTurn != "" {
		parts[3] = "turns end with " + c.EndOfTurn
	}
	if len(c.Stops) > 0 {
		parts = append(parts, "responses stop at "+strings.Join(c.Stops, ", "))
	}
	return strings.Join(parts, "; ")
}

// purpose is what to do with a folder that is as it should be.
func (d *Diagnosis) purpose() string {
	switch {
	case d.Use == "policy":
		return "a policy: " + d.Config
	case d.Use == "adapter":
		return "an adapter: --model or --adapter of the verbs; radpo merge works it into its model, as PEFT's merge_and_unload"
	case d.Use == "tokenizer" && d.Config == "":
		return "a tokenizer alone: radpo tokenize --model " + d.Name
	case d.Use == "tokenizer":
		return "a tokenizer and its template, for a reward model elsewhere: " + d.Config
	}
	return "a reward model: " + d.Config
}

// some is the first of a list, and how many more there are.
func some(list []string) string {
	const most = 6
	if n := len(list) - most; n > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:most], " "), n)
	}
	return strings.Join(list, " ")
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(strings.TrimRight(text, "\n"), "\n", "\n  ")
}
