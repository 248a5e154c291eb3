package eval

import (
	"errors"
	"math"
	"strings"
	"testing"

	"gonum.org/v1/gonum/floats"
)

// TestOptimum holds the closed form to numbers found by a gradient descent of
// their own, in NumPy.
func TestOptimum(t *testing.T) {
	uniform := []float64{1. / 3, 1. / 3, 1. / 3}
	tests := map[string]struct {
		ref  []float64
		task int
		goal string
		loss BanditLoss
		want []float64
		off  float64
	}{
		"ε .3":           {uniform, 1, "D", BanditLosses[2], []float64{.41176, .41176, .17647}, 1e-5},
		"ε .3 at 9":      {uniform, 1, "g = 9", BanditLosses[2], []float64{.48002, .31425, .20572}, 1e-5},
		"ε .3 at 0":      {uniform, 1, "g = 0", BanditLosses[2], []float64{.23077, .23077, .53846}, 1e-5},
		"ε .1":           {uniform, 1, "D", BanditLosses[1], []float64{.47368, .47368, .05263}, 1e-5},
		"ε .1 at 9":      {uniform, 1, "g = 9", BanditLosses[1], []float64{.69231, .23077, .07692}, 1e-5},
		"ε .1 at 0":      {uniform, 1, "g = 0", BanditLosses[1], []float64{.09091, .09091, .81818}, 1e-5},
		"two, β .1":      {[]float64{.5, .5}, 0, "D", BanditLosses[3], []float64{1 - 2.089976e-4, 2.089976e-4}, 1e-9},
		"no smoothing":   {[]float64{.2, .5, .3}, 1, "D", BanditLosses[0], []float64{.285714, .714286, 0}, 1e-6},
		"ipo":            {[]float64{.5, .5}, 0, "D", BanditLosses[4], []float64{.731059, .268941}, 1e-6},
		"sampled":        {[]float64{.5, .5}, 0, "g = 8", BanditLosses[5], []float64{.268941, .731059}, 1e-6},
		"a lone arm":     {[]float64{.2, .5, .3}, 1, "g = 1", BanditLosses[0], []float64{0, 1, 0}, 1e-9},
		"two at 9, at 8": {[]float64{.7, .3}, 0, "g = 8", BanditLosses[0], []float64{0, 1}, 0},
	}
	for name, test := range tests {
		for _, goal := range Bandits[test.task].Goals() {
			if goal.Name != test.goal {
				continue
			}
			r := BanditRun{Task: Bandits[test.task], Loss: test.loss, Reference: test.ref, Goal: goal}
			if got := r.Closed(); floats.Distance(got, test.want, math.Inf(1)) > test.off {
				t.Errorf("%s: %v, want %v", name, got, test.want)
			}
		}
	}
}

func TestTimeCourse(t *testing.T) {
	if z := (BanditTime{Beta: .1, Time: 10000}).Closed(); math.Abs(z-5.27670) > 1e-5 {
		t.Errorf("z %v, want 5.27670", z)
	}
}

// TestBanditVerdict: a policy that is off its closed form fails the page.
func TestBanditVerdict(t *testing.T) {
	r := BanditRun{Task: Bandits[0], Loss: BanditLosses[0], Reference: []float64{.5, .5}, Goal: Bandits[0].Goals()[0], Reached: []float64{1, 0}}
	course := []BanditTime{{Beta: .1, Time: 10000, Reached: 5.276701}}
	p, result, items := BanditPage([]BanditRun{r}, course)
	if err := p.Verdict(); err != nil || len(items) != 2 || result.Metrics["largest_difference"].Value > 1e-5 {
		t.Errorf("%v, %v", err, result.Metrics)
	}
	r.Reached = []float64{.999, .001}
	if p, _, _ = BanditPage([]BanditRun{r}, course); !errors.Is(p.Verdict(), ErrClaim) || !strings.Contains(p.Verdict().Error(), "Every policy") {
		t.Errorf("off by 1e-3: %v", p.Verdict())
	}
}
