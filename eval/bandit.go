package eval

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"gonum.org/v1/gonum/floats"
)

// A Bandit is a choice among arms of known rewards, with pairs of a preferred
// arm and another one: the paper's Table 2, where DPO's optimum is known exactly.
type Bandit struct {
	Name    string
	Rewards []float64
	Pairs   [][2]int
}

// Bandits are the two of the paper.
var Bandits = []Bandit{
	{"one pair, rewards 9 and 8", []float64{9, 8}, [][2]int{{0, 1}}},
	{"two pairs, rewards 9, 1 and 0", []float64{9, 1, 0}, [][2]int{{0, 2}, {1, 2}}},
}

// A BanditGoal is a policy of a bandit and the pairs that it learns from.
type BanditGoal struct {
	Name  string
	Pairs [][2]int
}

// Goals are the policy without a goal, on the pairs, and that of each reward as
// a goal, on the pairs that the relabelled set has there: under the goal that an
// arm reaches it is preferred to the arm it was paired with.
func (b Bandit) Goals() []BanditGoal {
	out := []BanditGoal{{"D", b.Pairs}}
	for arm, r := range b.Rewards {
		g := BanditGoal{Name: fmt.Sprint("g = ", r)}
		for _, p := range b.Pairs {
			switch arm {
			case p[0]:
				g.Pairs = append(g.Pairs, p)
			case p[1]:
				g.Pairs = append(g.Pairs, [2]int{p[1], p[0]})
			}
		}
		out = append(out, g)
	}
	return out
}

// A BanditLoss is how a bandit is learnt.
type BanditLoss struct {
	Name    string
	Loss    string // of dpo.loss
	Beta    float64
	Epsilon float64 // share of labels taken as flipped
	Sampled bool    // each pair in both orders, as often as Bradley and Terry say
}

// BanditLosses are DPO with and without smoothing, IPO, and DPO on preferences
// that are sampled.
var BanditLosses = []BanditLoss{
	{Name: "DPO, ε 0, β 0.1", Loss: "sigmoid", Beta: 0.1},
	{Name: "DPO, ε 0.1, β 1", Loss: "sigmoid", Beta: 1, Epsilon: 0.1},
	{Name: "DPO, ε 0.3, β 1", Loss: "sigmoid", Beta: 1, Epsilon: 0.3},
	{Name: "DPO, ε 0.3, β 0.1", Loss: "sigmoid", Beta: 0.1, Epsilon: 0.3},
	{Name: "IPO, τ 0.5", Loss: "ipo_sum", Beta: 0.5},
	{Name: "DPO, sampled preferences, β 1", Loss: "sigmoid", Beta: 1, Sampled: true},
}

// Shift is by how much the optimum raises log π/π_ref of a pair's preferred arm
// over the other's; infinite where nothing but time bounds it. The lead is that
// of the rewards.
func (l BanditLoss) Shift(lead float64) float64 {
	switch {
	case l.Sampled:
		return lead / l.Beta // logit of σ(lead)
	case l.Loss == "ipo_sum":
		return 1 / (2 * l.Beta)
	}
	return math.Log((1-l.Epsilon)/l.Epsilon) / l.Beta
}

// Optimum is what gradient descent on a table of logits comes to from the
// reference: every pair's preferred arm shifted by z against the other, the sum
// of logits kept in each connected component, arms of no pair left alone. So
// π ∝ π_ref·exp(k·z), with k an arm's place above its component's mean. The pairs
// are a forest.
func Optimum(ref []float64, pairs [][2]int, z float64) []float64 {
	places := places(len(ref), pairs)
	top := floats.Max(places)
	out := make([]float64, len(ref))
	for i, k := range places {
		if k == top {
			out[i] = ref[i]
		} else {
			out[i] = ref[i] * math.Exp((k-top)*z)
		}
	}
	floats.Scale(1/floats.Sum(out), out)
	return out
}

// places are how many shifts each arm stands above the mean of its component.
func places(n int, pairs [][2]int) []float64 {
	out := make([]float64, n)
	seen := make([]bool, n)
	for start := range n {
		if seen[start] {
			continue
		}
		seen[start] = true
		component := []int{start}
		for i := 0; i < len(component); i++ {
			for _, p := range pairs {
				for side, step := range []float64{-1, 1} {
					if arm, other := p[side], p[1-side]; arm == component[i] && !seen[other] {
						seen[other] = true
						out[other] = out[arm] + step
						component = append(component, other)
					}
				}
			}
		}
		mean := 0.0
		for _, i := range component {
			mean += out[i] / float64(len(component))
		}
		for _, i := range component {
			out[i] -= mean
		}
	}
	return out
}

// A BanditRun is one policy as the closed form has it and as it was learnt.
type BanditRun struct {
	Task      Bandit
	Loss      BanditLoss
	Reference []float64
	Goal      BanditGoal
	Reached   []float64
}

// Closed is the closed form.
func (r BanditRun) Closed() []float64 {
	return Optimum(r.Reference, r.Goal.Pairs, r.Loss.Shift(r.Task.Rewards[0]-r.Task.Rewards[1]))
}

// Off is the largest distance of a reached probability from the closed form.
func (r BanditRun) Off() float64 { return floats.Distance(r.Reached, r.Closed(), math.Inf(1)) }

// A BanditTime is the margin z that gradient flow reaches on one pair without
// smoothing from a uniform reference, at a time t in learning rate × steps. It
// solves z + exp(z) = 1 + 2β²t: unlearning goes on for ever, with the logarithm
// of t.
type BanditTime struct{ Beta, Time, Reached float64 }

