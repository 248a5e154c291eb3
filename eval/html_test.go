package eval_test

import (
	"bytes"
	"flag"
	"os"
	"testing"

	"radpo/eval"
)

var keep = flag.String("report", "", "write the synthetic report to this file, to look at")

// render returns the page of an input.
func render(t *testing.T, in eval.Input) string {
	t.Helper()
	ms, err := eval.Measures(in)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := eval.WriteHTML(&b, in, ms); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestReportIsDeterministic(t *testing.T) {
	got, want := render(t, synthetic()), render(t, synthetic())
	if got != want {
		t.Error("two pages of one input differ")
	}
	if *keep != "" {
		if err := os.WriteFile(*keep, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
