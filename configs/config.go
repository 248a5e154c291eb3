package configs

import "strings"

// BuiltIn, in place of a path, stands for what the binary brings along: its
// policy, its reward model or its prompts.
const BuiltIn = "builtin"

// A Config is one run of the loop. Defaults are the paper's on-policy setting.
type Config struct {
	Model      string  `yaml:"model" json:"model"` // a folder, or a name in the Hugging Face cache
	Prompts    Prompts `yaml:"prompts" json:"prompts"`
	Iterations int     `yaml:"iterations" json:"iterations"`
	Seed       int64   `yaml:"seed" json:"seed"`
	Device     string  `yaml:"device" json:"device"` // auto, cpu, cuda
	DType      string  `yaml:"dtype" json:"dtype"`   // float32, bfloat16
	Sampler    Sampler `yaml:"sampler" json:"sampler"`
	Ranker     Ranker  `yaml:"ranker" json:"ranker"`
	Scale      Scale   `yaml:"scale" json:"scale"`
	Augment    Augment `yaml:"augment" json:"augment"`
	DPO        DPO     `yaml:"dpo" json:"dpo"`
	Eval       Eval    `yaml:"eval" json:"eval"`
}

// Prompts says where prompts come from and how iterations share them.
type Prompts struct {
	Path         string `yaml:"path" json:"path"`
	Column       string `yaml:"column" json:"column"`               // of the file that holds them; empty: found by its name
	HeldOut      int    `yaml:"held_out" json:"held_out"`           // prompts kept for evaluation, never trained on
	PerIteration int    `yaml:"per_iteration" json:"per_iteration"` // fresh prompts an iteration; 0: all of them in each
	MaxTokens    int    `yaml:"max_tokens" json:"max_tokens"`       // longer user text loses its middle
	// Responses are drawn from the policy and ranked, or in iteration 1 given by
	// the file of the prompts, with their scores: see docs/data.md.
	Responses string `yaml:"responses" json:"responses"` // drawn, given
	SkipBad   bool   `yaml:"skip_bad" json:"skip_bad"`   // bad rows of the file are left out, and kept beside the table
}

// Given says whether iteration 1 starts from responses that others drew.
func (p Prompts) Given() bool { return p.Responses == "given" }

// Sampler says how responses are drawn.
type Sampler struct {
	Backend     string  `yaml:"backend" json:"backend"` // native, openai: servers elsewhere
	N           int     `yaml:"n" json:"n"`             // responses a prompt
	Temperature float64 `yaml:"temperature" json:"temperature"`
	TopP        float64 `yaml:"top_p" json:"top_p"`
	TopK        int     `yaml:"top_k" json:"top_k"`           // 0: off
	MaxTokens   int     `yaml:"max_tokens" json:"max_tokens"` // limit of a response
	// MinP drops tokens less likely than this share of the likeliest; 0: off.
	MinP float64 `yaml:"min_p" json:"min_p,omitzero"`
	// RepetitionPenalty, above 1, makes tokens of prompt and response less likely
	// (arXiv:1909.05858); 1: off.
	RepetitionPenalty float64 `yaml:"repetition_penalty" json:"repetition_penalty"`
	// StopStrings end a response. Its text is cut before them, its ids are not.
	StopStrings []string `yaml:"stop_strings" json:"stop_strings,omitempty"`
	// StopIDs end a response besides the model's own stop ids, and belong to it.
	StopIDs []int  `yaml:"stop_ids" json:"stop_ids,omitempty"`
	Batch   int    `yaml:"batch" json:"batch"` // responses decoded together, at most
	Memory  string `yaml:"memory" json:"-"`    // of the cache of keys and values: auto, or such as 8GiB
	Goal    string `yaml:"goal" json:"goal"`   // asked for from iteration 2 on: max, none
	Remote  Fleet  `yaml:"remote" json:"remote,omitzero"`
}

