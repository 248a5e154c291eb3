package dpo

import (
	"math"
	"testing"
)

// TestLearningRate holds rates to transformers.get_scheduler (5.17), with
// ceil(warmup·total) steps of warm-up as its Trainer counts them.
func TestLearningRate(t *testing.T) {
	tests := []struct {
		schedule string // ours; constant is constant_with_warmup there
		warmup   float64
		total    int
		want     map[int]float64 // by step, from 0
	}{
		{"cosine", 0.1, 155, map[int]float64{0: 0, 1: 3.125e-08, 19: 4.994255446540899e-07, 38: 4.6972674187124146e-07,
			77: 2.9773306254423513e-07, 153: 2.5536783749266487e-10, 154: 6.385011304704813e-11}},
		{"cosine", 0.03, 7, map[int]float64{0: 0, 1: 5e-07, 3: 3.75e-07, 5: 1.25e-07, 6: 3.349364905389032e-08}},
		{"cosine", 0, 1, map[int]float64{0: 5e-07}},
		{"linear", 0.1, 25, map[int]float64{0: 0, 1: 1.6666666666666665e-07, 3: 5e-07, 6: 4.318181818181818e-07,
			12: 2.9545454545454545e-07, 23: 4.545454545454545e-08, 24: 2.2727272727272725e-08}},
		{"linear", 1, 4, map[int]float64{0: 0, 1: 1.25e-07, 2: 2.5e-07, 3: 3.75e-07}},
		{"constant", 0.25, 8, map[int]float64{0: 0, 1: 2.5e-07, 2: 5e-07, 4: 5e-07, 7: 5e-07}},
	}
	for _, tt := range tests {
		for i, want := range tt.want {
			if got := learningRate(tt.schedule, 5e-7, tt.warmup, i, tt.total); math.Abs(got-want) > 1e-12*5e-7 {
				t.Errorf("%s, warm-up %v: step %d of %d: got %v, want %v", tt.schedule, tt.warmup, i, tt.total, got, want)
			}
		}
	}
}
