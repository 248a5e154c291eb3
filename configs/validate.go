package configs

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Validate reports every fault of c at once, as [Errors].
func (c Config) Validate() error {
	if faults := append(c.ranges(), c.needs()...); len(faults) > 0 {
		return faults
	}
	return nil
}

// A rule says what is wrong with a key's value, or nothing.
type rule func(v any) string

// rules holds the range or the choices of every key. A choice after the bar is
// known but not built yet.
var rules = map[string]rule{
	"model":                 anything,
	"prompts.path":          anything,
	"prompts.column":        anything,
	"prompts.held_out":      in("[0, inf)"),
	"prompts.per_iteration": in("[0, inf)"),
	"prompts.max_tokens":    in("[1, inf)"),
	"prompts.responses":     oneOf("drawn given"),
	"prompts.skip_bad":      anything,
	"iterations":            in("[1, 1000]"),
	"seed":                  anything,
	"device":                oneOf("auto cpu cuda"),
	"dtype":                 oneOf("float32 bfloat16"),

	"sampler.backend":            oneOf("native openai"),
	"sampler.n":                  in("[1, 10000]"),
	"sampler.temperature":        in("[0, 100]"),
	"sampler.top_p":              in("(0, 1]"),
	"sampler.top_k":              in("[0, inf)"),
	"sampler.min_p":              in("[0, 1]"),
	"sampler.repetition_penalty": in("(0, 100]"),
	"sampler.stop_strings":       texts,
	"sampler.stop_ids":           ids,
	"sampler.max_tokens":         in("[1, inf)"),
	"sampler.memory":             size,
	"sampler.batch":              in("[1, inf)"),
	"sampler.goal":               oneOf("max none"),

	"sampler.remote.urls":           servers,
	"sampler.remote.protocol":       oneOf("auto completions sglang llama-cpp text chat"),
	"sampler.remote.model":          anything,
	"sampler.remote.key_env":        variable,
	"sampler.remote.concurrency":    in("[1, 4096]"),
	"sampler.remote.timeout":        in("[1, 86400]"),
	"sampler.remote.publish":        anything,
	"sampler.remote.reload":         reloading,
	"sampler.remote.reload_timeout": in("[1, 86400]"),

	"ranker.kind":               oneOf("armorm classifier pairrm rule remote judge"),
	"ranker.model":              anything,
	"ranker.heads":              oneOf("float32 model"),
	"ranker.batch_tokens":       in("[1, inf)"),
	"ranker.non_finite":         oneOf("fail drop"),
	"ranker.pairrm.prompt_form": oneOf("raw chat conversation"),
	"ranker.pairrm.aggregation": oneOf("mean wins bubble"),
	"ranker.remote.urls":        servers,
	"ranker.remote.protocol":    oneOf("openrlhf vllm-classify vllm-pooling vllm-score sglang tei"),
	"ranker.remote.form":        oneOf("template messages plain"),
	"ranker.remote.model":       anything,
	"ranker.remote.key_env":     variable,
	"ranker.remote.concurrency": in("[1, 1024]"),
	"ranker.remote.timeout":     in("[1, 86400]"),
	"ranker.remote.cache":       anything,
	"ranker.judge.method":       oneOf("score weighted pairwise"),
	"ranker.judge.prompt":       anything,
	"ranker.judge.temperature":  in("[0, 100]"),
	"ranker.judge.max_tokens":   in("[1, inf)"),

	"scale.method":   oneOf("minmax quantile affine identity"),
	"scale.scope":    oneOf("first-iteration refit per-prompt"),
	"scale.low":      in("(-inf, inf)"),
	"scale.high":     in("(-inf, inf)"),
	"scale.quantile": in("[0, 0.5)"),
	"scale.slope":    in("(0, inf)"), // a negative one would turn the ranking round
	"scale.offset":   in("(-inf, inf)"),

	"augment.method":          oneOf("ra ra-plus half-ra ira none"),
	"augment.pair":            oneOf("best-worst best-random both threshold all"),
	"augment.prompt":          wording,
	"augment.decimals":        in("[-1, 6]"),
	"augment.attributes":      distinctNames,
	"augment.auto_attributes": in("[0, inf)"),
	"augment.min_margin":      in("[0, inf)"),
	"augment.threshold":       in("(-inf, inf)"),
	"augment.ties":            oneOf("drop keep"),
	"augment.identical":       oneOf("drop keep"),
	"augment.length_limited":  oneOf("keep drop"),
	"augment.parity":          oneOf("paper released-code"),

	"dpo.loss":               anything, // fitLoss
	"dpo.loss_weights":       each(in("[0, inf)")),
	"dpo.beta":               in("(0, inf)"),
	"dpo.label_smoothing":    in("[0, 0.5)"), // from a half on, labels are more often wrong than right
	"dpo.gamma":              in("[0, inf)"),
	"dpo.eta":                in("[0, inf)"),
	"dpo.alpha":              in("[0, inf)"),
	"dpo.lambda":             in("[0, inf)"),
	"dpo.delta":              in("[0, inf)"),
	"dpo.desirable_weight":   in("[0, inf)"),
	"dpo.undesirable_weight": in("[0, inf)"),
	"dpo.discopop_tau":       in("[0, inf)"),
	"dpo.f_divergence":       oneOf("reverse_kl forward_kl js_divergence alpha_divergence"),
	"dpo.f_alpha":            in("[0, inf)"),
	"dpo.weighting":          oneOf("none wpo"),
	"dpo.learning_rate":      in("(0, 1]"),
	"dpo.schedule":           oneOf("cosine linear constant"),
	"dpo.warmup":             in("[0, 1]"),
	"dpo.epochs":             in("[1, 1000]"),
	"dpo.batch":              in("[1, inf)"),
	"dpo.micro_tokens":       in("[1, inf)"),
	"dpo.max_length":         in("[2, inf)"), // a token each of prompt and response
	"dpo.max_prompt_length":  in("[1, inf)"),
	"dpo.grad_clip":          in("[0, inf)"),
	"dpo.weight_decay":       in("[0, inf)"),
	"dpo.optimizer":          oneOf("adamw sgd rmsprop"),
	"dpo.moments":            oneOf("float32 bfloat16 8bit"),
	"dpo.momentum":           in("[0, 1)"),
	"dpo.rmsprop_alpha":      in("[0, 1)"),
	"dpo.ema":                in("[0, 1)"),
	"dpo.adam_beta1":         in("[0, 1)"),
	"dpo.adam_beta2":         in("[0, 1)"),
	"dpo.adam_epsilon":       in("(0, inf)"),
	"dpo.order":              oneOf("shuffled given"),
	"dpo.start":              oneOf("previous base"),
	"dpo.reference":          oneOf("previous base ema"),
	"dpo.data":               oneOf("newest all first"),
	"dpo.lora.rank":          in("[0, 65536]"),
	"dpo.lora.alpha":         in("(0, inf)"),
	"dpo.lora.targets":       distinctNames,
	"dpo.lora.rslora":        anything,
	"dpo.save_every":         in("[1, inf)"),
	"dpo.keep":               in("[1, inf)"),
	"dpo.non_finite":         oneOf("halt skip"),
	"dpo.max_skipped":        in("[1, inf)"),

	"dpo.shard":                  oneOf("none optimizer gradients parameters"),
	"dpo.gradient_checkpointing": anything,

	"eval.goals":       each(in("(-inf, inf)")),
	"eval.n":           in("[1, 10000]"),
	"eval.temperature": in("[0, 100]"),
	"eval.baseline":    anything,
	"eval.rule":        anything,
}