// Fleet says which servers the backend openai asks and how they come by new
// weights. Who answers is no part of the JSON form: servers may come and go.
type Fleet struct {
	URLs []string `yaml:"urls" json:"-"` // of servers of the same weights
	// Protocol is how they are asked: completions, OpenAI's with token ids as
	// vLLM and radpo serve take them; sglang; llama-cpp; text and chat, whose
	// answers have no ids; or auto, the first of these that they know.
	Protocol    string `yaml:"protocol" json:"protocol"`
	Model       string `yaml:"model" json:"-"`       // the name that they have for the policy, in which {model} is its folder; empty: their only one
	KeyEnv      string `yaml:"key_env" json:"-"`     // environment variable that holds the key; empty: none is sent
	Concurrency int    `yaml:"concurrency" json:"-"` // requests under way at one server
	Timeout     int    `yaml:"timeout" json:"-"`     // seconds a try
	Publish     string `yaml:"publish" json:"-"`     // folder in which policies are put for the servers; empty: they read the run folder
	// Reload is how servers get the weights of the next policy: none, by
	// themselves; vllm, sglang, by their own means; or a command for sh, in which
	// {model} is the policy's folder.
	Reload        string `yaml:"reload" json:"-"`
	ReloadTimeout int    `yaml:"reload_timeout" json:"-"` // seconds until they answer again
}

// Ranker says who scores.
type Ranker struct {
	Kind        string `yaml:"kind" json:"kind"`                 // armorm, classifier, pairrm, rule, remote, judge
	Model       string `yaml:"model" json:"model"`               // of kind remote: its chat template and tokenizer are enough
	Heads       string `yaml:"heads" json:"heads"`               // float32, or model: rounded like the body, as transformers loads them
	BatchTokens int    `yaml:"batch_tokens" json:"batch_tokens"` // token budget of a batch, padding included
	// NonFinite says what a response is without a finite score: fail, or drop
	// it, counted, from maps, pairs and means.
	NonFinite string `yaml:"non_finite" json:"non_finite"`
	PairRM    PairRM `yaml:"pairrm" json:"pairrm"`
	Remote    Remote `yaml:"remote" json:"remote,omitzero"`
	Judge     Judge  `yaml:"judge" json:"judge,omitzero"`
}

// Neural says whether the ranker is a model folder's weights.
func (r Ranker) Neural() bool {
	return r.Kind == "armorm" || r.Kind == "classifier" || r.Kind == "pairrm"
}

// PairRM says what kind pairrm compares and how outcomes become a score.
type PairRM struct {
	PromptForm  string `yaml:"prompt_form" json:"prompt_form"` // raw: the last user turn; chat: the policy's template; conversation: all turns
	Aggregation string `yaml:"aggregation" json:"aggregation"` // mean of logits in both orders; wins; bubble: best and worst alone
}

// Asks reports whether r is of a kind that asks servers.
func (r Ranker) Asks() bool { return r.Kind == "remote" || r.Kind == "judge" }

// Remote says whom the kinds remote and judge ask. What does not show in
// answers is no part of the JSON form.
type Remote struct {
	URLs        []string `yaml:"urls" json:"urls"`         // of servers that answer alike
	Protocol    string   `yaml:"protocol" json:"protocol"` // of kind remote: openrlhf, vllm-classify, vllm-pooling, vllm-score, sglang, tei
	Form        string   `yaml:"form" json:"form"`         // of a conversation: template, messages, plain
	Model       string   `yaml:"model" json:"model"`       // the name that the server has for its model
	KeyEnv      string   `yaml:"key_env" json:"-"`         // environment variable that holds the key; empty: none is sent
	Concurrency int      `yaml:"concurrency" json:"-"`     // requests under way at once
	Timeout     int      `yaml:"timeout" json:"-"`         // seconds a try
	Cache       string   `yaml:"cache" json:"-"`           // folder of answers that runs share; empty: the run's own
}

// Judge says how kind judge puts its question to a language model.
type Judge struct {
	Method      string  `yaml:"method" json:"method"` // score, weighted, pairwise
	Prompt      string  `yaml:"prompt" json:"prompt"` // file with the question; empty: the built-in one
	Temperature float64 `yaml:"temperature" json:"temperature"`
	MaxTokens   int     `yaml:"max_tokens" json:"max_tokens"`
}

