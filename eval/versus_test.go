package eval_test

import (
	"bytes"
	"strings"
	"testing"

	"radpo/eval"
)

// TestVersus: what differs is named, and results are paired on the same prompts.
func TestVersus(t *testing.T) {
	a, b := synthetic(), synthetic()
	a.Title, b.Title = "runs/a", "runs/b"
	for i := range b.Policies[2].Rule {
		b.Policies[2].Rule[i].Raw = max(1, b.Policies[2].Rule[i].Raw-1)
	}
	b.Prompts[0].Messages[0].Content = "Another question."
	v := eval.Versus{First: a, Second: b, Settings: []eval.Change{{"dpo.beta", "0.1", "<script>|"}}}
	var text, page bytes.Buffer
	if err := v.WriteMarkdown(&text); err != nil {
		t.Fatal(err)
	}
	if err := v.WriteHTML(&page); err != nil {
		t.Fatal(err)
	}
	elements(t, page.String())
	for _, want := range []string{
		`| dpo.beta | 0.1 | \<script\>\| |`, "None: they are the same in both.",
		"over 1512 answers to the same prompts", "24 of A alone and 24 of B alone", // 63 prompts, 6 goals, 4 policies
		"| reward/base/goal-2 |", "| reward/iter-1/goal-10 |",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("the comparison lacks %q", want)
		}
	}
	if !strings.Contains(text.String(), " 0.00 [0.00, 0.00] |") || !strings.Contains(text.String(), "**+") {
		t.Error("no row without a difference, or none with one in bold")
	}
	b.Prompts = nil
	for i := range b.Policies {
		b.Policies[i].Samples = nil
		b.Policies[i].Scores, b.Policies[i].Rule = nil, nil
	}
	b.Policies = b.Policies[:1]
	text.Reset()
	if err := (eval.Versus{First: a, Second: b}).WriteMarkdown(&text); err != nil || !strings.Contains(text.String(), "No results are compared") {
		t.Errorf("without a common prompt: %v, and no word of it", err)
	}
}
