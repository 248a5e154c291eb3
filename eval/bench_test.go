package eval_test

import (
	"testing"

	"radpo/eval"
)

// BenchmarkMeasures is the built-in run's size: four policies, 64 prompts, six
// goals.
func BenchmarkMeasures(b *testing.B) {
	in := synthetic()
	for b.Loop() {
		if _, err := eval.Measures(in); err != nil {
			b.Fatal(err)
		}
	}
}