// Scale says how raw scores become 1–10.
type Scale struct {
	Method string `yaml:"method" json:"method"` // minmax, quantile, affine, identity: the ranker's scale is this one
	// Scope is what the map is fitted to: first-iteration, whose map is kept;
	// refit, each iteration; per-prompt, for a ranker such as PairRM whose scores
	// compare only responses to one prompt.
	Scope string  `yaml:"scope" json:"scope"`
	Low   float64 `yaml:"low" json:"low"`
	High  float64 `yaml:"high" json:"high"`
	// Quantile is the share clipped at each end by method quantile.
	Quantile float64 `yaml:"quantile" json:"quantile"`
	// Slope and Offset are method affine: score = slope·raw + offset.
	Slope  float64 `yaml:"slope" json:"slope"`
	Offset float64 `yaml:"offset" json:"offset"`
}

// Fixed says whether the map is the same whatever the scores are.
func (s Scale) Fixed() bool { return s.Method == "affine" || s.Method == "identity" }

// Augment says how scored responses become training rows.
type Augment struct {
	Method     string   `yaml:"method" json:"method"`         // ra, ra-plus, half-ra, ira, none
	Pair       string   `yaml:"pair" json:"pair"`             // best-worst, best-random (of the middle ones), both: two pairs a prompt; threshold, all
	Prompt     string   `yaml:"prompt" json:"prompt"`         // wording: paper, released-code, or a text with {lines}, {score} or an attribute\'s {name}
	Decimals   int      `yaml:"decimals" json:"decimals"`     // of the goal in the prompt; -1: all there are
	Attributes []string `yaml:"attributes" json:"attributes"` // label, label=objective or label=number; empty: one overall goal
	// AutoAttributes is how many attributes to take instead: those with the
	// largest mean coefficient in the first iteration's scores.
	AutoAttributes int     `yaml:"auto_attributes" json:"auto_attributes"`
	MinMargin      float64 `yaml:"min_margin" json:"min_margin"` // pairs closer than this on the 1–10 scale are dropped and counted
	Threshold      float64 `yaml:"threshold" json:"threshold"`   // of pair rule threshold: each response that reaches this score over each that does not

	// What is done with a pair or a response: keep, or drop and count.
	Ties          string `yaml:"ties" json:"ties"`                     // pairs of equal scores, or of which both sides print one goal
	Identical     string `yaml:"identical" json:"identical"`           // pairs of equal ids; training drops them all the same
	LengthLimited string `yaml:"length_limited" json:"length_limited"` // responses that the sampler cut at its token limit

	// Parity is whose word counts where paper and released code differ: see
	// docs/augment.md. The keys that released-code stands for keep their values
	// where they are written out.
	Parity string `yaml:"parity" json:"parity"` // paper, released-code
}

// Attribute parts an entry of Attributes: how prompts call it, and what the
// ranker does.
func Attribute(entry string) (label, name string) {
	label, name, ok := strings.Cut(entry, "=")
	if !ok {
		return entry, entry
	}
	return label, name
}

// Labels are how prompts call attributes.
func Labels(attributes []string) []string {
	var out []string
	for _, a := range attributes {
		label, _ := Attribute(a)
		out = append(out, label)
	}
	return out
}

// BothGoals says whether a pair becomes two rows, one at the score of each of
// its responses.
func (a Augment) BothGoals() bool {
	return a.Method == "ra" || a.Method == "half-ra" || a.Method == "ira"
}

// Numbers is how many numbers a goal has.
func (a Augment) Numbers() int { return max(1, len(a.Attributes), a.AutoAttributes) }

