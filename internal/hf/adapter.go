package hf

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

const (
	adapterConfigFile  = "adapter_config.json"
	adapterWeightsFile = "adapter_model.safetensors"
)

// AllLinear as the one target stands for every linear layer but the head.
const AllLinear = "all-linear"

// An Adapter is what PEFT's adapter_config.json says of a LoRA adapter
// (arXiv:2106.09685).
type Adapter struct {
	Base     string // what it was trained on
	Revision string // of Base in the Hub; empty: main
	Rank     int
	Alpha    float64
	RSLoRA   bool      // scale Alpha/√Rank (arXiv:2312.03732), not Alpha/Rank
	Targets  []string  // layers, by their names or the ends of these
	Target   string    // in place of Targets, a pattern of whole names
	Some     bool      // not all of these layers: those that have tensors
	Ranks    []Pattern // of layers that have another rank than Rank
	Alphas   []Pattern // likewise
}

// A Pattern gives a number to layers, by a regular expression of the ends of
// their names, behind a dot.
type Pattern struct {
	Layers string
	Value  float64
}

// Of is the rank and the alpha of a layer: those of the first pattern that
// matches its name.
func (a Adapter) Of(layer string) (rank int, alpha float64) {
	first := func(patterns []Pattern, otherwise float64) float64 {
		for _, p := range patterns {
			if matches(`^(.*\.)?(`+p.Layers+`)$`, layer) {
				return p.Value
			}
		}
		return otherwise
	}
	return int(first(a.Ranks, float64(a.Rank))), first(a.Alphas, a.Alpha)
}

// Wants says whether a layer is among those to change.
func (a Adapter) Wants(layer string) bool {
	return a.Target != "" && matches(`^(?:`+a.Target+`)$`, layer) ||
		slices.ContainsFunc(a.Targets, func(t string) bool { return Names(t, layer) })
}

// Names says whether an entry of Targets stands for a layer.
func Names(target, layer string) bool {
	return target == layer || strings.HasSuffix(layer, "."+target) || target == AllLinear && layer != "lm_head"
}

// matches is for patterns that parseAdapter has compiled before.
func matches(pattern, layer string) bool {
	r, err := regexp.Compile(pattern)
	return err == nil && r.MatchString(layer)
}

// adapterNotes are keys that change nothing of what an adapter computes, or
// only which layers have tensors. PEFT turns fan_in_fan_out off for linear
// layers.
var adapterNotes = []string{
	"auto_mapping", "corda_config", "eva_config", "fan_in_fan_out", "inference_mode", "loftq_config", "lora_dropout", "megatron_core",
	"peft_version", "qalora_group_size", "task_type", "exclude_modules", "layers_to_transform", "layers_pattern",
}

// IsAdapter says whether f is a folder that PEFT saved, without a model.
func (f *Folder) IsAdapter() bool {
	has := func(name string) bool {
		info, err := f.root.Stat(path.Join(f.dir, name))
		return err == nil && info.Mode().IsRegular()
	}
	return has(adapterConfigFile) && !has("config.json")
}

