package torch_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"

	"radpo/internal/torch"
)

// weights of eight tokens; those of 2 and 6 are equal.
var weights = []float64{8, 1, 4, 2, .5, .25, 4, .05}

// TestDrawFollowsTheDistribution compares 40,000 draws with the exact
// distribution by chi-square, and log-probabilities with it to 1e-5.
func TestDrawFollowsTheDistribution(t *testing.T) {
	all := []bool{true, true, true, true, true, true, true, true}
	seen := []int32{0, 7, 0}
	off := float32(math.Inf(-1))
	changes := []torch.Change{{ID: 0}, {ID: 7}, {ID: 0}, {ID: 0, Add: -3}, {ID: 5, Add: 2}, {ID: 2, Add: off}}
	tests := []struct {
		name string
		draw torch.Draw
		keep []bool
	}{
		{"plain", torch.Draw{Temperature: 1, TopP: 1}, all},
		{"hot", torch.Draw{Temperature: 2, TopP: 1}, all},
		{"cold", torch.Draw{Temperature: 0.5, TopP: 1}, all},
		{"top-k", torch.Draw{Temperature: 1, TopP: 1, TopK: 3}, []bool{true, false, true, false, false, false, true, false}},
		{"top-k keeps ties", torch.Draw{Temperature: 1, TopP: 1, TopK: 2}, []bool{true, false, true, false, false, false, true, false}},
		{"top-p", torch.Draw{Temperature: 1, TopP: .85}, []bool{true, false, true, true, false, false, true, false}},
		{"top-p splits ties by id", torch.Draw{Temperature: 1, TopP: .6}, []bool{true, false, true, false, false, false, false, false}},
		{"tiny top-p", torch.Draw{Temperature: 1, TopP: 1e-9}, []bool{true, false, false, false, false, false, false, false}},
		{"both", torch.Draw{Temperature: 1, TopP: .7, TopK: 3}, []bool{true, false, true, false, false, false, false, false}},
		{"min-p", torch.Draw{Temperature: 1, TopP: 1, MinP: .2}, []bool{true, false, true, true, false, false, true, false}},
		{"hot min-p", torch.Draw{Temperature: 2, TopP: 1, MinP: .4}, []bool{true, false, true, true, false, false, true, false}},
		{"repetition", torch.Draw{Temperature: 1, TopP: 1, Penalty: 2, SeenEnd: 3}, all},
		{"bias", torch.Draw{Temperature: 2, TopP: 1, Bias: 3, BiasEnd: 5}, all},
		{"a token that may not come", torch.Draw{Temperature: 1, TopP: 1, Bias: 5, BiasEnd: 6}, []bool{true, true, false, true, true, true, true, true}},
		{"bias before repetition", torch.Draw{Temperature: 1, TopP: 1, Bias: 3, BiasEnd: 5, Penalty: 2, SeenEnd: 3}, all},
		{"repetition and top-k", torch.Draw{Temperature: 1, TopP: 1, TopK: 2, Penalty: 4, SeenEnd: 3}, []bool{false, false, true, false, false, false, true, false}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			logits := make([]float32, len(weights))
			want, model := make([]float64, len(weights)), make([]float64, len(weights))
			var kept, total float64
			for i, w := range weights {
				l := math.Log(w)
				logits[i], model[i] = float32(l), w
				total += w
				for _, c := range changes[tt.draw.Bias:tt.draw.BiasEnd] {
					if int(c.ID) == i {
						l += float64(c.Add)
					}
				}
				if tt.draw.SeenEnd > 0 && slices.Contains(seen, int32(i)) {
					if l > 0 {
						l /= tt.draw.Penalty
					} else {
						l *= tt.draw.Penalty
					}
				}
				if tt.keep[i] {
					want[i] = math.Exp(l / tt.draw.Temperature)
					kept += want[i]
				}
			}
			const draws = 40_000
			counts := make([]float64, len(weights))
			rng := rand.New(rand.NewPCG(1, 2))
			for _, d := range drawn(t, logits, tt.draw, draws, rng, changes) {
				counts[d.ID]++
				if got := float64(d.Logprob); math.Abs(got-math.Log(model[d.ID]/total)) > 1e-5 {
					t.Fatalf("token %d: log-probability %v, want %v", d.ID, got, math.Log(model[d.ID]/total))
				}
				if got := float64(d.Drawn); math.Abs(got-math.Log(want[d.ID]/kept)) > 1e-5 {
					t.Fatalf("token %d: drawn with log-probability %v, want %v", d.ID, got, math.Log(want[d.ID]/kept))
				}
			}
			chiSquare(t, counts, want, kept)
		})
	}
}