// Closed is the margin of the closed form, by Newton's method.
func (t BanditTime) Closed() float64 {
	right := 1 + 2*t.Beta*t.Beta*t.Time
	z := math.Log(right) // from above, so that it falls to the root
	for range 100 {
		z -= (z + math.Exp(z) - right) / (1 + math.Exp(z))
	}
	return z
}

// BanditTolerance is how near a bandit is held to its closed forms.
const BanditTolerance = 1e-5

// BanditPage shows runs and the time course, with what the paper says of them.
func BanditPage(runs []BanditRun, course []BanditTime) (Page, Result, []Item) {
	p := Page{Name: "bandit", Title: "Table 2: what plain and goal-conditioned policies learn from known rewards",
		Lead: "Tables of logits, one a goal, trained from the reference by gradient descent on the loss rows that train models, beside the closed forms of their optima."}
	off := 0.0
	all := Table{Title: "Every policy: closed form and reached", Head: []string{"task", "reference", "loss", "policy", "closed form", "reached", "difference"}}
	var items []Item
	for _, r := range runs {
		off = max(off, r.Off())
		all.row(r.Task.Name, tuple(r.Reference, 2), r.Loss.Name, r.Goal.Name, tuple(r.Closed(), 5), tuple(r.Reached, 5), fmt.Sprintf("%.1e", r.Off()))
		items = append(items, Item{ID: strings.Join([]string{r.Task.Name, tuple(r.Reference, 2), r.Loss.Name, r.Goal.Name}, "; "), Values: map[string]float64{"difference": r.Off()}})
	}
	times := Table{Title: "Time course of one pair, ε 0", Note: "Margin z = β·(log-ratio) at learning rate × steps t, by gradient flow; closed form z + exp z = 1 + 2β²t.",
		Head: []string{"t", "closed form", "reached", "difference"}}
	late := 0.0
	for _, t := range course {
		d := math.Abs(t.Reached - t.Closed())
		late = max(late, d)
		times.row(fmt.Sprint(t.Time), fmt.Sprintf("%.6f", t.Closed()), fmt.Sprintf("%.6f", t.Reached), fmt.Sprintf("%.1e", d))
		items = append(items, Item{ID: fmt.Sprint("time ", t.Time), Values: map[string]float64{"difference": d}})
	}
	p.Claims = append([]Claim{
		{Text: "Every policy is within 1e-5 of its closed form", Number: fmt.Sprintf("%.1e over %d policies", off, len(runs)), Holds: off <= BanditTolerance && len(runs) > 0},
		{Text: "The time course is within 1e-5 of its closed form", Number: fmt.Sprintf("%.1e over %d times", late, len(course)), Holds: late <= BanditTolerance && len(course) > 0},
	}, tableTwo(runs)...)
	p.Tables = []Table{all, times}
	p.Notes = []string{
		"At goal 9 of the second task no relabelled pair has y2: it leaves only because gradient descent keeps the sum of logits of y1 and y3, as exp(−Z/2) where y3 leaves as exp(−Z). That is so of descent from the reference, not of the loss.",
		"At goal 9 of the first task the conditioned table unlearns y2 exactly as the plain one does; what keeps y2 is the policy at goal 8.",
		"The paper calls y2's probability a in the second task arbitrary. Descent from the reference makes it π_ref(2)/(π_ref(1) + π_ref(2)).",
	}
	r := Result{Benchmark: "bandit", Version: "1", Model: "table", Metrics: MetricsOf(items, pairedSeed), Seed: pairedSeed, Settings: map[string]any{"tolerance": BanditTolerance, "losses": BanditLosses}}
	r.Metrics["largest_difference"] = Metric{Value: max(off, late), CI: [2]float64{max(off, late), max(off, late)}, N: int64(len(items))}
	return p, r, items
}

// tableTwo are the rows of the paper's Table 2, of a uniform reference and no
// smoothing.
func tableTwo(runs []BanditRun) []Claim {
	want := []struct {
		task int
		goal string
		text string
		is   []float64
	}{
		{0, "D", "Plain DPO unlearns the arm of reward 8: (1, 0)", []float64{1, 0}},
		{0, "g = 8", "Goal 8 brings it back: (0, 1)", []float64{0, 1}},
		{1, "D", "Plain DPO learns the arm of reward 1 as well as that of 9: (1 − a, a, 0), a = ½", []float64{0.5, 0.5, 0}},
		{1, "g = 9", "Goal 9 has the arm of reward 9 alone: (1, 0, 0)", []float64{1, 0, 0}},
		{1, "g = 1", "Goal 1 that of reward 1: (0, 1, 0)", []float64{0, 1, 0}},
		{1, "g = 0", "Goal 0 that of reward 0: (0, 0, 1)", []float64{0, 0, 1}},
	}
	var out []Claim
	for _, w := range want {
		at := slices.IndexFunc(runs, func(r BanditRun) bool {
			return r.Task.Name == Bandits[w.task].Name && r.Goal.Name == w.goal && r.Loss == BanditLosses[0] && floats.Max(r.Reference) == floats.Min(r.Reference)
		})
		if at < 0 {
			continue
		}
		reached := runs[at].Reached
		out = append(out, Claim{Text: w.text, Number: fmt.Sprintf("%s, expected reward %.2f", tuple(reached, 3), floats.Dot(reached, runs[at].Task.Rewards)),
			Holds: floats.EqualApprox(reached, w.is, BanditTolerance)})
	}
	return out
}

func tuple(values []float64, decimals int) string {
	var texts []string
	for _, v := range values {
		texts = append(texts, fmt.Sprintf("%.*f", decimals, v))
	}
	return "(" + strings.Join(texts, ", ") + ")"
}
