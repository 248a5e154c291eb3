package sampler

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
)

// TestPhilox holds the generator to the vectors of its authors' library.
func TestPhilox(t *testing.T) {
	tests := []struct {
		counter [4]uint32
		key     [2]uint32
		want    [4]uint32
	}{
		{want: [4]uint32{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
		{[4]uint32{^uint32(0), ^uint32(0), ^uint32(0), ^uint32(0)}, [2]uint32{^uint32(0), ^uint32(0)},
			[4]uint32{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
		{[4]uint32{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, [2]uint32{0xa4093822, 0x299f31d0},
			[4]uint32{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
	}
	for _, tt := range tests {
		if got := philox(tt.counter, tt.key); got != tt.want {
			t.Errorf("philox(%x, %x) = %x, want %x", tt.counter, tt.key, got, tt.want)
		}
	}
}

// TestChooseFollowsTheDistribution compares 40,000 draws with the exact
// distribution by chi-square, at several settings.
func TestChooseFollowsTheDistribution(t *testing.T) {
	weights := []float64{8, 1, 4, 2, .5, .25, 4, .05}
	tests := []struct {
		name        string
		temperature float64
		topP        float64
		topK        int
		keep        []bool
	}{
		{"plain", 1, 1, 0, []bool{true, true, true, true, true, true, true, true}},
		{"hot", 2, 1, 0, []bool{true, true, true, true, true, true, true, true}},
		{"top-k", 1, 1, 3, []bool{true, false, true, false, false, false, true, false}},
		{"top-k ties keep the lower id", 1, 1, 2, []bool{true, false, true, false, false, false, false, false}},
		{"top-p", 1, .85, 0, []bool{true, false, true, true, false, false, true, false}},
		{"both", 1, .7, 3, []bool{true, false, true, false, false, false, false, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var total, kept float64
			for _, w := range weights {
				total += w
			}
			logps, want := make([]float32, len(weights)), make([]float64, len(weights))
			for i, w := range weights {
				logps[i] = float32(math.Log(w / total))
				if tt.keep[i] {
					want[i] = math.Pow(w, 1/tt.temperature)
					kept += want[i]
				}
			}
			const draws = 40_000
			counts := make([]float64, len(weights))
			c := chooser{temperature: tt.temperature, topP: tt.topP, topK: tt.topK}
			for i := range draws {
				counts[c.choose(logps, newStream(5, []int32{1, 2}, i/100).uniform(i%100))]++
			}
			var chi, cells float64
			for i, p := range want {
				if p == 0 {
					if counts[i] > 0 {
						t.Errorf("token %d was drawn %v times and should not be kept", i, counts[i])
					}
					continue
				}
				expected := draws * p / kept
				chi += (counts[i] - expected) * (counts[i] - expected) / expected
				cells++
			}
			if p := 1 - (distuv.ChiSquared{K: cells - 1}).CDF(chi); p < 1e-3 {
				t.Errorf("chi-square %.1f over %v cells: p = %.2g", chi, cells, p)
			}
		})
	}
}

func TestUniformIsInRangeAndMoves(t *testing.T) {
	seen := map[float64]bool{}
	for i := range 1000 {
		u := newStream(1, []int32{4}, 0).uniform(i)
		if u < 0 || u >= 1 || seen[u] {
			t.Fatalf("position %d: %v", i, u)
		}
		seen[u] = true
	}
}