// drawn makes n draws from one row of logits.
func drawn(t *testing.T, logits []float32, d torch.Draw, n int, rng *rand.Rand, changes []torch.Change) (out []torch.Draw) {
	t.Helper()
	const batch = 100
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		rows := s.Floats(slices.Repeat(logits, batch), batch, int64(len(logits)))
		for range n / batch {
			list := slices.Repeat([]torch.Draw{d}, batch)
			for i := range list {
				list[i].Target, list[i].Uniform = -1, rng.Float64()
			}
			rows.Draw(list, changes, nil)
			out = append(out, list...)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func chiSquare(t *testing.T, counts, want []float64, kept float64) {
	t.Helper()
	var draws, chi, cells float64
	for _, n := range counts {
		draws += n
	}
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
	if cells < 2 {
		return
	}
	if p := 1 - (distuv.ChiSquared{K: cells - 1}).CDF(chi); p < 1e-3 {
		t.Errorf("chi-square %.1f over %v cells: p = %.2g", chi, cells, p)
	}
}

// TestDrawOverManyTokens holds what is kept of 5,000 tokens, some of them equal
// and some impossible, to a plain sort, and the draw to a plain walk.
func TestDrawOverManyTokens(t *testing.T) {
	const n = 5000
	rng := rand.New(rand.NewPCG(3, 4))
	logits := make([]float32, n)
	for i := range logits {
		logits[i] = float32(math.Round(rng.NormFloat64()*20) / 5)
		if i%7 == 0 {
			logits[i] = float32(math.Inf(-1))
		}
	}
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		switch {
		case logits[a] > logits[b]:
			return -1
		case logits[a] < logits[b]:
			return 1
		}
		return 0
	})
	for _, d := range []torch.Draw{{Temperature: .7, TopP: .9}, {Temperature: 3, TopP: .99}, {Temperature: 1, TopP: 1, TopK: 100}, {Temperature: 1, TopP: .5, TopK: 50, MinP: .3}} {
		keep := plainly(logits, order, d)
		var kept float64
		for _, p := range keep {
			kept += p
		}
		for _, x := range drawn(t, logits, d, 2000, rng, nil) {
			if keep[x.ID] == 0 {
				t.Fatalf("%+v: token %d is not among the kept", d, x.ID)
			}
			var sum float64
			for i := range int(x.ID) + 1 {
				sum += keep[i]
			}
			if goal := x.Uniform * kept; sum < goal*(1-1e-5) || sum-keep[x.ID] > goal*(1+1e-5) {
				t.Fatalf("%+v: token %d covers %v to %v, the draw is %v", d, x.ID, sum-keep[x.ID], sum, goal)
			}
		}
	}
}

// plainly is the kept tokens' weights; order is the tokens by falling logits.
func plainly(logits []float32, order []int, d torch.Draw) []float64 {
	weight := func(i int) float64 { return math.Exp(float64(logits[i]-logits[order[0]]) / d.Temperature) }
	floor := 0.0
	if d.TopK > 0 {
		floor = weight(order[d.TopK-1])
	}
	keep, total, sum := make([]float64, len(logits)), 0.0, 0.0
	for _, i := range order {
		if weight(i) >= floor {
			total += weight(i)
		}
	}
	for _, i := range order {
		w := weight(i)
		if w < floor || sum >= d.TopP*total {
			break
		}
		if sum += w; w >= d.MinP {
			keep[i] = w
		}
	}
	return keep
}

// TestDrawTop: the likeliest tokens, ties by id, by the model's probabilities
// whatever the temperature; greedy takes the first.
func TestDrawTop(t *testing.T) {
	err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error {
		var logits []float32
		var total float64
		for _, w := range weights {
			logits, total = append(logits, float32(math.Log(w))), total+w
		}
		list := []torch.Draw{{Target: -1, Top: 3}, {Target: 5, Top: 0}, {Target: -1, Temperature: 5, TopP: 1, Uniform: .999, Top: 1}}
		top := make([]torch.Alternative, 3*len(list))
		s.Floats(slices.Repeat(logits, len(list)), int64(len(list)), int64(len(logits))).Draw(list, nil, top)
		for i, want := range []int32{0, 2, 6} {
			if top[i].ID != want || math.Abs(float64(top[i].Logprob)-math.Log(weights[want]/total)) > 1e-5 {
				t.Errorf("alternative %d: got %v, want token %d", i, top[i], want)
			}
		}
		if list[0].ID != 0 || list[1].ID != 5 || list[2].ID != 7 || top[6].ID != 0 {
			t.Errorf("got tokens %d, %d, %d, alternative %d; want 0, 5, 7 and 0", list[0].ID, list[1].ID, list[2].ID, top[6].ID)
		}
		if got, want := float64(list[1].Logprob), math.Log(weights[5]/total); math.Abs(got-want) > 1e-5 {
			t.Errorf("token 5 was scored %v, want %v", got, want)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
