package eval

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"unicode/utf8"

	"radpo/internal/table"
)

const (
	summaryWidth = 100 // columns of a terminal
	summaryGoals = 5   // beside no goal: the first ones and the highest
	summaryName  = 14  // runes of a policy's name
)

// Summary writes what ends a run: reward by policy and goal, the dial,
// unlearning, the ranker, how much of the text is whole, and the last policy's
// answers to the first prompt. It fits 100 columns; ± is half an interval.
func Summary(w io.Writer, in Input, ms []table.Measure) error {
	var text strings.Builder
	t := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	b := open(ms)
	summaryRewards(t, ms, b)
	summaryRows(t, ms, b, "goal dial", "goal", []string{"spearman", "spearman-answers", "range", "error"})
	summaryRows(t, ms, b, "rejected, log-prob", "unlearning", []string{"rejected_logp", "rejected_logp-low"})
	summaryRows(t, ms, b, "ranker against rule", "ranker", []string{"spearman"})
	summaryText(t, ms, b)
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write summary: %w", err)
	}
	summaryAnswers(&text, in)
	for line := range strings.Lines(text.String()) {
		if _, err := fmt.Fprintln(w, clip(strings.TrimRight(line, " \n"), summaryWidth)); err != nil {
			return fmt.Errorf("write summary: %w", err)
		}
	}
	return nil
}

// subjects returns the second part of the names under a first part, each
// once, in order.
func subjects(ms []table.Measure, first string) []string {
	var out []string
	for _, m := range ms {
		parts := strings.Split(m.Name, "/")
		if len(parts) > 1 && parts[0] == first && !slices.Contains(out, parts[1]) {
			out = append(out, parts[1])
		}
	}
	return out
}

// summaryRewards is one row a policy and one column a goal.
func summaryRewards(w io.Writer, ms []table.Measure, b book) {
	policies := subjects(ms, "reward")
	if len(policies) == 0 {
		return
	}
	groups := []string{"no-goal"}
	for _, m := range ms {
		parts := strings.Split(m.Name, "/")
		if len(parts) == 3 && parts[0] == "reward" && !slices.Contains(groups, parts[2]) && strings.Count(parts[2], "-") == 1 {
			groups = append(groups, parts[2])
		}
	}
	if len(groups) > 1+summaryGoals {
		groups = append(groups[:summaryGoals:summaryGoals], groups[len(groups)-1])
	}
	fmt.Fprintf(w, "reward")
	for _, g := range groups {
		fmt.Fprintf(w, "\t%s", strings.Replace(g, "-", " ", 1))
	}
	fmt.Fprintln(w)
	for _, p := range policies {
		fmt.Fprint(w, clip(p, summaryName))
		for _, g := range groups {
			fmt.Fprintf(w, "\t%s", b.short("reward/"+p+"/"+g))
		}
		fmt.Fprintln(w)
	}
}

// summaryRows is one row a subject that has the first of the measures.
func summaryRows(w io.Writer, ms []table.Measure, b book, title, first string, measures []string) {
	started := false
	for _, p := range subjects(ms, first) {
		if !b.has(first + "/" + p + "/" + measures[0]) {
			continue
		}
		if !started {
			started = true
			fmt.Fprintf(w, "\n%s\t%s\n", title, strings.Join(measures, "\t"))
		}
		fmt.Fprint(w, clip(p, summaryName))
		for _, m := range measures {
			fmt.Fprintf(w, "\t%s", b.short(first+"/"+p+"/"+m))
		}
		fmt.Fprintln(w)
	}
}

// summaryText is the share of answers that end and that parse.
func summaryText(w io.Writer, ms []table.Measure, b book) {
	policies := subjects(ms, "finish")
	if len(policies) == 0 {
		return
	}
	fmt.Fprint(w, "\nshare of answers\tthat end\tthat parse\n")
	for _, p := range policies {
		fmt.Fprintf(w, "%s\t%s\t%s\n", clip(p, summaryName), b.short("finish/"+p), b.short("parse/"+p))
	}
}

// summaryAnswers shows how the last policy answers the first prompt at
// different goals.
func summaryAnswers(w io.Writer, in Input) {
	shown := answers(in)
	if len(shown) == 0 || len(in.Policies) == 0 {
		return
	}
	p := shown[0]
	row := p.Rows[len(p.Rows)-1]
	fmt.Fprintf(w, "\n%s answers: %s\n", row.Policy, wrap(p.Messages[len(p.Messages)-1].Content, 18))
	for i, a := range row.Answers {
		if a.Given {
			fmt.Fprintf(w, "  %-8s %5s  %s\n", p.Columns[i], a.Reward, wrap(a.Text, 18))
		}
	}
}

// wrap breaks a text between words to lines that fit behind an indent.
func wrap(s string, indent int) string {
	var b strings.Builder
	width := 0
	for _, word := range strings.Fields(s) {
		n := utf8.RuneCountInString(word)
		switch {
		case width > 0 && indent+width+1+n > summaryWidth:
			b.WriteString("\n" + strings.Repeat(" ", indent))
			width = 0
		case width > 0:
			b.WriteString(" ")
			width++
		}
		b.WriteString(word)
		width += n
	}
	return b.String()
}

// short is a measure with half the width of its interval.
func (b book) short(name string) string {
	m, ok := b[name]
	if !ok {
		return "–"
	}
	return fmt.Sprintf("%s ±%s", two(m.Value), two((m.Hi-m.Lo)/2))
}

func clip(s string, width int) string {
	if r := []rune(s); len(r) > width {
		return string(r[:width-1]) + "…"
	}
	return s
}
