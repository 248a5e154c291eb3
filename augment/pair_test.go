package augment

import (
	"math"
	"testing"

	"radpo/internal/table"
)

// TestWins: the mean over a prompt's responses of the probability of being
// preferred; all of them together win half of the time.
func TestWins(t *testing.T) {
	var all []response
	for _, raw := range []float64{math.Log(3), 0, -math.Log(3)} {
		all = append(all, response{score: &table.Score{Raw: raw}})
	}
	judge(all)
	want := []float64{(0.75 + 0.5 + 0.9) / 3, 0.5, (0.25 + 0.1 + 0.5) / 3}
	for i, r := range all {
		if math.Abs(r.win-want[i]) > 1e-12 {
			t.Errorf("response %d wins %v, want %v", i, r.win, want[i])
		}
	}
}
