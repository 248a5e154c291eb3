package eval_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"radpo/eval"
)

func TestReadCurve(t *testing.T) {
	got, err := eval.ReadCurve("iter-1", strings.NewReader(`{"step":1,"loss":0.69,"rewards/margins":0,"note":"warm-up"}

{"step":3,"loss":0.5,"rewards/margins":0.25,"warnings":{"stuck":"it stays","floor":"it is down"}}
`))
	want := eval.Curve{Name: "iter-1", Steps: []eval.Step{
		{Step: 1, Values: map[string]float64{"loss": 0.69, "rewards/margins": 0}},
		{Step: 3, Values: map[string]float64{"loss": 0.5, "rewards/margins": 0.25}, Warnings: []string{"it is down", "it stays"}},
	}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// TestTrainingInReport: the page has the paper's figure 3 over steps, the KL of
// each training and what it was warned of.
func TestTrainingInReport(t *testing.T) {
	c, err := eval.ReadCurve("iter-1", strings.NewReader(`{"step":1,"ra/rejected-high/logps/rejected":-20,"kl/k1":0,"kl/k2":0}
{"step":2,"ra/rejected-high/logps/rejected":-28,"kl/k1":1.5,"kl/k2":2,"warnings":{"chosen-falling":"they fall"}}
`))
	if err != nil {
		t.Fatal(err)
	}
	in := eval.Input{Title: "x", Curves: []eval.Curve{c}}
	ms, err := eval.Measures(in)
	if err != nil {
		t.Fatal(err)
	}
	var page strings.Builder
	if err := eval.WriteHTML(&page, in, ms); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"Rejected answers of score 5 or more", "KL to the reference", "Training iter-1, from step 2: they fall.", "train/iter-1/kl/k1"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	if strings.Contains(page.String(), "Rejected answers of lower score") {
		t.Error("there is a figure of what no step has")
	}
}

func TestReadCurveErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{`{"step":1}` + "\nloss: 3", "metrics of iter-1: line 2: invalid character"},
		{`{"loss":1}`, "line 1: step: want a whole number, have <nil>"},
		{`{"step":1.5}`, "line 1: step: want a whole number, have 1.5"},
		{`{"step":"1"}`, "line 1: step: want a whole number, have 1"},
		{`{"step":-1}`, "line 1: step"},
		{`{"step":1e300}`, "line 1: step"},
		{`{"step":2}` + "\n" + `{"step":2}`, "line 2: step 2 after step 2"},
		{`[1,2]`, "line 1"},
		{`{"step":1,"loss":NaN}`, "line 1: invalid character 'N'"},
		{`{"step":1}` + "\n" + strings.Repeat("x", 1<<20+1), "after line 1: bufio.Scanner: token too long"},
	}
	for _, test := range tests {
		if _, err := eval.ReadCurve("iter-1", strings.NewReader(test.in)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%.60q: error %v, want %q", test.in, err, test.want)
		}
	}
}

func FuzzReadCurve(f *testing.F) {
	f.Add(`{"step":1,"loss":0.69}`)
	f.Add("{\"step\":1}\r\n\r\n{\"step\":2,\"loss\":1e308}")
	f.Add(`{"step":9007199254740993,"loss":-0}`)
	f.Add(strings.Repeat(`{"a":`, 20000))
	f.Fuzz(func(t *testing.T, s string) {
		c, err := eval.ReadCurve("a", strings.NewReader(s))
		if err != nil {
			return
		}
		for i, step := range c.Steps {
			if i > 0 && step.Step <= c.Steps[i-1].Step {
				t.Fatalf("step %d after %d", step.Step, c.Steps[i-1].Step)
			}
		}
		in := eval.Input{Curves: []eval.Curve{c}}
		render(t, in)
	})
}