// OpenAdapted opens the model folder that name is, as [Open] does, with the
// adapter in another folder, or "" for none, as its overlay. Where name itself
// is an adapter, that is the overlay and the model is the base that it names.
func OpenAdapted(name, adapter string) (*Folder, error) {
	f, err := Open(name)
	if err != nil || adapter == "" && !f.IsAdapter() {
		return f, err
	}
	if f.IsAdapter() {
		return f.onBase(adapter)
	}
	if f.overlay, err = Open(adapter); err == nil && !f.overlay.IsAdapter() {
		err = fmt.Errorf("%s is no adapter: it has no %s, or a model's config.json", adapter, adapterConfigFile)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// onBase opens the model that the adapter f was trained on.
func (f *Folder) onBase(second string) (*Folder, error) {
	a, err := f.adapterConfig()
	switch {
	case err != nil:
		err = fmt.Errorf("read %s of %s: %w", adapterConfigFile, f.name, err)
	case second != "":
		err = fmt.Errorf("%s is an adapter itself: merge it first, radpo merge, or name the model", f.name)
	case a.Base == "":
		err = fmt.Errorf("the adapter %s does not say which model it changes: give that as --model, and the adapter as --adapter", f.name)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	name := a.Base
	if _, missing := os.Stat(name); missing != nil && a.Revision != "" {
		name += "@" + a.Revision
	}
	base, err := Open(name)
	if err == nil && base.IsAdapter() {
		err = errors.Join(errors.New("it is an adapter too"), base.Close())
	}
	if err != nil {
		err = fmt.Errorf("the model that the adapter %s changes: %w; if it is elsewhere, give it as --model, and the adapter as --adapter", f.name, err)
		return nil, errors.Join(err, f.Close())
	}
	base.name, base.overlay = f.name, f
	return base, nil
}

// Overlay is the adapter that f was opened with, or nil.
func (f *Folder) Overlay() *Folder { return f.overlay }

// Adapter reads a folder that PEFT saved. The tensors are mapped until Close.
func (f *Folder) Adapter() (Adapter, []Tensor, error) {
	a, err := f.adapterConfig()
	if err != nil {
		return a, nil, fmt.Errorf("read %s of %s: %w", adapterConfigFile, f.name, err)
	}
	file, err := f.mapNamed(adapterWeightsFile)
	if err != nil {
		if _, old := f.root.Stat(path.Join(f.dir, "adapter_model.bin")); old == nil {
			err = errors.New("its tensors are in adapter_model.bin, a pickle that can run code; save them again by PEFT with safe_serialization=True")
		}
		return a, nil, fmt.Errorf("read the adapter of %s: %w", f.name, err)
	}
	return a, file.Tensors, nil
}

func (f *Folder) adapterConfig() (Adapter, error) {
	text, err := f.readText(adapterConfigFile)
	if err != nil {
		return Adapter{}, err
	}
	return parseAdapter(text)
}

// parseAdapter refuses every setting that this file does not know, unless it
// is off.
func parseAdapter(text []byte) (Adapter, error) {
	k, err := parseKeys(text)
	if err != nil {
		return Adapter{}, err
	}
	a := Adapter{Base: value(k, "base_model_name_or_path", ""), Revision: value(k, "revision", ""), Rank: value(k, "r", 0), Alpha: value(k, "lora_alpha", 0.0), RSLoRA: value(k, "use_rslora", false)}
	if json.Unmarshal(k.raw["target_modules"], &a.Target) != nil {
		a.Targets = value(k, "target_modules", []string(nil))
	} else if a.Target == AllLinear {
		a.Target, a.Targets = "", []string{AllLinear}
	} else {
		a.Some = true
		k.pattern("target_modules", a.Target)
	}
	for _, key := range []string{"exclude_modules", "layers_to_transform"} {
		a.Some = a.Some || k.has(key) && !isOff(k.raw[key])
	}
	a.Ranks, a.Alphas = k.patterns("rank_pattern"), k.patterns("alpha_pattern")
	for _, p := range a.Ranks {
		if p.Value < 1 || p.Value > 1<<16 || p.Value != math.Trunc(p.Value) {
			k.fault("rank_pattern", fmt.Errorf("%v is no rank", p.Value))
		}
	}
	if kind := value(k, "peft_type", ""); kind != "LORA" {
		k.fault("peft_type", fmt.Errorf("%q is not supported here; LORA is", kind))
	}
	if bias := value(k, "bias", "none"); bias != "none" {
		k.fault("bias", fmt.Errorf("%q is not supported here; none is", bias))
	}
	if start := string(k.raw["init_lora_weights"]); !slices.Contains([]string{"", "null", "true", "false", `"gaussian"`, `"orthogonal"`, `"eva"`}, start) {
		k.fault("init_lora_weights", fmt.Errorf("%s changes the base model too, which is not supported here", start))
	}
	if a.Rank < 1 || a.Rank > 1<<16 {
		k.fault("r", fmt.Errorf("%d is no rank", a.Rank))
	}
	if len(a.Targets) == 0 && a.Target == "" {
		k.fault("target_modules", errors.New("names no layer"))
	}
	for key, raw := range k.raw {
		read := slices.Contains([]string{"base_model_name_or_path", "r", "lora_alpha", "use_rslora", "target_modules", "peft_type", "bias", "init_lora_weights",
			"rank_pattern", "alpha_pattern", "revision"}, key)
		if !read && !slices.Contains(adapterNotes, key) && !isOff(raw) {
			k.fault(key, fmt.Errorf("%.60s is not supported here", compact(raw)))
		}
	}
	return a, errors.Join(k.faults...)
}

// pattern refuses an expression that Go's regexp does not know.
func (k *keys) pattern(key, text string) {
	if _, err := regexp.Compile(text); err != nil {
		k.fault(key, fmt.Errorf("%.80q is a pattern that is not supported here: list the layers", text))
	}
}

// patterns reads an object of numbers in its order: the first that matches
// counts.
func (k *keys) patterns(key string) (out []Pattern) {
	values := value(k, key, map[string]float64(nil))
	d := json.NewDecoder(bytes.NewReader(k.raw[key]))
	for range len(values)*2 + 1 { // a brace, then names and numbers in turn
		token, err := d.Token()
		if name, ok := token.(string); ok && err == nil {
			k.pattern(key, name)
			out = append(out, Pattern{name, values[name]})
		}
	}
	return out
}

// isOff says whether a JSON value is null, false, zero or empty.
func isOff(raw json.RawMessage) bool {
	return slices.Contains([]string{"null", "false", "0", "0.0", `""`, "{}", "[]"}, compact(raw))
}

// compact is a JSON value in one line.
func compact(raw json.RawMessage) string {
	var b bytes.Buffer
	if json.Compact(&b, raw) != nil {
		return string(raw)
	}
	return b.String()
}

// SaveAdapter writes a new folder that PEFT loads.
func SaveAdapter(dir string, a Adapter, tensors []Tensor) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var base, revision, targets any = nil, nil, a.Targets
	if a.Base != "" {
		base = a.Base
	}
	if a.Revision != "" {
		revision = a.Revision
	}
	if slices.Equal(a.Targets, []string{AllLinear}) {
		targets = AllLinear
	}
	text, err := json.MarshalIndent(map[string]any{
		"base_model_name_or_path": base, "bias": "none", "fan_in_fan_out": false, "inference_mode": true, "init_lora_weights": true,
		"lora_alpha": a.Alpha, "lora_dropout": 0.0, "peft_type": "LORA", "r": a.Rank, "target_modules": targets,
		"revision": revision, "task_type": "CAUSAL_LM", "use_dora": false, "use_rslora": a.RSLoRA,
	}, "", "  ")
	if err != nil {
		return err
	}
	err = writeNew(filepath.Join(dir, adapterConfigFile), func(w io.Writer) error {
		_, err := w.Write(append(text, '\n'))
		return err
	})
	if err != nil {
		return err
	}
	if err := WriteFile(filepath.Join(dir, adapterWeightsFile), tensors, map[string]string{"format": "pt"}); err != nil {
		return err
	}
	return syncDir(dir)
}
