package eval_test

import (
	"math/rand/v2"
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

// BenchmarkCompare compares two rankers over a twentieth of the paper's
// responses.
func BenchmarkCompare(b *testing.B) {
	rng := rand.New(rand.NewPCG(1, 1))
	one, other := make([]float64, 5000), make([]float64, 5000)
	for i := range one {
		one[i] = rng.NormFloat64()
		other[i] = one[i] + rng.NormFloat64()
	}
	rankings := []eval.Ranking{ranked("one", one...), ranked("other", other...)}
	samples := drawnFor(rankings[0])
	for b.Loop() {
		if _, err := eval.Compare(rankings, samples); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAlpaca is one leaderboard row without a bootstrap: C by
// cross-validation, and the fit.
func BenchmarkAlpaca(b *testing.B) {
	in := publishedModels(b)["FuseChat-Gemma-2-9B-Instruct"]
	for b.Loop() {
		if _, err := eval.AlpacaEval(in); err != nil {
			b.Fatal(err)
		}
	}
}
