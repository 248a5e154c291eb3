package configs

import (
	"iter"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// lossKeys holds, for each loss that dpo.loss may name, the numbers under dpo
// that it reads and what they are when they are not set: what its paper or TRL
// uses. docs/losses.md has the equations.
var lossKeys = map[string]map[string]float64{
	"sigmoid":      {"beta": 0.01, "label_smoothing": 0.3},
	"sigmoid_norm": {"beta": 5, "label_smoothing": 0},
	"robust":       {"beta": 0.1, "label_smoothing": 0.1},
	"hinge":        {"beta": 0.05},
	"ipo":          {"beta": 0.1},
	"ipo_sum":      {"beta": 0.1},
	"exo_pair":     {"beta": 0.1, "label_smoothing": 1e-3},
	"nca_pair":     {"beta": 0.01},
	"bco_pair":     {"beta": 0.01},
	"bco":          {"beta": 0.01},
	"kto":          {"beta": 0.1, "desirable_weight": 1, "undesirable_weight": 1},
	"sppo":         {"beta": 1e-3},
	"sppo_hard":    {"beta": 1e-3},
	"aot":          {"beta": 0.01, "label_smoothing": 0},
	"aot_unpaired": {"beta": 0.01, "label_smoothing": 0},
	"apo_zero":     {"beta": 0.1},
	"apo_down":     {"beta": 0.1},
	"discopop":     {"beta": 0.05, "discopop_tau": 0.05},
	"r_dpo":        {"beta": 0.01, "alpha": 0.05},
	"ld_dpo":       {"beta": 0.1, "alpha": 0.5},
	"dpop":         {"beta": 0.3, "lambda": 50},
	"dpo_sft":      {"beta": 0.01, "eta": 0.005},
	"rpo_bwd_kl":   {"beta": 0.01, "eta": 1},
	"rpo_fwd_kl":   {"beta": 0.01, "eta": 1},
	"rpo_sq":       {"beta": 0.01, "eta": 1},
	"simpo":        {"beta": 2, "gamma": 1, "label_smoothing": 0},
	"cpo":          {"beta": 0.1, "alpha": 1, "label_smoothing": 0},
	"orpo":         {"beta": 0.1},
	"slic":         {"delta": 1, "lambda": 0.1},
	"rrhf":         {"lambda": 1},
	"sft":          {},
	"csft":         {},
	"c_rlft":       {"desirable_weight": 1, "undesirable_weight": 0.1},
	"dpa":          {},
}

// Losses that measure a response by f′(π/π_ref), and those that look at the
// chosen response alone.
var (
	divergent  = strings.Fields("sigmoid sigmoid_norm robust hinge ipo ipo_sum exo_pair discopop r_dpo dpo_sft")
	chosenOnly = strings.Fields("sft csft c_rlft dpa")
	noReward   = strings.Fields("simpo cpo orpo") // their beta is not that of a log-ratio to a reference
)

// A Term is one loss of a sum and its weight.
type Term struct {
	Loss   string
	Weight float64
}

// Terms are the losses that c.Loss names, one or several joined by +, with
// their weights: 1 each unless LossWeights has others.
func (c DPO) Terms() []Term {
	var terms []Term
	for i, name := range strings.Split(c.Loss, "+") {
		t := Term{strings.TrimSpace(name), 1}
		if i < len(c.LossWeights) {
			t.Weight = c.LossWeights[i]
		}
		terms = append(terms, t)
	}
	return terms
}

// chosenOnly reports whether no loss of c looks at rejected responses.
func (c DPO) chosenOnly() bool {
	return !slices.ContainsFunc(c.Terms(), func(t Term) bool { return !slices.Contains(chosenOnly, t.Loss) })
}

// impliesReward reports whether each loss of c fits β·log(π/π_ref) to rewards.
func (c DPO) impliesReward() bool {
	return !slices.ContainsFunc(c.Terms(), func(t Term) bool {
		_, beta := lossKeys[t.Loss]["beta"]
		return !beta || slices.Contains(noReward, t.Loss)
	})
}

// LossDefaults is the numbers that a loss reads and what they are when they
// are not set.
func LossDefaults(loss string) map[string]float64 { return maps.Clone(lossKeys[loss]) }

// Divergent reports whether a loss reads dpo.f_divergence.
func Divergent(loss string) bool { return slices.Contains(divergent, loss) }

// Losses names all losses, sorted.
func Losses() []string { return slices.Sorted(maps.Keys(lossKeys)) }

// reads is the numbers that c's losses read, with the default of the first
// loss that does.
func (c DPO) reads() map[string]float64 {
	keys := map[string]float64{}
	if c.FDivergence == "alpha_divergence" {
		keys["f_alpha"] = 0.5
	}
	for _, t := range slices.Backward(c.Terms()) {
		maps.Copy(keys, lossKeys[t.Loss])
	}
	return keys
}

// lossNumbers yields the keys of c that only some losses read, by name, with
// where their values are.
func (c *Config) lossNumbers() iter.Seq2[string, reflect.Value] {
	return func(yield func(string, reflect.Value) bool) {
		for _, l := range leaves(c) {
			if section, key := split(l.path); section == "dpo" && (key == "f_alpha" || readBy(key) != nil) && !yield(key, l.value) {
				return
			}
		}
	}
}

// settle gives each number that only some losses read, and that nobody has
// set, its value for c's loss, 0 if the loss does not read it: a configuration
// says all that a run depends on and nothing else.
func (c *Config) settle(written func(path string) bool) {
	usual := map[string]float64{}
	before := Default()
	for key, v := range before.lossNumbers() {
		usual[key] = v.Float()
	}
	reads := c.DPO.reads()
	for key, v := range c.lossNumbers() {
		if !written("dpo."+key) && v.Float() == usual[key] {
			v.SetFloat(reads[key])
		}
	}
}

// unread is the paths of numbers that the loss does not read and that are 0.
func (c Config) unread() map[string]bool {
	paths := map[string]bool{}
	reads := c.DPO.reads()
	for key, v := range c.lossNumbers() {
		_, ok := reads[key]
		paths["dpo."+key] = !ok && v.Float() == 0
	}
	return paths
}

// fitLoss judges the losses of c, and the keys that they read or leave unread.
func (c Config) fitLoss(fail func(bad bool, path, format string, args ...any)) {
	var names []string
	for _, t := range c.DPO.Terms() {
		names = append(names, t.Loss)
		_, known := lossKeys[t.Loss]
		fail(!known, "dpo.loss", "%s is not a loss; choose %s, or several joined by +", brief(t.Loss), orList(Losses()))
	}
	one := len(names) == 1
	has := func(losses []string) bool {
		return slices.ContainsFunc(names, func(n string) bool { return slices.Contains(losses, n) })
	}
	unread := func(bad bool, key, by string) {
		fail(bad, "dpo."+key, "dpo.loss %s does not read it; %s", c.DPO.Loss, by)
	}
	reads := c.DPO.reads()
	for key, v := range c.lossNumbers() {
		_, ok := reads[key]
		by := "read by " + strings.Join(readBy(key), ", ")
		if key == "f_alpha" {
			by = "read where dpo.f_divergence is alpha_divergence"
		}
		ok = ok || key == "beta" // which also scales the rewards that metrics report
		unread(!ok && v.Float() != 0, key, by)
	}
	unread(c.DPO.FDivergence != "reverse_kl" && !has(divergent), "f_divergence", "read by "+strings.Join(divergent, ", "))
	unread(c.DPO.Weighting != "none" && c.DPO.chosenOnly(), "weighting", "it weighs pairs")
	fail(!one && slices.Contains(names, "ld_dpo"), "dpo.loss", "ld_dpo weighs tokens, so it cannot be added to another loss")
	fail(one && names[0] == "ld_dpo" && c.DPO.Weighting != "none", "dpo.weighting", "%s is of whole responses and ld_dpo of parts: choose one", c.DPO.Weighting)
	fail(one && names[0] == "ld_dpo" && c.DPO.Alpha > 1, "dpo.alpha", "%v is outside [0, 1], which ld_dpo wants", c.DPO.Alpha)
	fail(slices.Contains(names, "discopop") && c.DPO.DiscopopTau == 0, "dpo.discopop_tau", "0 is outside (0, inf)")
	fail(slices.Contains(names, "exo_pair") && c.DPO.LabelSmoothing == 0, "dpo.label_smoothing", "0 makes exo_pair infinite; its paper has 1e-3")
	fail(len(c.DPO.LossWeights) > 0 && len(c.DPO.LossWeights) != len(names), "dpo.loss_weights",
		"has %d weights for the %d losses of dpo.loss", len(c.DPO.LossWeights), len(names))
}

// readBy names the losses that read a number.
func readBy(key string) []string {
	var names []string
	for _, loss := range Losses() {
		if _, ok := lossKeys[loss][key]; ok {
			names = append(names, loss)
		}
	}
	return names
}
