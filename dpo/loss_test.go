package dpo

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strings"
	"testing"

	"radpo/configs"
	"radpo/internal/golden"
	"radpo/internal/table"
	"radpo/internal/torch"
)

// settings is a loss's configuration: its own defaults, then what sets say.
func settings(t *testing.T, sets map[string]any) configs.DPO {
	t.Helper()
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(sets)) {
		if key == "kl" || key == "shift" {
			continue // not settings: what the batch brings
		}
		value, err := json.Marshal(sets[key])
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, "dpo."+key+"="+strings.Trim(string(value), `"`))
	}
	c, err := configs.Override(configs.Default(), texts)
	if err != nil {
		t.Fatal(err)
	}
	return c.DPO
}

// onCPU calls fn within a scope.
func onCPU(t *testing.T, fn func(s *torch.Scope)) {
	t.Helper()
	if err := torch.Run(t.Context(), torch.CPU, func(s *torch.Scope) error { fn(s); return nil }); err != nil {
		t.Fatal(err)
	}
}

// A bench is the golden pairs as rows, without ids but of their lengths.
type bench struct {
	rows                       []row
	tokens, refTokens, spreads []float32
}

func readBench(f *golden.File) bench {
	b := bench{tokens: f.Floats("tokens"), refTokens: f.Floats("ref_tokens"), spreads: f.Floats("spreads")}
	lw, ll := f.Floats("chosen_tokens"), f.Floats("rejected_tokens")
	rw, rl := f.Floats("reward_chosen"), f.Floats("reward_rejected")
	for i := range lw {
		b.rows = append(b.rows, row{
			id: fmt.Sprint(i), chosen: make([]int32, int(lw[i])), rejected: make([]int32, int(ll[i])),
			verdict: judge(table.Pair{RewardChosen: float64(rw[i]), RewardRejected: float64(rl[i]), WinChosen: math.NaN()}),
		})
	}
	return b
}

// sums adds tokens by response with a weight each, chosen and then rejected.
func (b bench) sums(tokens, weights []float32) []float32 {
	n, at := len(b.rows), 0
	out := make([]float32, 2*n)
	for i, r := range b.rows {
		for side, response := range [][]int32{r.chosen, r.rejected} {
			for range response {
				out[side*n+i] += tokens[at] * weights[at]
				at++
			}
		}
	}
	return out
}

// TestLosses holds the mean of every loss on six pairs, and its gradient by
// each log-probability, to tools/golden/losses.py: TRL's own code, or the
// paper's equation in PyTorch.
func TestLosses(t *testing.T) {
	f := golden.Open(t, "testdata/losses.safetensors")
	var made struct{ Cases map[string]map[string]any }
	if err := json.Unmarshal([]byte(f.MadeBy), &made); err != nil {
		t.Fatal(err)
	}
	tested := map[string]bool{}
	for name, sets := range made.Cases {
		c := settings(t, sets)
		for _, term := range c.Terms() {
			tested[term.Loss] = true
		}
		t.Run(name, func(t *testing.T) {
			o, err := newObjective(c)
			if err != nil {
				t.Fatal(err)
			}
			b := readBench(f)
			tr := trainer{objective: o, rows: b.rows}
			weights := tailWeights(b.rows, float32(tr.gauge().tail))
			ref, even, n := b.sums(b.refTokens, weights), tailWeights(b.rows, 1), int64(len(b.rows))
			tokens := float64(0)
			for i := range b.rows {
				b.rows[i].refChosen, b.rows[i].refRejected = ref[i], ref[int(n)+i]
				tokens += float64(len(b.rows[i].chosen))
			}
			common := Batch{PerToken: float64(n) / tokens}
			common.KL, _ = sets["kl"].(float64)
			common.Shift, _ = sets["shift"].(float64)
			onCPU(t, func(s *torch.Scope) {
				logps := s.Trainable(s.Floats(b.sums(b.tokens, weights), 2, n))
				loss := s.Mean(o.each(s, tr.look(s, b.rows, logps, s.Floats(b.sums(b.spreads, even), 2, n), common)))
				into := s.Zeros(torch.Float, 2, n)
				torch.Gradients(loss, []torch.Tensor{logps}, []torch.Tensor{into})
				f.Check(name+".loss", loss.Floats(), golden.Steps)
				f.Check(name+".grad", into.Floats(), golden.Steps)
			})
		})
	}
	for loss := range Losses {
		if !tested[loss] {
			t.Errorf("no golden of %s", loss)
		}
	}
}

