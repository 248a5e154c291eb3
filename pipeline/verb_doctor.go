package pipeline

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"radpo/configs"
	"radpo/internal/chat"
	"radpo/internal/hf"
	"radpo/internal/tokenizer"
	"radpo/ranker"
	"radpo/sampler"
)

// ErrUnusable is what Doctor returns when something is wrong with a folder.
var ErrUnusable = errors.New("the folder cannot be used as it is")

// A Diagnosis is what a model folder is, what it is good for, and all that is
// wrong with it.
type Diagnosis struct {
	Name      string           `json:"name"`
	Path      string           `json:"path"`
	Use       string           `json:"use,omitempty"`    // policy, a ranker.kind, adapter, tokenizer
	Config    string           `json:"config,omitempty"` // what to write into a configuration
	Model     *modelFacts      `json:"model,omitempty"`
	Weights   *weightFacts     `json:"weights,omitempty"`
	Adapter   *hf.Adapter      `json:"adapter,omitempty"`
	Tokenizer *tokenizerFacts  `json:"tokenizer,omitempty"`
	Template  *templateFacts   `json:"template,omitempty"`
	Memory    map[string]int64 `json:"memory,omitempty"` // bytes by what is done, with settings
	Problems  []string         `json:"problems"`
	settings  configs.Config
	text      *tokenizer.Tokenizer
}

type modelFacts struct {
	Architectures []string `json:"architectures"`
	Type          string   `json:"model_type"`
	Layers        int      `json:"layers"`
	Width         int      `json:"width"`
	Heads         int      `json:"heads"`
	KeyValueHeads int      `json:"key_value_heads"`
	Vocabulary    int      `json:"vocabulary"`
	Context       int      `json:"context"`
	Windows       []int    `json:"windows,omitempty"` // of each layer; 0: none
	RoPE          hf.RoPE  `json:"rope"`
}

type weightFacts struct {
	Parameters int64    `json:"parameters"`
	Bytes      int64    `json:"bytes"`
	DTypes     []string `json:"dtypes"`
}

type tokenizerFacts struct {
	Family   string   `json:"family"`
	Size     int      `json:"size"`
	Specials []string `json:"specials"`
}

type templateFacts struct {
	Source    string   `json:"source"`
	System    bool     `json:"system_turn"` // so a goal goes there, else in front of the user's first turn
	BOS       string   `json:"bos"`         // the one that a prompt begins with; empty: none
	EndOfTurn string   `json:"end_of_turn,omitempty"`
	Stops     []string `json:"stops,omitempty"`
	Example   string   `json:"example"` // as the model begins with it: a policy's prompt with a goal, else a conversation
}

// Doctor prints what a model folder, or a name in the Hugging Face cache, is
// and all that is wrong with it: as a page, or as one JSON object. Memory is by
// the settings of the run that it is of, or else the defaults, with overrides.
func Doctor(name string, sets []string, asJSON bool, w io.Writer) error {
	f, err := hf.Open(name)
	if err != nil {
		return &InputError{err}
	}
	defer f.Close()
	c, err := configs.Override(configs.Default(), sets)
	if run := runOf(f); run != "" {
		c, err = configs.Load(filepath.Join(run, ConfigFile), sets)
	}
	if err != nil {
		return err
	}
	d := diagnose(f, c)
	if asJSON {
		err = json.NewEncoder(w).Encode(d)
	} else {
		err = d.print(w)
	}
	if err == nil && len(d.Problems) > 0 {
		err = ErrUnusable
	}
	return err
}

func diagnose(f *hf.Folder, c configs.Config) *Diagnosis {
	d := &Diagnosis{Name: printable(f.Name()), Path: printable(f.Path()), Problems: []string{}, settings: c}
	switch {
	case exists(f, "config.json"):
		d.model(f)
	case exists(f, "adapter_config.json"):
		d.adapter(f)
	case exists(f, "tokenizer.json"):
		d.words(f)
	default:
		d.problem(f, errors.New("it has neither config.json nor adapter_config.json nor tokenizer.json: give the folder that holds one"))
	}
	return d
}

// exists says whether the folder has a name, even one that will not open.
func exists(f *hf.Folder, name string) bool {
	_, err := fs.Stat(f.FS(), name)
	return !errors.Is(err, fs.ErrNotExist)
}

// problem adds the lines of an error, each once.
func (d *Diagnosis) problem(f *hf.Folder, err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		line = printable(strings.TrimPrefix(strings.TrimSpace(line), f.Name()+": "))
		if !slices.Contains(d.Problems, line) {
			d.Problems = append(d.Problems, line)
		}
	}
}