// DPO says how the policy trains.
type DPO struct {
	Loss        string    `yaml:"loss" json:"loss"`                 // one of docs/losses.md, or several joined by +
	LossWeights []float64 `yaml:"loss_weights" json:"loss_weights"` // of a sum, one a loss; empty: 1 each

	// Each loss reads some of these; its own defaults are in lossKeys.
	Beta              float64 `yaml:"beta" json:"beta"`                             // orpo's λ, ipo's τ
	LabelSmoothing    float64 `yaml:"label_smoothing" json:"label_smoothing"`       // share of labels taken as flipped; exo_pair's ε
	Gamma             float64 `yaml:"gamma" json:"gamma"`                           // margin of simpo, absolute
	Eta               float64 `yaml:"eta" json:"eta"`                               // rpo's scale of rewards, dpo_sft's weight of the NLL
	Alpha             float64 `yaml:"alpha" json:"alpha"`                           // r_dpo's price of a token, ld_dpo's weight of the tail, cpo's of the NLL
	Lambda            float64 `yaml:"lambda" json:"lambda"`                         // dpop's penalty, slic's and rrhf's weight of the NLL
	Delta             float64 `yaml:"delta" json:"delta"`                           // margin of slic, nats
	DesirableWeight   float64 `yaml:"desirable_weight" json:"desirable_weight"`     // of chosen responses in kto, of good ones in c_rlft
	UndesirableWeight float64 `yaml:"undesirable_weight" json:"undesirable_weight"` // of the others
	DiscopopTau       float64 `yaml:"discopop_tau" json:"discopop_tau"`
	FDivergence       string  `yaml:"f_divergence" json:"f_divergence"` // reverse_kl, forward_kl, js_divergence, alpha_divergence
	FAlpha            float64 `yaml:"f_alpha" json:"f_alpha"`           // of alpha_divergence
	Weighting         string  `yaml:"weighting" json:"weighting"`       // of pairs: none, wpo

	LearningRate    float64 `yaml:"learning_rate" json:"learning_rate"`
	Schedule        string  `yaml:"schedule" json:"schedule"` // cosine, linear, constant
	Warmup          float64 `yaml:"warmup" json:"warmup"`     // share of all steps
	Epochs          int     `yaml:"epochs" json:"epochs"`
	Batch           int     `yaml:"batch" json:"batch"`               // pairs a step
	MicroTokens     int     `yaml:"micro_tokens" json:"micro_tokens"` // token budget of a micro-batch
	MaxLength       int     `yaml:"max_length" json:"max_length"`
	MaxPromptLength int     `yaml:"max_prompt_length" json:"max_prompt_length,omitempty"`
	GradClip        float64 `yaml:"grad_clip" json:"grad_clip"` // 0: off
	Optimizer       string  `yaml:"optimizer" json:"optimizer"` // adamw, sgd, rmsprop
	Moments         string  `yaml:"moments" json:"moments"`     // of the optimizer: float32, bfloat16, 8bit
	WeightDecay     float64 `yaml:"weight_decay" json:"weight_decay"`
	Beta1           float64 `yaml:"adam_beta1" json:"adam_beta1"`
	Beta2           float64 `yaml:"adam_beta2" json:"adam_beta2"`
	Epsilon         float64 `yaml:"adam_epsilon" json:"adam_epsilon"`
	Momentum        float64 `yaml:"momentum" json:"momentum"` // of sgd and rmsprop
	RMSpropAlpha    float64 `yaml:"rmsprop_alpha" json:"rmsprop_alpha"`
	EMA             float64 `yaml:"ema" json:"ema"` // decay a step of an average of weights, saved in ema/; 0: none
	LoRA            LoRA    `yaml:"lora" json:"lora"`
	Order           string  `yaml:"order" json:"order"`                       // shuffled, given
	Start           string  `yaml:"start" json:"start,omitempty"`             // previous, base
	Reference       string  `yaml:"reference" json:"reference,omitempty"`     // previous, base, or ema: the previous policy's average
	Data            string  `yaml:"data" json:"data,omitempty"`               // newest, all, or first: no fresh samples after iteration 1
	SaveEvery       int     `yaml:"save_every" json:"save_every,omitempty"`   // steps between checkpoints
	Keep            int     `yaml:"keep" json:"keep,omitempty"`               // checkpoints that are kept, the newest
	NonFinite       string  `yaml:"non_finite" json:"non_finite,omitempty"`   // what a loss or gradient that is not finite does: halt the run, or skip the step
	MaxSkipped      int     `yaml:"max_skipped" json:"max_skipped,omitempty"` // steps of a training; one more halts it

	// Shard is what each of several processes keeps a share of alone: none;
	// optimizer (DeepSpeed's ZeRO-1: moments, lower halves of weights, averages);
	// gradients too (ZeRO-2, FSDP's SHARD_GRAD_OP); parameters too (ZeRO-3,
	// FULL_SHARD), gathered layer by layer. The numbers stay the same.
	Shard string `yaml:"shard" json:"shard,omitempty"`

	// GradientCheckpointing (transformers' name) keeps of each layer only what
	// enters it, and runs it again for its gradient: less memory, a third more
	// work, the same result to the last bit.
	GradientCheckpointing bool `yaml:"gradient_checkpointing" json:"gradient_checkpointing,omitempty"`
}