// TestTable: what may be configured is what can be computed.
func TestTable(t *testing.T) {
	if got, want := slices.Sorted(maps.Keys(Losses)), configs.Losses(); !slices.Equal(got, want) {
		t.Errorf("losses here are %v, in configs %v", got, want)
	}
}

// stepZero is a loss where the policy is its reference.
func stepZero(t *testing.T, sets map[string]any) float64 {
	t.Helper()
	return lossAt(t, sets, [4]float32{-9, -7, -9, -7})
}

// lossAt is the loss of one pair with log π of chosen and rejected, and log
// π_ref of both; 5 and 4 tokens long.
func lossAt(t *testing.T, sets map[string]any, logps [4]float32) (got float64) {
	t.Helper()
	o, err := newObjective(settings(t, sets))
	if err != nil {
		t.Fatal(err)
	}
	r := row{chosen: make([]int32, 5), rejected: make([]int32, 4), refChosen: logps[2], refRejected: logps[3]}
	onCPU(t, func(s *torch.Scope) {
		two := s.Floats(logps[:2], 2, 1)
		tr := trainer{objective: o, rows: []row{r}}
		got = s.Mean(o.each(s, tr.look(s, tr.rows, two, two, Batch{PerToken: 0.2}))).Item()
	})
	return got
}

// TestStepZero: with the policy as its own reference the loss is a constant.
func TestStepZero(t *testing.T) {
	const ln2 = math.Ln2
	half := -.5*math.Log(.9) - .5*math.Log(.1) // cross-entropy of a coin with exo's labels at ε = 0.1
	tests := []struct {
		sets map[string]any
		want float64
	}{
		{map[string]any{"loss": "sigmoid", "label_smoothing": 0}, ln2},
		{map[string]any{"loss": "sigmoid", "label_smoothing": 0.3}, ln2},
		{map[string]any{"loss": "sigmoid_norm"}, ln2},
		{map[string]any{"loss": "robust", "label_smoothing": 0.2}, ln2},
		{map[string]any{"loss": "ipo", "beta": 0.1}, 25},
		{map[string]any{"loss": "ipo_sum", "beta": 0.5}, 1},
		{map[string]any{"loss": "hinge"}, 1},
		{map[string]any{"loss": "kto"}, 1}, // ½ a side
		{map[string]any{"loss": "exo_pair", "label_smoothing": 0.1}, half - ln2},
		{map[string]any{"loss": "nca_pair"}, 2 * ln2},
		{map[string]any{"loss": "bco_pair"}, 2 * ln2},
		{map[string]any{"loss": "bco"}, 2 * ln2},
		{map[string]any{"loss": "sppo_hard", "beta": 0.1}, 50},
		{map[string]any{"loss": "aot"}, ln2},
		{map[string]any{"loss": "aot_unpaired"}, ln2},
		{map[string]any{"loss": "apo_zero"}, 1},
		{map[string]any{"loss": "apo_down"}, 1},
		{map[string]any{"loss": "discopop"}, (ln2 + 1) / 2},
		{map[string]any{"loss": "r_dpo", "alpha": 0.1}, math.Log1p(math.Exp(-0.1))}, // chosen is a token longer
		{map[string]any{"loss": "ld_dpo"}, ln2},
		{map[string]any{"loss": "dpop"}, ln2},
		{map[string]any{"loss": "sigmoid", "label_smoothing": 0, "f_divergence": "js_divergence"}, ln2},
	}
	for _, tt := range tests {
		if got := stepZero(t, tt.sets); math.Abs(got-tt.want) > 1e-6*tt.want {
			t.Errorf("%v: got %v, want %v", tt.sets, got, tt.want)
		}
	}
}

