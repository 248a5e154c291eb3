package events

import (
	"bytes"
	"os"
	"testing"
)

// TestGolden holds a file to one that TensorBoard's own writer made of the same
// events (tools/golden/events.py).
func TestGolden(t *testing.T) {
	want, err := os.ReadFile("testdata/events.out.tfevents.golden")
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	w, err := NewWriter(&got)
	if err != nil {
		t.Fatal(err)
	}
	steps := []struct {
		step    int64
		scalars map[string]float64
		texts   map[string]string
	}{
		{1, map[string]float64{"train/loss": 0.6931, "train/rewards/chosen": -0.25}, nil},
		{2, map[string]float64{"train/loss": 1e-30}, map[string]string{"train/warnings": "a chosen answer, 3 × less likely"}},
		{1 << 40, map[string]float64{"train/loss": 0}, nil},
	}
	for _, s := range steps {
		if err := w.Step(s.step, s.scalars, s.texts); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("the file is\n%q, want\n%q", got.Bytes(), want)
	}
}