// LoRA trains low-rank changes of linear layers in place of the weights
// (arXiv:2106.09685).
type LoRA struct {
	Rank    int      `yaml:"rank" json:"rank"` // 0: off, all weights train
	Alpha   float64  `yaml:"alpha" json:"alpha"`
	Targets []string `yaml:"targets" json:"targets"` // layers by the ends of their names, such as q_proj; all-linear: all but the head
	RSLoRA  bool     `yaml:"rslora" json:"rslora"`   // changes count alpha/√rank, not alpha/rank
}

// Eval says what is measured on the held-out prompts after each iteration.
type Eval struct {
	Goals       []float64 `yaml:"goals" json:"goals"`
	N           int       `yaml:"n" json:"n"` // responses a prompt and goal
	Temperature float64   `yaml:"temperature" json:"temperature"`
	Baseline    bool      `yaml:"baseline" json:"baseline"` // also train plain DPO beside the first iteration
	Rule        bool      `yaml:"rule" json:"rule"`         // also mark answers with the built-in world's exact rule
}

// Default is the paper's on-policy setting (appendix A.1 and the released
// recipes).
func Default() Config {
	return Config{
		Iterations: 3,
		Seed:       42,
		Device:     "auto",
		DType:      "bfloat16",
		Prompts:    Prompts{HeldOut: 256, MaxTokens: 1024, Responses: "drawn"},
		Sampler: Sampler{Backend: "native", N: 5, Temperature: 0.8, TopP: 0.95, RepetitionPenalty: 1, MaxTokens: 2048, Batch: 256, Memory: "auto", Goal: "max",
			Remote: Fleet{Protocol: "auto", Concurrency: 32, Timeout: 600, ReloadTimeout: 1800}},
		Ranker: Ranker{
			Kind: "armorm", NonFinite: "fail", Heads: "float32", BatchTokens: 16384,
			PairRM: PairRM{PromptForm: "raw", Aggregation: "mean"},
			Remote: Remote{Protocol: "openrlhf", Form: "template", Concurrency: 8, Timeout: 180},
			Judge:  Judge{Method: "score", MaxTokens: 1024},
		},
		Scale:   Scale{Method: "minmax", Scope: "first-iteration", Low: 1, High: 10, Quantile: 0.03, Slope: 10, Offset: 0.5},
		Augment: Augment{Method: "ra", Pair: "best-worst", Prompt: "paper", Decimals: 1, Threshold: 5.5, Ties: "drop", Identical: "drop", LengthLimited: "keep", Parity: "paper"},
		DPO: DPO{
			Loss: "sigmoid", Beta: 0.01, LabelSmoothing: 0.3, FDivergence: "reverse_kl", Weighting: "none", LearningRate: 5e-7, Schedule: "cosine", Warmup: 0.1,
			Epochs: 1, Batch: 128, MicroTokens: 8192, MaxLength: 2048, MaxPromptLength: 1024, GradClip: 1,
			Optimizer: "adamw", Moments: "float32", Beta1: 0.9, Beta2: 0.999, Epsilon: 1e-8, RMSpropAlpha: 0.99, Order: "shuffled", Start: "previous", Reference: "previous",
			Data: "newest", SaveEvery: 50, Keep: 1, NonFinite: "halt", MaxSkipped: 10, Shard: "none",
			LoRA: LoRA{Alpha: 16, Targets: []string{"all-linear"}},
		},
		Eval: Eval{Goals: []float64{2, 4, 6, 8, 10}, N: 1, Temperature: 0.7},
	}
}