// TestSmoothedFloor: no margin brings cDPO under the entropy of its labels,
// which it reaches at β·margin = ln((1−ε)/ε).
func TestSmoothedFloor(t *testing.T) {
	floor := -.3*math.Log(.3) - .7*math.Log(.7)
	at := func(margin float64) float64 {
		return lossAt(t, map[string]any{"loss": "sigmoid", "beta": 0.01, "label_smoothing": 0.3}, [4]float32{float32(margin), 0, 0, 0})
	}
	best := math.Log(.7/.3) / 0.01 // 84.7 nats
	if got := at(best); math.Abs(got-floor) > 1e-6 || math.Abs(floor-0.6109) > 1e-4 {
		t.Errorf("at the optimum: got %v, want %v", got, floor)
	}
	for _, margin := range []float64{-1000, -84.7, 0, 60, 110, 1000} {
		if got := at(margin); !(got > floor+1e-4) {
			t.Errorf("margin %v: %v is not above the floor %v", margin, got, floor)
		}
	}
}

// TestFarOut: losses and gradients stay finite where the policy has moved far,
// and where it is certain.
func TestFarOut(t *testing.T) {
	for loss := range Losses {
		for _, logps := range [][4]float32{{-1e4, 0, -1, -1}, {0, -1e4, -1, -1}, {0, 0, -1e4, -1e4}} {
			if got := lossAt(t, map[string]any{"loss": loss}, logps); !torch.Finite(got) {
				t.Errorf("%s at %v is %v", loss, logps, got)
			}
		}
	}
}

// TestGoalTurnsRewards: a row that asks for the worse response's score prefers
// it, by as much as the scores differ; its class stays what it was.
func TestGoalTurnsRewards(t *testing.T) {
	none := math.NaN()
	tests := []struct {
		pair table.Pair
		want verdict
	}{
		{table.Pair{RewardChosen: 9, RewardRejected: 4, WinChosen: 0.75, WinRejected: 0.25}, verdict{5, true, 0.75, 0.25}},
		{table.Pair{RewardChosen: 4, RewardRejected: 9, WinChosen: 0.25, WinRejected: 0.75, Goal: []float64{4}}, verdict{5, false, 0.75, 0.25}},
		{table.Pair{RewardChosen: 4, RewardRejected: 9, WinChosen: 0.25, WinRejected: 0.75}, verdict{-5, false, 0.25, 0.75}},
		{table.Pair{RewardChosen: 4, RewardRejected: 4, WinChosen: none, WinRejected: none}, verdict{0, true, 0.5, 0.5}},
	}
	for _, tt := range tests {
		if got := judge(tt.pair); got != tt.want {
			t.Errorf("%+v: got %v, want %v", tt.pair, got, tt.want)
		}
	}
}

// TestDocs holds the tables of docs/losses.md to the code: the losses, the
// keys they read with their defaults, and what they look at.
func TestDocs(t *testing.T) {
	page, err := os.ReadFile("../docs/losses.md")
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]bool{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.ReplaceAll(line, `\|`, ""), " | ")
		name, isRow := strings.CutPrefix(cells[0], "| `")
		if !isRow {
			continue
		}
		name = strings.TrimSuffix(name, "`")
		told[name] = true
		if len(cells) != 5 {
			t.Errorf("%s: %d cells, want 5", name, len(cells))
			continue
		}
		if got, want := cells[3], keysOf(name); got != want {
			t.Errorf("%s: the page says keys %q, want %q", name, got, want)
		}
		if got, want := strings.TrimSuffix(strings.TrimSpace(cells[4]), " |"), looksAt(Losses[name].Needs); got != want {
			t.Errorf("%s: the page says it reads %q, want %q", name, got, want)
		}
	}
	if got, want := slices.Sorted(maps.Keys(told)), configs.Losses(); !slices.Equal(got, want) {
		t.Errorf("the page tells of %v, want %v", got, want)
	}
}

func keysOf(loss string) string {
	var keys []string
	defaults := configs.LossDefaults(loss)
	for _, key := range slices.Sorted(maps.Keys(defaults)) {
		keys = append(keys, fmt.Sprint(key, " ", defaults[key]))
	}
	if configs.Divergent(loss) {
		keys = append(keys, "f_divergence")
	}
	return orNone(keys)
}

func looksAt(n Need) string {
	var words []string
	for _, w := range []struct {
		need Need
		word string
	}{{Rejected, "rejected"}, {Reference, "reference"}, {Rewards, "rewards"}, {Unrelated, "unrelated"}, {Whole, "whole"}, {Tail, "tail"}} {
		if n&w.need != 0 {
			words = append(words, w.word)
		}
	}
	return orNone(words)
}

func orNone(words []string) string {
	if len(words) == 0 {
		return "–"
	}
	return strings.Join(words, ", ")
}