func (d *Diagnosis) model(f *hf.Folder) {
	c, err := f.Config()
	d.problem(f, err)
	if err == nil {
		d.Model = factsOf(c)
	}
	check := checkPolicy
	d.Use, d.Config = "policy", "model: "+d.Name
	if kind, err := ranker.KindOf(f); err == nil {
		check = checkReward(kind)
		d.Use, d.Config = kind, fmt.Sprintf("ranker: {kind: %s, model: %s}", kind, d.Name)
	}
	d.problem(f, check(f))
	tensors, err := f.Tensors()
	d.problem(f, err)
	if err == nil {
		d.Weights = weigh(tensors)
	}
	d.tokenizer(f)
	d.template(f)
	if s, err := shapeOf(f); err == nil && len(d.Problems) == 0 {
		if c := d.settings; d.Use == "policy" {
			d.Memory = map[string]int64{"sample": s.toSample(c), "train": library + s.toTrain(c).Total()}
		} else {
			d.Memory = map[string]int64{"rank": s.toRank(c)}
		}
	}
}

func factsOf(c hf.Config) *modelFacts {
	m := &modelFacts{
		Type: printable(c.ModelType), Layers: c.NumHiddenLayers, Width: c.HiddenSize, Heads: c.NumAttentionHeads, KeyValueHeads: c.NumKeyValueHeads,
		Vocabulary: c.VocabSize, Context: c.MaxPositionEmbeddings, Windows: c.Windows, RoPE: c.RoPE,
	}
	for _, name := range c.Architectures {
		m.Architectures = append(m.Architectures, printable(name))
	}
	return m
}

func weigh(tensors []hf.Tensor) *weightFacts {
	w := &weightFacts{}
	for _, t := range tensors {
		w.Bytes += int64(len(t.Data))
		w.Parameters += int64(len(t.Data)) / t.DType.Size()
		if name := string(t.DType); !slices.Contains(w.DTypes, name) {
			w.DTypes = append(w.DTypes, name)
		}
	}
	return w
}

func (d *Diagnosis) adapter(f *hf.Folder) {
	a, tensors, err := f.Adapter()
	d.problem(f, err)
	if err != nil {
		return
	}
	a.Base = printable(a.Base)
	for i, t := range a.Targets {
		a.Targets[i] = printable(t)
	}
	d.Use, d.Adapter, d.Weights = "adapter", &a, weigh(tensors)
}

// words is about a tokenizer without a model.
func (d *Diagnosis) words(f *hf.Folder) {
	d.Use = "tokenizer"
	d.tokenizer(f)
	if exists(f, "chat_template.jinja") || exists(f, "tokenizer_config.json") {
		d.problem(f, checkText(f))
		d.template(f)
		d.Config = fmt.Sprintf("ranker: {kind: remote, model: %s, …}", d.Name)
	}
}

func (d *Diagnosis) tokenizer(f *hf.Folder) {
	t, err := tokenizer.Load(f.FS())
	if err != nil {
		if d.Use == "tokenizer" {
			d.problem(f, err)
		}
		return
	}
	d.text = t
	d.Tokenizer = &tokenizerFacts{Family: t.Family(), Size: t.Size()}
	for id := range int32(t.Size()) {
		if t.IsSpecial(id) {
			d.Tokenizer.Specials = append(d.Tokenizer.Specials, d.token(id))
		}
	}
}

// token is the spelling of an id.
func (d *Diagnosis) token(id int32) string {
	return printable(fmt.Sprintf("%s·%d", d.text.Token(id), id))
}

// template describes a template that works; what is wrong with another is a
// problem already.
func (d *Diagnosis) template(f *hf.Folder) {
	t, err := openTemplate(f)
	if err != nil || d.text == nil {
		return
	}
	asked, policy := example, d.Use == "policy"
	if policy {
		c := configs.Default().Augment
		asked = t.WithGoal(example[:1], chat.Goal{Wording: c.Prompt, Decimals: c.Decimals}.Text([]float64{10}))
	}
	text, err := t.Render(asked, policy)
	d.problem(f, err)
	ids, bad := t.Encode(d.text, asked, policy, false)
	if d.problem(f, bad); err != nil || bad != nil {
		return
	}
	d.Template = &templateFacts{Source: "tokenizer_config.json", System: t.SystemTurn(), Example: printable(text)}
	if exists(f, "chat_template.jinja") {
		d.Template.Source = "chat_template.jinja"
	}
	generation, err := f.GenerationConfig()
	if err == nil && len(ids) > 0 && slices.Contains(generation.BOS, int(ids[0])) {
		d.Template.BOS = d.token(ids[0])
	}
	if id, ok := t.EndOfTurn(d.text); ok {
		d.Template.EndOfTurn = d.token(id)
	}
	if !policy {
		return
	}
	stops, err := sampler.Stops(f, t, d.text)
	d.problem(f, err)
	slices.Sort(stops)
	for _, id := range slices.Compact(stops) {
		d.Template.Stops = append(d.Template.Stops, d.token(int32(id)))
	}
}