// ranges judges each key alone, then keys that must fit one another.
func (c Config) ranges() Errors {
	var faults Errors
	fail := func(bad bool, path, format string, args ...any) {
		if bad && !slices.ContainsFunc(faults, func(f Fault) bool { return f.Path == path }) {
			faults = append(faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
		}
	}
	unread := c.unread()
	for _, l := range leaves(&c) {
		message := rules[l.path](l.value.Interface())
		fail(message != "" && !unread[l.path], l.path, "%s", message)
	}
	c.fitLoss(fail)
	fail(c.DPO.Momentum > 0 && c.DPO.Optimizer == "adamw", "dpo.momentum", "dpo.optimizer adamw does not read it; its is dpo.adam_beta1")
	fail(c.DPO.RMSpropAlpha != Default().DPO.RMSpropAlpha && c.DPO.Optimizer != "rmsprop", "dpo.rmsprop_alpha",
		"dpo.optimizer %s does not read it", c.DPO.Optimizer)
	fail(c.DPO.LoRA.Rank > 0 && c.DPO.EMA > 0, "dpo.ema", "there is no average of weights with dpo.lora: set it to 0")
	fail(c.DPO.LoRA.Rank > 0 && len(c.DPO.LoRA.Targets) == 0, "dpo.lora.targets", "names no layer, such as q_proj or all-linear")
	fail(c.DPO.LoRA.Rank > 0 && c.DPO.Reference == "ema", "dpo.reference", "ema is no choice with dpo.lora, of which no average is kept: previous is the last adapter, base the model")
	fail(c.DPO.LoRA.Rank == 0 && c.DPO.Reference == "ema" && c.DPO.EMA == 0, "dpo.reference", "ema needs the average of weights that dpo.ema keeps, such as 0.99")
	fail(c.Scale.Low >= c.Scale.High, "scale.low", "%v is not below scale.high, %v", c.Scale.Low, c.Scale.High)
	fail(c.Scale.Fixed() && c.Scale.Scope == "per-prompt", "scale.scope", "per-prompt has no use: scale.method %s is the same for every prompt", c.Scale.Method)
	fail(c.DPO.MaxPromptLength >= c.DPO.MaxLength, "dpo.max_prompt_length",
		"%d leaves no room for a response in dpo.max_length, %d", c.DPO.MaxPromptLength, c.DPO.MaxLength)
	fail(c.DPO.MicroTokens < c.DPO.MaxLength, "dpo.micro_tokens",
		"%d cannot hold one row of dpo.max_length, %d", c.DPO.MicroTokens, c.DPO.MaxLength)
	for i, g := range c.Eval.Goals {
		fail(g < c.Scale.Low || g > c.Scale.High, "eval.goals", "%v is outside the scale, %v to %v", g, c.Scale.Low, c.Scale.High)
		fail(slices.Contains(c.Eval.Goals[:i], g), "eval.goals", "%v stands there twice", g)
	}
	return faults
}

// needs judges what the loop as a whole must have.
func (c Config) needs() Errors {
	var faults Errors
	need := func(ok bool, path, format string, args ...any) {
		if !ok {
			faults = append(faults, Fault{Path: path, Message: fmt.Sprintf(format, args...)})
		}
	}
	need(c.Model != "", "model", "is missing: the folder of the policy, or its name in the Hugging Face cache")
	need(c.Prompts.Path != "", "prompts.path", "is missing: a JSONL, Parquet or Arrow file, or a datasets folder")
	need(!c.Ranker.Neural() || c.Ranker.Model != "", "ranker.model", "is missing: ranker.kind %s reads a model", c.Ranker.Kind)
	need(c.Ranker.Kind != "rule" || c.Ranker.Model == "", "ranker.model", "has no use: ranker.kind rule reads no model")

	faults = append(append(faults, c.asks()...), c.sends()...)
	need(c.Sampler.Backend != "openai" || c.Sampler.Remote.Reload != "", "sampler.remote.reload",
		"is missing: the loop trains policies that the servers must load: vllm, sglang, a command such as ./reload.sh {model}, or none where they do so by themselves")
	need(c.DPO.Shard != "parameters" || c.DPO.LoRA.Rank == 0, "dpo.shard",
		"parameters shares weights that train, and with dpo.lora.rank %d none of the model's do; set gradients", c.DPO.LoRA.Rank)

	least := 2
	if c.Augment.Pair == "both" || c.Augment.Pair == "best-random" && !c.Augment.Released() {
		least = 3 // the random middle response is neither best nor worst
	}
	need(c.Sampler.N >= least, "sampler.n", "%d responses a prompt are too few: augment.pair %s needs %d",
		c.Sampler.N, c.Augment.Pair, least)
	need(c.Sampler.Temperature > 0, "sampler.temperature", "0 draws the same response each time: no pair would differ")
	need(c.Augment.Method != "none" || c.Sampler.Goal == "none" || c.Iterations == 1, "augment.method",
		"none trains no goal, yet sampler.goal asks for one; set that to none too")
	need(c.Augment.Method != "ira" || c.DPO.impliesReward(), "augment.method",
		"ira reads the reward that a first run implies, dpo.beta times the log-ratio to a reference, which dpo.loss %s does not have", c.DPO.Loss)
	need(c.Augment.Method != "ira" || len(c.Augment.Attributes) == 0 && c.Augment.AutoAttributes == 0, "augment.method",
		"ira has one score, the implicit reward, and no attributes")
	need(c.Augment.Method != "ira" || c.Scale.Method != "identity", "scale.method",
		"identity has no use: the implicit rewards of augment.method ira are not on the scale")
	need(c.Augment.Pair != "threshold" || c.Scale.Low < c.Augment.Threshold && c.Augment.Threshold <= c.Scale.High, "augment.threshold",
		"%v parts no responses: scores are %v to %v", c.Augment.Threshold, c.Scale.Low, c.Scale.High)
	need(c.Augment.printsGoal(), "augment.prompt", "prints no goal: it has none of {lines}, {score} and an attribute's {name}")
	need(c.Augment.Method != "none" || len(c.Augment.Attributes) == 0, "augment.attributes",
		"have no use: augment.method none prints no goal")
	need(c.Augment.AutoAttributes == 0 || c.Augment.Method != "none", "augment.auto_attributes",
		"has no use: augment.method none prints no goal")
	need(c.Augment.AutoAttributes == 0 || len(c.Augment.Attributes) == 0, "augment.auto_attributes",
		"chooses what augment.attributes lists already; leave one of them out")
	need(c.Augment.AutoAttributes == 0 || c.Ranker.Kind == "armorm", "augment.auto_attributes",
		"needs a ranker that weighs its attributes: armorm, not %s", c.Ranker.Kind)
	need(!c.Prompts.Given() || c.Prompts.Path != BuiltIn, "prompts.responses", "given needs a file that has them; the built-in prompts have none")
	need(!c.Prompts.Given() || c.Augment.AutoAttributes == 0, "augment.auto_attributes",
		"needs a ranker that weighs its attributes, and prompts.responses given has none; list them in augment.attributes")
	need(c.Ranker.Kind == "armorm" || c.Ranker.Kind == "rule" || len(c.Augment.Attributes) == 0, "augment.attributes",
		"need a ranker that has them: armorm or rule, not %s", c.Ranker.Kind)
	return faults
}

// printsGoal says whether the goal prompt has a place for a number.
func (a Augment) printsGoal() bool {
	places := []string{"{lines}", "{score}"}
	for _, name := range Labels(a.Attributes) {
		places = append(places, "{"+name+"}")
	}
	return !strings.Contains(a.Prompt, "{") || slices.ContainsFunc(places, func(p string) bool { return strings.Contains(a.Prompt, p) })
}

func anything(any) string { return "" }

// oneOf lists the choices of a key and, after a bar, those still to come.
func oneOf(list string) rule {
	now, later, _ := strings.Cut(list, "|")
	choices := strings.Fields(now)
	return func(v any) string {
		s := v.(string)
		switch {
		case slices.Contains(choices, s):
			return ""
		case slices.Contains(strings.Fields(later), s):
			return s + " is not supported yet; choose " + orList(choices)
		}
		return brief(s) + " is not a choice; choose " + orList(choices)
	}
}

// in is an interval in the usual notation, such as [0, 0.5).
func in(interval string) rule {
	lo, hi, _ := strings.Cut(interval[1:len(interval)-1], ",")
	low, errLow := strconv.ParseFloat(lo, 64)
	high, errHigh := strconv.ParseFloat(strings.TrimSpace(hi), 64)
	if errLow != nil || errHigh != nil {
		panic("configs: bad interval " + interval) // a slip in the table above
	}
	return func(v any) string {
		x, whole := number(v)
		ok := x > low || x == low && interval[0] == '['
		ok = ok && (x < high || x == high && strings.HasSuffix(interval, "]"))
		switch {
		case !ok:
			return fmt.Sprintf("%v is outside %s", v, interval)
		case whole && x > math.MaxInt32: // tables hold counts as int32
			return fmt.Sprintf("%v is larger than %d", v, math.MaxInt32)
		}
		return ""
	}
}

// number widens v and says whether it is a whole number.
func number(v any) (x float64, whole bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case float64:
		return v, false
	}
	return math.NaN(), false
}

// each applies r to every number of a list.
func each(r rule) rule {
	return func(v any) string {
		for _, x := range v.([]float64) {
			if message := r(x); message != "" {
				return message
			}
		}
		return ""
	}
}

// wording is one that is known by name, or the user's own with braces in it.
func wording(v any) string {
	message := oneOf("paper released-code")(v)
	if message == "" || strings.Contains(v.(string), "{") {
		return ""
	}
	return message + ", or a text of your own with {score}, {lines} or an attribute's {name}"
}

// distinctNames judges a list of names, each label or label=name.
func distinctNames(v any) string {
	entries := v.([]string)
	for i, entry := range entries {
		label, name := Attribute(entry)
		if label == "" || name == "" || strings.ContainsAny(entry, " \t\n\r:") {
			return brief(entry) + " is not a name: no spaces or colons, and not empty"
		}
		if slices.Contains(Labels(entries[:i]), label) {
			return label + " stands there twice"
		}
	}
	return ""
}

// orList joins as English does: a, b or c.
func orList(list []string) string {
	last := len(list) - 1
	if last == 0 {
		return list[0]
	}
	return strings.Join(list[:last], ", ") + " or " + list[last]
}
